//! Replacement of a run by another, so that one of the two is whole whenever the process may end.
//!
//! The old run is moved aside within its folder, whose parts may be on different disks: `.trainyard-old/` in the run's
//! folder, in `data/` and in `checkpoints/`. It is removed after the new run's first checkpoint. A note, [`JOURNAL`],
//! records the progress: before `moved`, everything in place belongs to the old run, afterwards to the new one.

use super::RunFolder;
use super::checkpoint::{folder_name, replay_name, replays, steps};
use super::owned::{FILES, RECORDS};
use super::pruning::dispose;
use super::removal::{list, remove_file, remove_if_empty, sync};
use crate::base::write::write_file;
use crate::feed::prepared_files;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The note about a replacement under way.
pub(crate) const JOURNAL: &str = ".trainyard-replace.json";
/// The folder that holds the old run in the meantime.
pub(crate) const OLD: &str = ".trainyard-old";
/// The folder in which the new run's data is prepared.
pub(crate) const NEW: &str = ".trainyard-new";
const FORMAT: u32 = 1;

/// The parts of a run that are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replacement {
    format: u32,
    /// Checkpoints after this step; all if there is none.
    after: Option<u64>,
    /// Whether the data is replaced too.
    data: bool,
    /// Whether everything that is replaced was moved aside.
    moved: bool,
}

/// One change of the file system. Each can be repeated.
#[derive(Debug)]
enum Action {
    Note(Replacement),
    MakeFolder(PathBuf),
    /// Does nothing if the file does not exist.
    Move(PathBuf, PathBuf),
    Copy(PathBuf, PathBuf),
    Remove(PathBuf),
    /// A checkpoint's files; others go to the second folder.
    Dispose(PathBuf, PathBuf),
    /// Only an empty one.
    RemoveFolder(PathBuf),
    Sync(PathBuf),
}

impl Replacement {
    /// Checkpoints after step `after`, or a whole run; with its data, if that was prepared for the new run.
    pub fn new(after: Option<u64>, data: bool) -> Self {
        Self { format: FORMAT, after, data, moved: false }
    }

    /// Moves the old run aside, and the new one's data to its place.
    ///
    /// # Errors
    /// A file that cannot be moved.
    pub fn begin(self, folder: &RunFolder) -> Result<()> {
        perform(folder, &self.begin_actions(folder)?)
    }

    /// Removes what was moved aside.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn settle(self, folder: &RunFolder) -> Result<()> {
        perform(folder, &settle_actions(folder)?)
    }

    /// Whether the new run has a checkpoint.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn has_checkpoint(self, folder: &RunFolder) -> Result<bool> {
        let is_new = |&step: &u64| self.after.is_none_or(|after| step > after);
        Ok(self.moved && steps(&folder.checkpoints())?.iter().any(is_new))
    }

    fn begin_actions(self, folder: &RunFolder) -> Result<Vec<Action>> {
        let [root, data, checkpoints] = places(folder);
        let mut actions = vec![Action::Note(self), Action::MakeFolder(root.join(OLD))];
        let aside = |place: &Path, name: &str| Action::Move(place.join(name), place.join(OLD).join(name));
        actions.extend(FILES.iter().map(|name| aside(&root, name)));
        if self.data {
            actions.push(Action::MakeFolder(data.join(OLD)));
            actions.extend(prepared_files(&data).iter().map(|name| aside(&data, name)));
        }
        let mut names: Vec<_> = steps(&checkpoints)?.into_iter().map(|step| (step, folder_name(step))).collect();
        names.retain(|(step, _)| self.after.is_none_or(|after| *step > after));
        if self.after.is_none() {
            names.extend(replays(&checkpoints)?.into_iter().map(|step| (step, replay_name(step))));
        }
        actions.push(Action::MakeFolder(checkpoints.join(OLD)));
        actions.extend(names.iter().map(|(_, name)| aside(&checkpoints, name)));
        actions.extend(syncs(folder));
        actions.push(Action::Note(Self { moved: true, ..self }));
        if self.data {
            let new = data.join(NEW);
            actions.extend(prepared_files(&new).iter().map(|name| Action::Move(new.join(name), data.join(name))));
            actions.extend([Action::RemoveFolder(new), Action::Sync(data)]);
        }
        if self.after.is_some() {
            // the records of the steps that stay are the new run's too
            let log = RECORDS[2];
            actions.push(Action::Copy(root.join(OLD).join(log), root.join(log)));
        }
        Ok(actions)
    }

    /// Restores the old run.
    fn restore_actions(self, folder: &RunFolder) -> Result<Vec<Action>> {
        let [root, data, checkpoints] = places(folder);
        let mut actions = Vec::new();
        if self.moved {
            actions.extend(FILES.iter().map(|name| Action::Remove(root.join(name))));
            if self.data {
                actions.extend(prepared_files(&data).iter().map(|name| Action::Remove(data.join(name))));
            }
            actions.push(Action::Note(Self { moved: false, ..self }));
        }
        let back = |place: &Path, name: &str| Action::Move(place.join(OLD).join(name), place.join(name));
        actions.extend(FILES.iter().map(|name| back(&root, name)));
        actions.extend(prepared_files(&data.join(OLD)).iter().map(|name| back(&data, name)));
        for name in list(&checkpoints.join(OLD))? {
            let (old, place) = (checkpoints.join(OLD).join(&name), checkpoints.join(&name));
            actions.push(match fs::symlink_metadata(&place) {
                Ok(_) => Action::Dispose(old, place),
                Err(_) => Action::Move(old, place),
            });
        }
        actions.extend(syncs(folder));
        actions.extend(end(folder));
        Ok(actions)
    }
}

/// Restores a folder to one whole run if a replacement was interrupted.
///
/// # Errors
/// A file that cannot be moved or removed.
pub(crate) fn recover(folder: &RunFolder) -> Result<()> {
    let Some(replacement) = pending(folder)? else { return Ok(()) };
    let root = folder.root().display();
    if replacement.has_checkpoint(folder)? {
        return replacement.settle(folder);
    }
    perform(folder, &replacement.restore_actions(folder)?)?;
    tracing::warn!("{root}: what was to be replaced is back: the new run ended before its first checkpoint");
    Ok(())
}

/// Reads the replacement that is under way.
///
/// # Errors
/// A note that cannot be read.
pub(crate) fn pending(folder: &RunFolder) -> Result<Option<Replacement>> {
    let path = folder.root().join(JOURNAL);
    let bytes = match fs::read(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        read => read.map_err(|error| Error::io(&path, "read", &error))?,
    };
    let read = serde_json::from_slice(&bytes).map_err(|error| error.to_string());
    let read = read.and_then(|note: Replacement| match note.format {
        FORMAT => Ok(Some(note)),
        got => Err(format!("expected format {FORMAT}, got {got}")),
    });
    read.map_err(|why| Error::run(format!("{}: not a note about a replaced run: {why}", path.display())))
}

/// Removes data that was prepared for a run that never began.
///
/// # Errors
/// A file that cannot be removed.
pub(crate) fn remove_new_data(folder: &RunFolder) -> Result<()> {
    let new = folder.data().join(NEW);
    prepared_files(&new).iter().try_for_each(|name| remove_file(&new.join(name)))?;
    remove_if_empty(&new).map(drop)
}

fn settle_actions(folder: &RunFolder) -> Result<Vec<Action>> {
    let [root, data, checkpoints] = places(folder);
    let old = checkpoints.join(OLD);
    let dispose = |name: std::ffi::OsString| Action::Dispose(old.join(&name), checkpoints.join(&name));
    let mut actions: Vec<_> = list(&old)?.into_iter().map(dispose).collect();
    let remove = |place: &Path, name: &str| Action::Remove(place.join(OLD).join(name));
    actions.extend(prepared_files(&data.join(OLD)).iter().map(|name| remove(&data, name)));
    actions.extend(FILES.iter().map(|name| remove(&root, name)));
    actions.extend(end(folder));
    Ok(actions)
}

/// Returns the actions that end a replacement: nothing waits any more.
fn end(folder: &RunFolder) -> Vec<Action> {
    let root = folder.root();
    let mut actions: Vec<_> = places(folder).iter().map(|place| Action::RemoveFolder(place.join(OLD))).collect();
    actions.extend([Action::Remove(root.join(JOURNAL)), Action::Sync(root.to_owned())]);
    actions
}

/// Returns the folders within which something is moved.
fn places(folder: &RunFolder) -> [PathBuf; 3] {
    [folder.root().to_owned(), folder.data(), folder.checkpoints()]
}

fn syncs(folder: &RunFolder) -> impl Iterator<Item = Action> {
    places(folder).into_iter().flat_map(|place| [Action::Sync(place.join(OLD)), Action::Sync(place)])
}

fn perform(folder: &RunFolder, actions: &[Action]) -> Result<()> {
    actions.iter().try_for_each(|action| action.perform(folder))
}

impl Action {
    fn perform(&self, folder: &RunFolder) -> Result<()> {
        match self {
            Self::Note(replacement) => {
                let json = serde_json::to_vec(replacement);
                let json = json.map_err(|error| Error::run(format!("{JOURNAL}: {error}")))?;
                write_file(&folder.root().join(JOURNAL), &json)
            }
            Self::MakeFolder(path) => fs::create_dir_all(path).map_err(|error| Error::io(path, "create", &error)),
            Self::Move(from, to) => match fs::rename(from, to) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(from, "rename", &error)),
                _ => Ok(()),
            },
            Self::Copy(from, to) => match fs::copy(from, to) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(to, "write", &error)),
                _ => Ok(()),
            },
            Self::Remove(path) => remove_file(path),
            Self::Dispose(from, home) => dispose(from, home),
            Self::RemoveFolder(path) => remove_if_empty(path).map(drop),
            Self::Sync(path) if path.exists() => sync(path),
            Self::Sync(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
