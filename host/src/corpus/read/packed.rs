//! Compressed files as they are found: several streams one after the other, padding, and trailers.

use super::kinds::Compression;
use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const BUFFER_BYTES: usize = 1 << 18;
/// Windows of up to 2 GiB, the most that the format has: `zstd --long=31`. The memory is taken by files that need it.
const ZSTD_WINDOW_LOG: u32 = 31;

/// The unpacked bytes of a file. `trailer` becomes true when bytes follow that belong to no stream: gzip and bzip2 warn
/// of them and ignore them, and so does who reads here.
pub(super) fn unpack(
    file: impl Read + Send + 'static,
    compression: Compression,
    trailer: &Arc<AtomicBool>,
) -> io::Result<Box<dyn BufRead + Send>> {
    let trailer = trailer.clone();
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(Streams::<_, GzDecoder<_>>::new(file, trailer)),
        Compression::Bzip2 => Box::new(Streams::<_, BzDecoder<_>>::new(file, trailer)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(file)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Xz => Box::new(XzReader::new(BufReader::new(file), true)),
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, reader)))
}

/// A decoder of one stream.
trait Stream<R>: Read {
    /// How a stream begins.
    const MAGIC: &'static [u8];

    fn open(input: R) -> Self;

    /// What follows the stream.
    fn into_input(self) -> R;
}

impl<R: BufRead> Stream<R> for GzDecoder<R> {
    const MAGIC: &'static [u8] = b"\x1f\x8b";

    fn open(input: R) -> Self {
        Self::new(input)
    }

    fn into_input(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Stream<R> for BzDecoder<R> {
    const MAGIC: &'static [u8] = b"BZh";

    fn open(input: R) -> Self {
        Self::new(input)
    }

    fn into_input(self) -> R {
        self.into_inner()
    }
}

/// Streams one after the other, with zeros between and after them.
struct Streams<R: Read, S> {
    /// None at the end of the last one.
    current: Option<S>,
    trailer: Arc<AtomicBool>,
    _file: std::marker::PhantomData<R>,
}

impl<R: Read, S: Stream<Input<R>>> Streams<R, S> {
    fn new(file: R, trailer: Arc<AtomicBool>) -> Self {
        let input = Input { file, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 };
        Self { current: Some(S::open(input)), trailer, _file: std::marker::PhantomData }
    }
}

impl<R: Read, S: Stream<Input<R>>> Read for Streams<R, S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(stream) = &mut self.current {
            let n = stream.read(out)?;
            if n > 0 || out.is_empty() {
                return Ok(n);
            }
            let Some(mut input) = self.current.take().map(S::into_input) else { break };
            input.skip_zeros()?;
            let next = input.at_least(S::MAGIC.len())?;
            if next.starts_with(S::MAGIC) {
                self.current = Some(S::open(input));
            } else if !next.is_empty() {
                self.trailer.store(true, Ordering::Relaxed);
            }
        }
        Ok(0)
    }
}

/// A buffered file that can be looked into.
struct Input<R> {
    file: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    /// The next bytes: at least `n`, unless the file ends before.
    fn at_least(&mut self, n: usize) -> io::Result<&[u8]> {
        if self.end - self.start < n {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            while self.end < n {
                match self.file.read(&mut self.buffer[self.end..]) {
                    Ok(0) => break,
                    Ok(n) => self.end += n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Steps over zeros.
    fn skip_zeros(&mut self) -> io::Result<()> {
        while self.at_least(1)?.first() == Some(&0) {
            let n = self.at_least(1)?.iter().take_while(|&&byte| byte == 0).count();
            self.consume(n);
        }
        Ok(())
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.at_least(1)
    }

    fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }
}
