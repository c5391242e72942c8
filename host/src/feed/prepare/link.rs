//! A dataset of the store, put into a run's folder.

use crate::base::write::write_file;
use crate::corpus::{Split, create_dir};
use crate::feed::dataset::MANIFEST;
use crate::{Error, Result};
use std::fs;
use std::path::Path;

/// Puts a dataset of the store into `dir`: links where the file system has them, copies elsewhere.
pub(super) fn link(folder: &Path, dir: &Path) -> Result<()> {
    create_dir(dir)?;
    let entries = fs::read_dir(folder).map_err(|error| Error::io(folder, "list", &error))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(|error| Error::io(folder, "list", &error))?.file_name());
    }
    names.retain(|name| name != "lock" && name != MANIFEST && !name.to_string_lossy().ends_with(".tmp"));
    for name in names {
        let (from, to) = (folder.join(&name), dir.join(&name));
        remove_if_there(&to)?;
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(|error| Error::io(&to, "write", &error))?;
        }
    }
    let manifest = fs::read(folder.join(MANIFEST)).map_err(|error| Error::io(folder, "read", &error))?;
    write_file(&dir.join(MANIFEST), &manifest)
}

/// Without its manifest an older preparation cannot be taken for this one, should this one be cut short.
pub(crate) fn remove_stale(dir: &Path) -> Result<()> {
    let names = [MANIFEST.to_owned()].into_iter().chain(Split::ALL.map(Split::file));
    names.map(|name| dir.join(name)).try_for_each(|path| remove_if_there(&path))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, "remove", &error)),
        _ => Ok(()),
    }
}
