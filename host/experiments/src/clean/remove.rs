//! Removal of files by name: files that trainyard did not write stay, and links are not followed.

use super::Kind;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use trainyard_base::{Error, Result};

/// The checksums of a checkpoint's other files. A folder without it is not a checkpoint.
pub const MANIFEST: &str = "trainyard/manifest.json";
/// The names of the files of a checkpoint that is being written.
const NAMES: &str = "trainyard/.files";

/// What a checkpoint's manifest says.
#[derive(Deserialize)]
struct Manifest {
    sha256: BTreeMap<String, String>,
}

/// Returns the names of a checkpoint's files that are there: those that its manifest names, and for one that was not
/// finished those that it had announced.
pub fn written(folder: &Path) -> Vec<String> {
    let manifest = fs::read(folder.join(MANIFEST)).ok();
    let manifest: Option<Manifest> = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let announced = fs::read_to_string(folder.join(NAMES)).unwrap_or_default();
    let mut names: BTreeSet<String> = manifest.into_iter().flat_map(|manifest| manifest.sha256.into_keys()).collect();
    names.extend(announced.lines().map(str::to_owned));
    names.extend([MANIFEST, NAMES].map(str::to_owned));
    names.retain(|name| is_within(folder, name) && fs::symlink_metadata(folder.join(name)).is_ok());
    names.into_iter().collect()
}

/// Says whether `name` is a path below `folder` through real folders.
fn is_within(folder: &Path, name: &str) -> bool {
    let path = Path::new(name);
    let is_plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    let mut parents = path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
    is_plain && parents.all(|parent| is_folder(&folder.join(parent)))
}

/// Says whether this is a folder and not a link to one.
pub fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// The length of files of a folder, all together.
pub fn size(folder: &Path, names: &[String]) -> u64 {
    let length = |name: &String| fs::symlink_metadata(folder.join(name)).map_or(0, |metadata| metadata.len());
    names.iter().map(length).sum()
}

/// Removes what an item of the plan says, as it is now; returns where files are that stay, if there are any.
///
/// # Errors
/// A file that exists and cannot be removed.
pub fn remove(kind: Kind, path: &Path) -> Result<Option<PathBuf>> {
    match kind {
        Kind::File => remove_file(path).map(|()| None),
        Kind::Leftover => remove_written(path, path),
        Kind::Checkpoint => {
            let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else { return Ok(None) };
            // from now on it is no checkpoint, even if this process ends halfway
            let retired = path.with_file_name(format!(".{name}.{}.removed", std::process::id()));
            fs::rename(path, &retired).map_err(|error| Error::io(path, "rename", &error))?;
            remove_written(&retired, path)
        }
        Kind::Dataset => super::store::remove(path),
    }
}

/// Removes the files of a checkpoint that is at `folder`. If others are left, they get the place `home`.
fn remove_written(folder: &Path, home: &Path) -> Result<Option<PathBuf>> {
    let names = written(folder);
    let mut parents = BTreeSet::new();
    for name in &names {
        remove_file(&folder.join(name))?;
        parents.extend(Path::new(name).ancestors().skip(1).map(|parent| folder.join(parent)));
    }
    parents.insert(folder.to_owned());
    // a folder comes before what is in it, so the innermost come first in reverse
    for parent in parents.iter().rev() {
        match fs::remove_dir(parent) {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
                return Err(Error::io(parent, "remove", &error));
            }
            _ => {}
        }
    }
    if fs::symlink_metadata(folder).is_err() {
        return Ok(None);
    }
    if folder != home && fs::symlink_metadata(home).is_err() {
        fs::rename(folder, home).map_err(|error| Error::io(folder, "rename", &error))?;
        return Ok(Some(home.to_owned()));
    }
    Ok(Some(folder.to_owned()))
}

/// Removes a file, if it exists.
///
/// # Errors
/// It exists and cannot be removed.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path, "remove", &error)),
        _ => Ok(()),
    }
}
