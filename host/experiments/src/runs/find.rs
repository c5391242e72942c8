//! Where the runs are.

use super::name_of;
use crate::folder::is_run;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result};

/// Folders within folders that are looked into.
const DEPTH: usize = 16;

/// The parts of a store of prepared data, which has no runs and may have very many folders.
const STORE: [&str; 2] = ["datasets", "stages"];

/// What was found below a folder.
#[derive(Debug, Default)]
pub struct Found {
    /// The folders of runs, in order.
    pub runs: Vec<PathBuf>,
    /// Folders that cannot be read, and why.
    pub unreadable: Vec<(PathBuf, Error)>,
}

/// Finds the runs at and below `folder`, links included; not those within a run's folder or with a name that begins
/// with a dot.
///
/// # Errors
/// `folder` itself cannot be read.
pub fn find(folder: &Path) -> Result<Found> {
    if !folder.is_dir() {
        let path = folder.display();
        let got = if folder.exists() { "a file" } else { "nothing" };
        return Err(Error::usage(format!("{path}: expected a folder of runs, got {got}; name the folder run.dir")));
    }
    let mut found = Found::default();
    // where links have led, so that a circle ends
    let mut seen = HashSet::new();
    let mut waiting = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        if !folder.canonicalize().is_ok_and(|path| seen.insert(path)) {
            continue;
        }
        if is_run(&folder) {
            found.runs.push(folder);
        } else if depth < DEPTH && !is_store(&folder) {
            match folders(&folder) {
                Ok(inner) => waiting.extend(inner.into_iter().map(|folder| (folder, depth + 1))),
                Err(error) if depth == 0 => return Err(error),
                Err(error) => found.unreadable.push((folder, error)),
            }
        }
    }
    found.runs.sort();
    Ok(found)
}

fn is_store(folder: &Path) -> bool {
    STORE.iter().any(|part| folder.join(part).is_dir())
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |error: std::io::Error| Error::io(folder, "read", &error);
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !is_hidden && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// Returns the folders of the runs that paths name: a run's own folder, or a folder that holds runs, such as a sweep's.
/// None is twice in the list.
///
/// # Errors
/// A path without any run.
pub fn run_folders(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for path in paths {
        let found = find(path)?;
        if let Some((_, error)) = found.unreadable.into_iter().next() {
            return Err(error);
        }
        if found.runs.is_empty() {
            let path = path.display();
            return Err(Error::usage(format!(
                "{path}: expected a run or a folder of runs, found none; see `trainyard runs`"
            )));
        }
        all.extend(found.runs.into_iter().filter(|run| run.canonicalize().is_ok_and(|path| seen.insert(path))));
    }
    Ok(all)
}

/// Returns the folder of each run at and below `folder`, with its name, which is the path within `folder`. Folders that
/// cannot be read are left out.
///
/// # Errors
/// `folder` itself cannot be read.
pub fn named_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let found = find(folder)?.runs;
    Ok(found.into_iter().map(|path| (name_of(folder, &path), path)).collect())
}
