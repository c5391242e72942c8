//! How a run's folder is recognised, so that files of others are never mistaken for a run's.

use super::RunFolder;
use super::checkpoint::steps;
use super::lock::LOCK;
use super::pruning::{leftover_of, written};
use super::removal::{list, remove_file};
use super::replace::{JOURNAL, NEW, OLD};
use crate::base::write::write_file;
use crate::feed::{prepared_files, temporary_of};
use crate::report::DOCUMENTS;
use crate::run::best::{BEST, is_checkpoint};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The file that marks a folder as a run's.
pub(crate) const MARKER: &str = ".trainyard-run.json";
/// The files that describe a run.
pub(crate) const RECORDS: [&str; 3] = ["config.toml", "plugins.lock", "metrics.jsonl"];
/// The files of a run, in its folder: also what it measured at its end.
pub(crate) const FILES: [&str; 4] = [RECORDS[0], RECORDS[1], RECORDS[2], DOCUMENTS];
/// The folders of a run; a user may have prepared them, on another disk for example.
const FOLDERS: [&str; 2] = ["data", "checkpoints"];
const FORMAT: u32 = 1;

/// The content of [`MARKER`].
#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
}

/// The content of a folder in which a run is to be trained.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is empty or does not exist.
    New,
    /// A run.
    Run,
    /// A run of a version without the marker, with something in it that such a run does not write.
    Earlier { foreign: Option<String> },
}

/// Finds out what a folder holds.
///
/// # Errors
/// A folder that is neither empty nor a run's: it belongs to somebody else.
pub(crate) fn recognise(folder: &RunFolder) -> Result<Kind> {
    let root = folder.root();
    match fs::metadata(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kind::New),
        Err(error) => return Err(Error::io(root, "read", &error)),
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Error::usage(format!("{}: expected a folder, this is a file; {CURE}", root.display())));
        }
        Ok(_) => {}
    }
    if is_marked(root)? {
        return Ok(Kind::Run);
    }
    let is_new = |name: &str| is_ours_anywhere(name) || FOLDERS.contains(&name) && is_empty_folder(&root.join(name));
    let Some(entry) = first_other(root, is_new)? else { return Ok(Kind::New) };
    if is_earlier(folder)? {
        return Ok(Kind::Earlier { foreign: foreign(folder)? });
    }
    Err(Error::usage(format!("{}: holds {entry:?}, expected an empty folder or that of a run; {CURE}", root.display())))
}

/// The cure for a folder that is not a run's.
const CURE: &str = "set another run.name or run.dir";

/// Marks the folder as a run's.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn mark(root: &Path) -> Result<()> {
    if is_marked(root)? {
        return Ok(());
    }
    write_file(&root.join(MARKER), format!("{{\"format\":{FORMAT}}}\n").as_bytes())
}

/// Removes partial files that killed processes left in the run's folder and in `data/`.
///
/// # Errors
/// A file that cannot be removed.
pub(crate) fn remove_temporary(folder: &RunFolder) -> Result<()> {
    let is_temporary =
        |name: &str| temporary_of(name).is_some_and(|name| [MARKER, JOURNAL].contains(&name) || FILES.contains(&name));
    for name in list(folder.root())?.iter().filter_map(|name| name.to_str()).filter(|name| is_temporary(name)) {
        remove_file(&folder.root().join(name))?;
    }
    let prepared = prepared_files(&folder.data());
    let mut abandoned = prepared.iter().filter(|name| temporary_of(name).is_some());
    abandoned.try_for_each(|name| remove_file(&folder.data().join(name)))
}

fn is_marked(root: &Path) -> Result<bool> {
    let path = root.join(MARKER);
    let bytes = match fs::read(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(false),
        read => read.map_err(|error| Error::io(&path, "read", &error))?,
    };
    let marker: Marker = serde_json::from_slice(&bytes).map_err(|error| {
        Error::run(format!("{}: not a run's marker: {error}; restore it or {CURE}", path.display()))
    })?;
    if marker.format != FORMAT {
        let got = marker.format;
        return Err(Error::run(format!(
            "{}: expected a run of format {FORMAT}, got {got}; open it with the version that made it",
            path.display()
        )));
    }
    Ok(true)
}

/// Whether this is a run of a version that wrote no marker.
fn is_earlier(folder: &RunFolder) -> Result<bool> {
    let is_file = |name: &&str| folder.root().join(name).is_file();
    let has_work = !steps(&folder.checkpoints())?.is_empty() || folder.data().join("manifest.json").is_file();
    Ok(RECORDS.iter().all(is_file) && has_work)
}

/// Returns the first entry that no run of an earlier version wrote, as a path within the folder.
fn foreign(folder: &RunFolder) -> Result<Option<String>> {
    // what a log was called while it was cut
    let is_cut = |name: &str| name.len() == 10 && name.starts_with(".tmp") && folder.root().join(name).is_file();
    let is_known =
        |name: &str| is_ours_anywhere(name) || FILES.contains(&name) || FOLDERS.contains(&name) || is_cut(name);
    if let Some(entry) = first_other(folder.root(), is_known)? {
        return Ok(Some(entry));
    }
    let (data, checkpoints) = (folder.data(), folder.checkpoints());
    let prepared = prepared_files(&data);
    if let Some(entry) = first_other(&data, |name| prepared.iter().any(|known| known == name))? {
        return Ok(Some(format!("data/{entry}")));
    }
    let is_step = |name: &str| name.strip_prefix("step-").is_some_and(|step| step.parse::<u64>().is_ok());
    let is_mark = |name: &str| {
        let target = fs::read_link(checkpoints.join(name)).ok();
        name == BEST && target.is_some_and(|target| target.to_str().is_some_and(is_checkpoint))
    };
    let is_known = |name: &str| is_step(name) || is_mark(name) || leftover_of(name).is_some();
    if let Some(entry) = first_other(&checkpoints, is_known)? {
        return Ok(Some(format!("checkpoints/{entry}")));
    }
    for step in list(&checkpoints)?.into_iter().filter(|name| *name != *BEST) {
        let files = written(&checkpoints.join(&step));
        let is_file =
            |name: &str| files.iter().any(|file| file == name || file.strip_prefix("trainyard/") == Some(name));
        for part in ["", "trainyard"] {
            let is_known = |name: &str| part.is_empty() && name == "trainyard" || is_file(name);
            if let Some(entry) = first_other(&checkpoints.join(&step).join(part), is_known)? {
                return Ok(Some(format!("checkpoints/{}/{part}/{entry}", step.to_string_lossy()).replace("//", "/")));
            }
        }
    }
    Ok(None)
}

/// Returns the first entry of a folder that is not `known`.
fn first_other(folder: &Path, known: impl Fn(&str) -> bool) -> Result<Option<String>> {
    let is_other = |name: &std::ffi::OsString| !name.to_str().is_some_and(&known);
    Ok(list(folder)?.into_iter().find(is_other).map(|name| name.to_string_lossy().into_owned()))
}

/// Whether a name is one that only this program gives.
fn is_ours_anywhere(name: &str) -> bool {
    let is_record = |name: &str| FILES.contains(&name) || [MARKER, JOURNAL].contains(&name);
    [LOCK, JOURNAL, OLD, NEW].contains(&name) || temporary_of(name).is_some_and(is_record)
}

/// Whether this is an empty folder, or a link to one.
fn is_empty_folder(path: &Path) -> bool {
    path.is_dir() && list(path).is_ok_and(|names| names.is_empty())
}
