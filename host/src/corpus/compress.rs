//! What general-purpose compressors make of a text: the numbers that a language model's bits per byte stand beside.

use crate::{Error, Result};
use lzma_rust2::{Lzma2Options, Lzma2Writer};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// What surrounds the LZMA2 stream of an `.xz` file: header 12, block header 12, check 8, index 16, footer 12.
const XZ_CONTAINER_BYTES: u64 = 60;

/// The size of a text, plain and compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Of UTF-8 text.
    pub bytes: u64,
    /// After `gzip -9`.
    pub gzip_bytes: u64,
    /// After `xz -9`.
    pub xz_bytes: u64,
}

impl Baseline {
    /// Bits that `gzip -9` needs per byte of text.
    pub fn gzip_bits_per_byte(&self) -> f64 {
        8.0 * self.gzip_bytes as f64 / self.bytes as f64
    }

    /// Bits that `xz -9` needs per byte of text.
    pub fn xz_bits_per_byte(&self) -> f64 {
        8.0 * self.xz_bytes as f64 / self.bytes as f64
    }
}

/// Compresses `text` with gzip -9 and xz -9 and keeps the sizes.
pub fn compression_baseline(text: &[u8]) -> Result<Baseline> {
    let failed = |error: io::Error| Error::run(format!("cannot compress the held-out text: {error}"));
    Ok(Baseline {
        bytes: text.len() as u64,
        gzip_bytes: gzip_bytes(text).map_err(failed)?,
        xz_bytes: xz_bytes(text).map_err(failed)?,
    })
}

fn gzip_bytes(text: &[u8]) -> io::Result<u64> {
    let mut encoder = flate2::write::GzEncoder::new(Counter(0), flate2::Compression::best());
    encoder.write_all(text)?;
    Ok(encoder.finish()?.0)
}

fn xz_bytes(text: &[u8]) -> io::Result<u64> {
    let mut options = Lzma2Options::with_preset(9);
    // A window beyond the text's length changes nothing but takes ten times its size in memory.
    let window = text.len().next_power_of_two().max(1 << 16);
    options.lzma_options.dict_size = options.lzma_options.dict_size.min(u32::try_from(window).unwrap_or(u32::MAX));
    let mut encoder = Lzma2Writer::new(Counter(0), options);
    encoder.write_all(text)?;
    Ok(encoder.finish()?.0.next_multiple_of(4) + XZ_CONTAINER_BYTES)
}

/// Counts what is written to it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
