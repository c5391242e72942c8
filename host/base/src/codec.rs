//! Numbers, bytes and texts in files of records, little-endian, lengths in front.

use std::io::{self, Read, Write};

/// Memory that a length alone may ask for: a damaged one must not ask for all of it.
const RESERVED_BYTES: u64 = 1 << 20;

/// A number in a record.
pub trait Field: Copy {
    /// Writes the number.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn write(self, out: &mut impl Write) -> io::Result<()>;

    /// Reads what `write` wrote.
    ///
    /// # Errors
    /// A file that cannot be read, or ends.
    fn read(input: &mut impl Read) -> io::Result<Self>;
}

macro_rules! field {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn write(self, out: &mut impl Write) -> io::Result<()> {
                out.write_all(&self.to_le_bytes())
            }

            fn read(input: &mut impl Read) -> io::Result<Self> {
                let mut bytes = [0; size_of::<Self>()];
                input.read_exact(&mut bytes)?;
                Ok(Self::from_le_bytes(bytes))
            }
        }
    )*};
}

field!(u8, u16, u32, u64, u128, f64);

/// Writes how many items follow, as a u32.
///
/// # Errors
/// 2³² items or more, a file that cannot be written.
pub fn write_count(out: &mut impl Write, n: usize) -> io::Result<()> {
    u32::try_from(n).map_err(io::Error::other)?.write(out)
}

/// Writes bytes behind their length, a u64.
///
/// # Errors
/// A file that cannot be written.
pub fn write_bytes(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    (bytes.len() as u64).write(out)?;
    out.write_all(bytes)
}

/// Reads what [`write_bytes`] wrote.
///
/// # Errors
/// A file that cannot be read, or ends.
pub fn read_bytes(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let n_bytes = u64::read(input)?;
    read_n(input, n_bytes)
}

/// Reads `n_bytes` bytes.
///
/// # Errors
/// As [`read_bytes`].
pub fn read_n(input: &mut impl Read, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(n_bytes.min(RESERVED_BYTES) as usize);
    match input.take(n_bytes).read_to_end(&mut bytes)? as u64 == n_bytes {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a text that [`write_bytes`] wrote.
///
/// # Errors
/// As [`read_bytes`], and bytes that are not UTF-8.
pub fn read_text(input: &mut impl Read) -> io::Result<String> {
    text(read_bytes(input)?)
}

/// Bytes of a record as text.
///
/// # Errors
/// Bytes that are not UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(io::Error::other)
}
