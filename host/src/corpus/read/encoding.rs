//! Text of any encoding as UTF-8: by its byte order mark, as the source says, or as a web page declares itself.

use super::charset::declared;
use crate::corpus::Format;
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use std::io::{self, BufRead, BufReader, Cursor, Read};

const BUFFER_BYTES: usize = 1 << 18;
/// How much of a web page is searched for its declaration. Browsers begin with 1024 bytes and go on to the end of the
/// page's head.
const PAGE_HEAD: usize = 1 << 16;
/// No text in UTF-8 has it: what is invalid in another encoding becomes this, and is then treated as invalid UTF-8 is.
const INVALID: u8 = 0xFF;

/// A file's text as UTF-8, as far as it is valid.
pub(super) struct Decoded {
    pub reader: Box<dyn BufRead + Send>,
    /// What it is decoded from: `utf-8`, `gb18030`, `UTF-16LE`.
    pub encoding: &'static str,
    /// Bytes of its byte order mark where no bytes were changed.
    pub offset: u64,
}

/// The encoding of a label such as `gb18030`, `latin1` or `Shift_JIS`; none when it names none.
pub(crate) fn by_label(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(label.as_bytes())
}

/// Decodes a file: a byte order mark says in what, else `label`, else the page itself, else UTF-8 is what it is.
pub(super) fn to_utf8(mut reader: Box<dyn BufRead + Send>, label: Option<&str>, format: Format) -> io::Result<Decoded> {
    let is_page = format == Format::Html;
    let mut head = Vec::new();
    let head_bytes = if is_page { PAGE_HEAD } else { 4 };
    reader.by_ref().take(head_bytes as u64).read_to_end(&mut head)?;
    if head.starts_with(b"\xff\xfe\0\0") || head.starts_with(b"\0\0\xfe\xff") {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "its text is UTF-32, convert it to UTF-8"));
    }
    let of_page = || if is_page { declared(&head) } else { None };
    let (encoding, mark) = match Encoding::for_bom(&head) {
        Some(marked) => marked,
        None => (label.and_then(by_label).or_else(of_page).unwrap_or(UTF_8), 0),
    };
    let mut rest = Cursor::new(head);
    rest.set_position(mark as u64);
    let reader = rest.chain(reader);
    if encoding == UTF_8 {
        return Ok(Decoded { reader: Box::new(reader), encoding: "utf-8", offset: mark as u64 });
    }
    let decoder = encoding.new_decoder_without_bom_handling();
    let reader = BufReader::with_capacity(BUFFER_BYTES, Transcoded { reader, decoder, pending: false, ended: false });
    Ok(Decoded { reader: Box::new(reader), encoding: encoding.name(), offset: 0 })
}

/// A reader of UTF-8 over one of something else.
struct Transcoded<R> {
    reader: R,
    decoder: Decoder,
    /// Something invalid was met, for which there was no room yet.
    pending: bool,
    ended: bool,
}

impl<R: BufRead> Read for Transcoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while n == 0 && !out.is_empty() {
            if std::mem::take(&mut self.pending) {
                out[0] = INVALID;
                return Ok(1);
            }
            if self.ended {
                return Ok(0);
            }
            let bytes = self.reader.fill_buf()?;
            let is_last = bytes.is_empty();
            let (result, n_read, n_written) = self.decoder.decode_to_utf8_without_replacement(bytes, out, is_last);
            self.reader.consume(n_read);
            n = n_written;
            match result {
                DecoderResult::InputEmpty => self.ended = is_last,
                DecoderResult::Malformed(..) => self.pending = true,
                // a character has up to four bytes, and the buffer above has room for many
                DecoderResult::OutputFull if n == 0 => return Err(io::ErrorKind::InvalidInput.into()),
                DecoderResult::OutputFull => {}
            }
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], label: Option<&str>) -> (Vec<u8>, &'static str) {
        let reader = Box::new(BufReader::with_capacity(3, Cursor::new(bytes.to_vec())));
        let mut decoded = to_utf8(reader, label, Format::Text).unwrap();
        let mut text = Vec::new();
        decoded.reader.read_to_end(&mut text).unwrap();
        (text, decoded.encoding)
    }

    #[test]
    fn a_mark_goes_before_the_label() {
        assert_eq!(decode(b"\xef\xbb\xbfx\xc3\xa9", Some("gbk")), ("xé".into(), "utf-8"));
        assert_eq!(decode(b"\xff\xfex\0\xe9\0", Some("gbk")), ("xé".into(), "UTF-16LE"));
        assert_eq!(decode(b"\xfe\xff\0x\xd8\x3d\xdc\x00", None), ("x\u{1f400}".into(), "UTF-16BE"));
        assert_eq!(decode(b"caf\xe9", Some("latin1")), ("café".into(), "windows-1252"));
    }

    #[test]
    fn what_is_invalid_stays_so() {
        // half a surrogate pair, and half a unit at the end
        assert_eq!(decode(b"\xff\xfex\0\x00\xd8y\0", None).0, b"x\xffy");
        assert_eq!(decode(b"\xff\xfex\0y", None).0, b"x\xff");
        assert_eq!(decode(b"\xd6\xd0\xff!", Some("gb18030")).0, "中".bytes().chain(*b"\xff!").collect::<Vec<_>>());
    }
}
