//! Files that appear whole or not at all: written under a temporary name, synced to disk, renamed.

use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file under a temporary name in the folder of its final one.
#[derive(Debug)]
pub struct TemporaryFile {
    writer: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl TemporaryFile {
    /// Begins the file that `finish` renames to `path`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        // its own name for each process: two that write the same file both write a whole one
        temporary.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(|error| Error::io(&temporary, "create", &error))?;
        Ok(Self { writer: BufWriter::with_capacity(1 << 18, file), temporary, path: path.into() })
    }

    /// The file's final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(|error| Error::io(&self.temporary, "write", &error))
    }

    /// Overwrites the first bytes; nothing may be appended afterwards.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_at_start(&mut self, bytes: &[u8]) -> Result<()> {
        let seek = self.writer.seek(SeekFrom::Start(0)).map_err(|error| Error::io(&self.temporary, "write", &error));
        seek.and_then(|_| self.write(bytes))
    }

    /// Syncs the file to disk and renames it; returns its final path.
    ///
    /// # Errors
    /// The file cannot be written, synced or renamed.
    pub fn finish(mut self) -> Result<PathBuf> {
        let Self { writer, temporary, path } = &mut self;
        writer.flush().map_err(|error| Error::io(temporary, "write", &error))?;
        writer.get_ref().sync_all().map_err(|error| Error::io(temporary, "sync", &error))?;
        fs::rename(&*temporary, &*path).map_err(|error| Error::io(temporary, "rename", &error))?;
        // The new name is durable when its folder is.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, "sync", &error))?;
        Ok(path.clone())
    }
}

/// Whether the file is a temporary one of a process that no longer exists.
pub fn is_abandoned(path: &Path) -> bool {
    let owner = path.to_str().and_then(|path| path.strip_suffix(".tmp")?.rsplit_once('.')?.1.parse().ok());
    owner.is_some_and(|owner: i32| owner != std::process::id() as i32 && !is_alive(owner))
}

/// Says whether there is a process of this id.
#[cfg(unix)]
pub fn is_alive(process: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    // one that belongs to another user cannot be asked, but is there
    Pid::from_raw(process).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Returns yes on systems where this is unknown, so that such files are left.
#[cfg(not(unix))]
pub fn is_alive(_process: i32) -> bool {
    true
}

impl Drop for TemporaryFile {
    /// Removes an unfinished file, because the disk may be full. After `finish` there is none of this name.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.temporary));
    }
}

impl Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// Writes a small file as a whole.
///
/// # Errors
/// A folder that cannot be written to, a disk that is full.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = TemporaryFile::create(path)?;
    file.write(bytes)?;
    file.finish()?;
    Ok(())
}
