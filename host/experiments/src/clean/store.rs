//! Prepared data in a store that no run links.

use super::remove::{is_folder, remove_file, size};
use super::{Item, Kind};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result};

/// Names the other files; a folder without it is no finished dataset.
const MANIFEST: &str = "manifest.json";
/// Where its documents are from.
const LINEAGE: &str = "lineage.json";
/// Locked by the process that prepares the dataset or links it.
const LOCK: &str = "lock";

/// What the manifest of a dataset says.
#[derive(Deserialize)]
struct Manifest {
    files: BTreeMap<String, IgnoredAny>,
}

/// Finds the datasets of a store that none of `runs` was made from and no other folder links.
///
/// # Errors
/// A folder that cannot be read.
pub fn items(store: &Path, runs: &[PathBuf]) -> Result<Vec<Item>> {
    let datasets = store.join("datasets");
    let manifests: HashSet<Vec<u8>> =
        runs.iter().filter_map(|run| fs::read(run.join("data/manifest.json")).ok()).collect();
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(&datasets).map_err(|error| Error::io(&datasets, "read", &error))? {
        folders.insert(entry.map_err(|error| Error::io(&datasets, "read", &error))?.path());
    }
    let mut items = Vec::new();
    for path in folders {
        let Ok(manifest) = fs::read(path.join(MANIFEST)) else { continue };
        let names = names(&path);
        if is_key(&path) && !manifests.contains(&manifest) && !names.is_empty() && !is_used(&path, &names) {
            let bytes = size(&path, &names);
            items.push(Item { kind: Kind::Dataset, path, bytes });
        }
    }
    Ok(items)
}

/// Says whether a folder is named by a key of the store.
fn is_key(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    is_folder(path) && name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The names of a dataset's files, its manifest first: without it the rest is no dataset.
fn names(folder: &Path) -> Vec<String> {
    let manifest = fs::read(folder.join(MANIFEST)).ok();
    let manifest: Option<Manifest> = manifest.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(manifest) = manifest else { return Vec::new() };
    let is_plain = |name: &String| !name.contains(['/', '\\']) && name != "..";
    let files = manifest.files.into_keys().filter(is_plain);
    let all = [MANIFEST.to_owned()].into_iter().chain(files).chain([LINEAGE.to_owned()]);
    all.filter(|name| fs::symlink_metadata(folder.join(name)).is_ok_and(|metadata| metadata.is_file())).collect()
}

/// Says whether a process works on a dataset, or another folder has one of its files, wherever that is on the disk.
fn is_used(folder: &Path, names: &[String]) -> bool {
    let lock = File::open(folder.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))) || is_linked(folder, names)
}

/// Says whether a file of a dataset has another name.
#[cfg(unix)]
fn is_linked(folder: &Path, names: &[String]) -> bool {
    use std::os::unix::fs::MetadataExt;
    names.iter().any(|name| fs::symlink_metadata(folder.join(name)).is_ok_and(|metadata| metadata.nlink() > 1))
}

/// Says yes on systems where this is not known, so that the dataset stays.
#[cfg(not(unix))]
fn is_linked(_folder: &Path, _names: &[String]) -> bool {
    true
}

/// Removes the files of a dataset if nobody uses it; returns its folder if somebody does by now. The folder and its
/// lock stay: a process may wait for them.
///
/// # Errors
/// A file that exists and cannot be removed.
pub fn remove(folder: &Path) -> Result<Option<PathBuf>> {
    let path = folder.join(LOCK);
    let lock = File::options().append(true).create(true).open(&path);
    let lock = lock.map_err(|error| Error::io(&path, "open", &error))?;
    let names = names(folder);
    if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) || is_linked(folder, &names) {
        return Ok(Some(folder.to_owned()));
    }
    names.iter().try_for_each(|name| remove_file(&folder.join(name)))?;
    Ok(None)
}
