//! Files that appear whole or not at all: written beside their name, made durable, renamed.

use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file under a temporary name in the folder of its final one.
#[derive(Debug)]
pub(crate) struct TemporaryFile {
    writer: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl TemporaryFile {
    /// Begins the file that `finish` will call `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(|error| Error::io(&temporary, "create", &error))?;
        Ok(Self { writer: BufWriter::with_capacity(1 << 18, file), temporary, path: path.into() })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(|error| Error::io(&self.temporary, "write", &error))
    }

    /// Writes over the first bytes; nothing may be appended after it.
    pub fn write_at_start(&mut self, bytes: &[u8]) -> Result<()> {
        let seek = self.writer.seek(SeekFrom::Start(0)).map_err(|error| Error::io(&self.temporary, "write", &error));
        seek.and_then(|_| self.write(bytes))
    }

    /// Makes the file durable and gives it its name, which is returned.
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

impl Drop for TemporaryFile {
    /// A file that was not finished is not left on a disk that may be full. After `finish` there is none of this name.
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
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = TemporaryFile::create(path)?;
    file.write(bytes)?;
    file.finish()?;
    Ok(())
}
