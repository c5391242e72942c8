//! Removal of files by name: files that this program did not write are kept.

use crate::{Error, Result};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Removes the files `names` of `folder` and the folders within it that are then empty. A name that leads out of the
/// folder, or through a link, is ignored.
///
/// # Errors
/// A file that exists and cannot be removed.
pub(crate) fn remove_named(folder: &Path, names: &[String]) -> Result<()> {
    let mut parents = BTreeSet::new();
    for name in names.iter().filter(|name| is_within(folder, name)) {
        remove_file(&folder.join(name))?;
        parents.extend(Path::new(name).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()));
    }
    // a folder comes before what is in it, so the innermost come first in reverse
    parents.iter().rev().try_for_each(|parent| remove_if_empty(&folder.join(parent)).map(drop))
}

/// Whether `name` is a path below `folder` through real folders, not links.
fn is_within(folder: &Path, name: &str) -> bool {
    let path = Path::new(name);
    let is_plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    let is_folder = |path: PathBuf| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let mut parents = path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
    is_plain && parents.all(|parent| is_folder(folder.join(parent)))
}

/// Removes a file, if it exists.
///
/// # Errors
/// It exists and cannot be removed.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path, "remove", &error)),
        _ => Ok(()),
    }
}

/// Removes an empty folder; returns whether the folder no longer exists. A link stays.
///
/// # Errors
/// An empty folder that cannot be removed.
pub(crate) fn remove_if_empty(folder: &Path) -> Result<bool> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(true),
            ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory => Ok(false),
            _ => Err(Error::io(folder, "remove", &error)),
        },
    }
}

/// Moves everything in `from` to `to`, unless the name already exists there, and removes `from` if it is then empty.
/// Returns whether it was removed.
///
/// # Errors
/// A file that cannot be moved.
pub(crate) fn give_back(from: &Path, to: &Path) -> Result<bool> {
    if remove_if_empty(from)? {
        return Ok(true);
    }
    if fs::symlink_metadata(to).is_err() {
        fs::rename(from, to).map_err(|error| Error::io(from, "rename", &error))?;
        return Ok(true);
    }
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    if is_folder(from) && is_folder(to) {
        for entry in list(from)? {
            give_back(&from.join(&entry), &to.join(&entry))?;
        }
    }
    remove_if_empty(from)
}

/// Returns the names in a folder, in order; none if the folder does not exist.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn list(folder: &Path) -> Result<Vec<OsString>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder, "read", &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(|error| Error::io(folder, "read", &error))?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Syncs the names in a folder to disk.
///
/// # Errors
/// A folder that cannot be read or synced.
pub(crate) fn sync(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|error| Error::io(path, "make durable", &error))
}
