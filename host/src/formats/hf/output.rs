//! A folder that appears whole or not at all.

use crate::base::write::write_file;
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder under a temporary name, next to where it will be.
#[derive(Debug)]
pub struct NewFolder {
    temporary: PathBuf,
    target: PathBuf,
    is_finished: bool,
}

impl NewFolder {
    /// Begins the folder `target`, which must not be there yet, or be empty.
    ///
    /// # Errors
    /// Something is there, or it cannot be written.
    pub fn create(target: &Path) -> Result<Self> {
        let is_free = match fs::read_dir(target) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if !is_free {
            return Err(Error::usage(format!("{}: is there already, expected a new folder", target.display())));
        }
        let Some(name) = target.file_name() else {
            return Err(Error::usage(format!("{}: expected the name of a new folder", target.display())));
        };
        let name = format!(".{}.{}.partial", name.display(), std::process::id());
        let temporary = target.with_file_name(name);
        let parent = temporary.parent().map_or(Ok(()), fs::create_dir_all);
        parent.and_then(|()| fs::create_dir(&temporary)).map_err(|error| Error::io(&temporary, "create", &error))?;
        Ok(Self { temporary, target: target.to_owned(), is_finished: false })
    }

    /// Where its files are written.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Writes a small file.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_file(&self.temporary.join(name), bytes)
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// Something is there meanwhile.
    pub fn finish(mut self) -> Result<()> {
        fs::rename(&self.temporary, &self.target).map_err(|error| Error::io(&self.target, "rename", &error))?;
        self.is_finished = true;
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::File::open(parent).and_then(|folder| folder.sync_all());
        folder.map_err(|error| Error::io(parent, "sync", &error))
    }
}

impl Drop for NewFolder {
    /// Removes an unfinished folder: nobody else knows its name.
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        for entry in fs::read_dir(&self.temporary).into_iter().flatten().flatten() {
            drop(fs::remove_file(entry.path()));
        }
        drop(fs::remove_dir(&self.temporary));
    }
}
