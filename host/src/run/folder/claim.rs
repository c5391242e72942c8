//! A run's folder during training: locked, restored to one whole run, and handed over to the new run once that has all
//! it needs.

use super::RunFolder;
use super::checkpoint::{folder_name, replay_name, replays, steps};
use super::lock::FolderLock;
use super::owned::{Kind, mark, recognise, remove_temporary};
use super::pruning::{clean, prune_replays};
use super::replace::{NEW, Replacement, pending, recover, remove_new_data};
use crate::run::TrainOptions;
use crate::{Error, Result};
use std::fs;
use std::path::PathBuf;

/// A run's folder that only this process writes into.
#[derive(Debug)]
pub(crate) struct Claim {
    folder: RunFolder,
    _lock: FolderLock,
    /// The replacement that waits for the new run's first checkpoint.
    replacement: Option<Replacement>,
}

impl Claim {
    /// Takes the folder, which is created if it does not exist, and completes or undoes an interrupted replacement in
    /// it.
    ///
    /// # Errors
    /// A folder that is not a run's or in which another process trains, or an existing run without an option for it.
    pub fn enter(folder: RunFolder, options: &TrainOptions) -> Result<Self> {
        let root = folder.root().to_owned();
        let io = |error| Error::io(&root, "create", &error);
        check_kind(&folder, options)?;
        fs::create_dir_all(&root).map_err(io)?;
        let lock = FolderLock::take(&root)?;
        // what it was may have changed before it was locked
        recognise(&folder)?;
        recover(&folder)?;
        check_free(&folder, options)?;
        mark(&root)?;
        fs::create_dir_all(folder.checkpoints()).map_err(io)?;
        clean(&folder.checkpoints())?;
        remove_temporary(&folder)?;
        remove_new_data(&folder)?;
        Ok(Self { folder, _lock: lock, replacement: None })
    }

    /// Checks that [`Self::enter`] would take the folder, without touching it. Says whether a run is there.
    ///
    /// # Errors
    /// A folder that is not a run's, or an existing run without an option for it.
    pub fn check(folder: &RunFolder, options: &TrainOptions) -> Result<bool> {
        check_kind(folder, options)?;
        check_free(folder, options)
    }

    /// Returns the checkpoint to resume from, if there is one.
    ///
    /// # Errors
    /// `--from` names one that does not exist.
    pub fn base(folder: &RunFolder, options: &TrainOptions) -> Result<Option<PathBuf>> {
        let checkpoints = folder.checkpoints();
        let mut steps = steps(&checkpoints)?.into_iter().map(folder_name);
        let Some(name) = &options.from else {
            return Ok(steps.next_back().filter(|_| options.resume).map(|name| checkpoints.join(name)));
        };
        let mut known: Vec<_> = steps.chain(replays(&checkpoints)?.into_iter().map(replay_name)).collect();
        if known.contains(name) {
            return Ok(Some(checkpoints.join(name)));
        }
        if known.is_empty() {
            known.push("none".to_owned());
        }
        let known = known.join(", ");
        Err(Error::usage(format!("{}: no checkpoint {name:?}, there are: {known}", checkpoints.display())))
    }

    /// Returns the folder in which new data is prepared: not that of a run that is still in its place.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn data_to_prepare(&self) -> Result<PathBuf> {
        let data = self.folder.data();
        Ok(if steps(&self.folder.checkpoints())?.is_empty() { data } else { data.join(NEW) })
    }

    /// Hands the folder over to the run that resumes after step `base`, or begins. Files of later steps are set aside
    /// until the run's first checkpoint, and are restored if there is none. Returns the steps of checkpoints that were
    /// set aside.
    ///
    /// # Errors
    /// A file that cannot be moved.
    pub fn take_over(&mut self, base: Option<u64>) -> Result<Vec<u64>> {
        let steps = steps(&self.folder.checkpoints())?;
        let later: Vec<_> = steps.iter().copied().filter(|&step| base.is_none_or(|base| step > base)).collect();
        let has_new_data = self.folder.data().join(NEW).exists();
        if steps.is_empty() && base.is_none() {
            // a run that never came to a checkpoint
            prune_replays(&self.folder.checkpoints(), None)?;
        } else if has_new_data || !later.is_empty() {
            let replacement = Replacement::new(base, has_new_data);
            self.replacement = Some(replacement);
            replacement.begin(&self.folder)?;
        }
        Ok(later)
    }

    /// Removes what the new run replaced, once it has a checkpoint or has ended.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn settle(&mut self) -> Result<()> {
        self.replacement.take().map_or(Ok(()), |replacement| replacement.settle(&self.folder))
    }
}

/// Refuses a folder that is not a run's, and a run that is to be resumed where there is none.
fn check_kind(folder: &RunFolder, options: &TrainOptions) -> Result<()> {
    let root = folder.root();
    let kind = recognise(folder)?;
    if kind == Kind::New
        && let Some(from) = &options.from
    {
        // no folder is made for a mistyped name
        return Err(Error::usage(format!("{}: no run to resume from {from}; check run.name", root.display())));
    }
    if kind == Kind::New && options.resume && !options.or_start {
        return Err(Error::usage(format!(
            "{}: no run to resume; correct run.name or run.dir, or leave out --resume to start it",
            root.display()
        )));
    }
    if let (Kind::Earlier { foreign: Some(entry) }, true) = (kind, options.overwrite) {
        return Err(Error::usage(format!(
            "{}: expected only a run's own files to replace it, got {entry:?}; move that away, or set another run.name",
            root.display()
        )));
    }
    Ok(())
}

/// Refuses a run that exists, unless an option says what is to become of it. Says whether there is one.
fn check_free(folder: &RunFolder, options: &TrainOptions) -> Result<bool> {
    let has_run = !steps(&folder.checkpoints())?.is_empty();
    let continues = options.resume || options.overwrite || options.from.is_some();
    if has_run && !continues {
        return Err(Error::usage(format!(
            "{}: this run exists; pass --resume to continue it, --overwrite to replace it, or --set run.name=…",
            folder.root().display()
        )));
    }
    Ok(has_run)
}

impl Drop for Claim {
    /// Restores the old run if the new one failed before its first checkpoint. If this fails too, the next command
    /// tries it again.
    fn drop(&mut self) {
        let left = match self.replacement {
            Some(_) => recover(&self.folder),
            None => remove_new_data(&self.folder),
        };
        left.unwrap_or_else(|error| tracing::warn!("{error}"));
    }
}

/// Restores a folder that is only read to one whole run, unless a run is trained in it.
///
/// # Errors
/// A file that cannot be moved or removed.
pub(crate) fn recover_to_read(folder: &RunFolder) -> Result<()> {
    if pending(folder)?.is_none() {
        return Ok(());
    }
    match FolderLock::take(folder.root()) {
        Ok(_lock) => recover(folder),
        // what is in place is whole, or begins
        Err(_) => Ok(()),
    }
}
