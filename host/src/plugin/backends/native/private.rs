//! A copy of a library that is the host's own: what was checked is what runs, whatever becomes of the file.
//!
//! A library is mapped from its file, and read from it page by page as it runs. A file that is written to meanwhile, as
//! a compiler or `cp` does it, would change under the running code; and one that is replaced between the check of its
//! digest and its loading would run unchecked.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file with the bytes that were checked, to be loaded.
pub struct PrivateCopy {
    path: PathBuf,
    holds: Holds,
}

/// What goes with the copy.
enum Holds {
    /// A file in memory, sealed against every change.
    #[cfg(target_os = "linux")]
    Memory(fs::File),
    /// A folder of this user's, with the copy in it.
    Folder(#[expect(dead_code, reason = "dropped, it removes the folder")] tempfile::TempDir),
    /// A file of its own next to the library.
    Beside(#[expect(dead_code, reason = "dropped, it removes the file")] tempfile::TempPath),
    /// The file itself.
    Original,
}

impl PrivateCopy {
    /// The ways to hold a copy of `file` with these bytes, the better ones first.
    pub fn ways(bytes: &[u8]) -> &'static [Way] {
        if cfg!(not(unix)) {
            return &[Way::Original]; // which the system keeps from being written to
        }
        // such a library finds others by its own place
        match [&b"$ORIGIN"[..], b"${ORIGIN}", b"@loader_path"].iter().any(|mark| contains(bytes, mark)) {
            true => &[Way::Beside, Way::Original],
            false => &[Way::Memory, Way::Folder],
        }
    }

    /// Makes the copy.
    ///
    /// # Errors
    /// What the system says when the copy cannot be made.
    pub fn new(way: Way, file: &Path, bytes: &[u8]) -> io::Result<Self> {
        let name = file.file_name().unwrap_or("plugin".as_ref());
        match way {
            Way::Memory => in_memory(&name.to_string_lossy(), bytes),
            Way::Folder => {
                let folder = tempfile::Builder::new().prefix("trainyard-").tempdir()?;
                let path = folder.path().join(name);
                fs::write(&path, bytes)?;
                Ok(Self { path, holds: Holds::Folder(folder) })
            }
            Way::Beside => {
                let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
                let mut copy = tempfile::Builder::new().prefix(".trainyard-").suffix(name).tempfile_in(folder)?;
                copy.write_all(bytes)?;
                let copy = copy.into_temp_path();
                // a path without a folder would be looked for among the system's libraries
                Ok(Self { path: fs::canonicalize(&copy)?, holds: Holds::Beside(copy) })
            }
            Way::Original => Ok(Self { path: fs::canonicalize(file)?, holds: Holds::Original }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// After it was loaded: whether what is loaded are these bytes, as far as can be seen. A copy's name is not needed
    /// any more, but no other library may be loaded by the number of a copy in memory.
    pub fn keep(self, bytes: &[u8]) -> bool {
        match self.holds {
            #[cfg(target_os = "linux")]
            Holds::Memory(file) => {
                std::mem::forget(file);
                true
            }
            Holds::Folder(_) | Holds::Beside(_) => true,
            Holds::Original => fs::read(&self.path).is_ok_and(|now| now == bytes),
        }
    }
}

/// How a copy is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In a sealed file in memory; on Linux.
    Memory,
    /// In a folder of its own, which only this user can read.
    Folder,
    /// In a hidden file next to the library, for as long as it takes to load it.
    Beside,
    /// Not at all: where nothing can be written.
    Original,
}

#[cfg(target_os = "linux")]
fn in_memory(name: &str, bytes: &[u8]) -> io::Result<PrivateCopy> {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use std::os::fd::AsRawFd;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // systems before Linux 6.3 do not know that files in memory could be other than executable
    let file = memfd_create(name, flags | MemfdFlags::EXEC).or_else(|_| memfd_create(name, flags))?;
    let mut file = fs::File::from(file);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    Ok(PrivateCopy { path, holds: Holds::Memory(file) })
}

#[cfg(not(target_os = "linux"))]
fn in_memory(_name: &str, _bytes: &[u8]) -> io::Result<PrivateCopy> {
    Err(io::ErrorKind::Unsupported.into())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
