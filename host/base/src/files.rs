//! Files that a user names. Whole ones are read: an endless file, or a path that is not a file, is an error, so that it
//! neither hangs nor fills the memory. Outputs replace a file only if the user says so.

use crate::{Error, Result};
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

/// The largest size of a config or another text that people write, in bytes.
pub const MAX_TEXT_BYTES: u64 = 16 << 20;
/// The largest size of a plugin or a tokenizer's model, in bytes.
pub const MAX_BINARY_BYTES: u64 = 1 << 30;

/// Reads a regular file of at most `max_bytes`. A directory, a pipe or a device is not even opened, because opening
/// some of them never returns.
///
/// # Errors
/// The path cannot be read, is not a file, or is too long; the error says so without the path.
pub fn read_file(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() {
        return Err(io::Error::other(format!("is {}, expected a file", name(kind))));
    }
    let file = File::open(path)?;
    // not read first: one with holes may be longer than any disk
    let length = file.metadata()?.len();
    if length > max_bytes {
        return Err(too_long(length, max_bytes));
    }
    read_all(file, max_bytes, length)
}

/// Reads the text of a file or a pipe, of at most `max_bytes`.
///
/// # Errors
/// It cannot be read, is too long, or is not UTF-8; the error says so without the path.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    let bytes = read_all(File::open(path)?, max_bytes, 0)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Checks that writing to `path` loses nothing: there is no file, an empty one, a device or a pipe, or the user has
/// said `--overwrite`.
///
/// # Errors
/// A file that would be lost.
pub fn check_output(path: &Path, overwrite: bool) -> Result<()> {
    let is_lost = !overwrite && fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0);
    match is_lost {
        true => Err(Error::usage(format!(
            "{}: expected a new file to write, this one exists; pass --overwrite to replace it, or name another",
            path.display()
        ))),
        false => Ok(()),
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads all of `file`, whose reported size is `length` bytes.
fn read_all(file: File, max_bytes: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(max_bytes)).unwrap_or(0));
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max_bytes {
        true => Err(too_long(bytes.len() as u64, max_bytes)),
        false => Ok(bytes),
    }
}

fn too_long(length: u64, max_bytes: u64) -> io::Error {
    let (length, max) = (length.div_ceil(1 << 20), max_bytes >> 20);
    io::Error::other(format!("has {length} MiB or more, at most {max} MiB are read"))
}

/// Names what is there instead of a file.
fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a directory" } else { "no file" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_before_it_is_read() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("long");
        File::create(&path).and_then(|file| file.set_len(1 << 40)).expect("holes");
        let error = read_file(&path, 4 << 20).expect_err("too long").to_string();
        assert_eq!(error, "has 1048576 MiB or more, at most 4 MiB are read");
        fs::write(&path, vec![7; 4 << 20]).expect("written");
        assert_eq!(read_file(&path, 4 << 20).expect("just short enough").len(), 4 << 20);
        let error = read_file(dir.path(), 1).expect_err("a directory").to_string();
        assert_eq!(error, "is a directory, expected a file");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_never_ends_is_refused() {
        let zero = Path::new("/dev/zero");
        assert_eq!(read_file(zero, 1).expect_err("a device").to_string(), "is a device, expected a file");
        let error = read_text(zero, 1 << 20).expect_err("endless").to_string();
        assert_eq!(error, "has 2 MiB or more, at most 1 MiB are read");
    }
}
