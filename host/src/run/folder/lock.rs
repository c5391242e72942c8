//! The lock of a run's folder: only one process at a time trains in it.

use crate::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// The file that is locked; it holds the id of the process that locked it.
pub(crate) const LOCK: &str = ".trainyard-lock";

/// A folder that only this process writes into. The lock is released when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks a folder that exists.
    ///
    /// # Errors
    /// Another process has locked it, or the lock file cannot be written.
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        // the name of its holder must not be cut off before the lock is had
        let open = File::options().create(true).read(true).write(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| Error::io(&path, "create", &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(folder, &path)),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                tracing::warn!("{}: this file system has no locks: let only one process train here", folder.display());
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, "lock", &error)),
        }
        // without it, who is refused is not told by whom
        drop(file.set_len(0).and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes())));
        Ok(Self { _file: file })
    }
}

fn held(folder: &Path, path: &Path) -> Error {
    let holder = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let holder = holder.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    Error::run(format!(
        "{}: {holder} is training in this folder; wait until it has ended, or set another run.name",
        folder.display()
    ))
}
