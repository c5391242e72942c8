//! Removal of old checkpoints. Only files that a checkpoint's manifest names are removed.

use super::checkpoint::{MANIFEST, Manifest, NAMES, folder_name, replay_name, replays, steps};
use super::removal::{give_back, list, remove_if_empty, remove_named, sync};
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a checkpoint of an earlier version, for one without a list of names.
const EARLIER: [&str; 7] = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "trainyard/tokenizer.model",
    "trainyard/optimizer.safetensors",
    "trainyard/state.json",
    MANIFEST,
];

/// Removes all but the `keep` newest checkpoints and `protect`; `keep` 0 keeps all.
///
/// # Errors
/// A file that cannot be removed.
pub(crate) fn prune(checkpoints: &Path, keep: usize, protect: Option<u64>) -> Result<()> {
    let steps = steps(checkpoints)?;
    let excess = if keep == 0 { 0 } else { steps.len().saturating_sub(keep) };
    let mut excess = steps[..excess].iter().filter(|&&step| Some(step) != protect);
    excess.try_for_each(|&step| remove(&checkpoints.join(folder_name(step))))
}

/// Removes the states before failed steps, except that of step `keep`.
///
/// # Errors
/// A file that cannot be removed.
pub(crate) fn prune_replays(checkpoints: &Path, keep: Option<u64>) -> Result<()> {
    let mut others = replays(checkpoints)?.into_iter().filter(|&step| Some(step) != keep);
    others.try_for_each(|step| remove(&checkpoints.join(replay_name(step))))
}

/// Removes half-written or half-removed checkpoints that killed processes left.
///
/// # Errors
/// A file that cannot be removed.
pub(crate) fn clean(checkpoints: &Path) -> Result<()> {
    for name in list(checkpoints)? {
        if let Some(home) = name.to_str().and_then(leftover_of) {
            dispose(&checkpoints.join(&name), &checkpoints.join(home))?;
        }
    }
    Ok(())
}

/// Returns the folder that a leftover belongs to: `step-40` for `.step-40.123.partial`, `.step-40.123.removed` and,
/// from earlier versions, `.step-40.partial`.
pub(crate) fn leftover_of(name: &str) -> Option<&str> {
    let inner = name.strip_prefix('.')?;
    let inner = inner.strip_suffix(".partial").or_else(|| inner.strip_suffix(".removed"))?;
    let (home, pid) = inner.split_once('.').map_or((inner, None), |(home, pid)| (home, Some(pid)));
    let step = home.strip_prefix("step-").or_else(|| home.strip_prefix("replay-"))?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(step) && pid.is_none_or(is_number)).then_some(home)
}

/// Removes a checkpoint. It stops being one immediately, even if the process ends halfway.
fn remove(folder: &Path) -> Result<()> {
    retire(folder)?.iter().try_for_each(|retired| dispose(retired, folder))
}

/// Renames a checkpoint so that it is no longer one; returns its new place, for [`dispose`]. None if there is none.
///
/// # Errors
/// A folder that cannot be renamed.
pub(crate) fn retire(folder: &Path) -> Result<Option<PathBuf>> {
    let Some(name) = folder.file_name().filter(|_| fs::symlink_metadata(folder).is_ok()) else { return Ok(None) };
    let retired = folder.with_file_name(format!(".{}.{}.removed", name.to_string_lossy(), std::process::id()));
    fs::rename(folder, &retired).map_err(|error| Error::io(folder, "rename", &error))?;
    folder.parent().map_or(Ok(()), sync)?;
    Ok(Some(retired))
}

/// Removes the files of a checkpoint that is at `folder`; other files in it are moved back to `home`.
///
/// # Errors
/// A file that cannot be removed.
pub(crate) fn dispose(folder: &Path, home: &Path) -> Result<()> {
    if fs::symlink_metadata(folder).is_err() {
        return Ok(());
    }
    remove_named(folder, &written(folder))?;
    if remove_if_empty(folder)? {
        return Ok(());
    }
    let kept = if give_back(folder, home)? { home.to_owned() } else { keep_aside(folder, home)? };
    tracing::warn!("{}: holds files that are not a checkpoint's, they stay", kept.display());
    Ok(())
}

/// Gives files that have no place in `home` a folder whose name is not a checkpoint's: `step-40.kept`.
fn keep_aside(folder: &Path, home: &Path) -> Result<PathBuf> {
    let kept = home.with_added_extension("kept");
    if fs::symlink_metadata(&kept).is_ok() {
        return Ok(folder.to_owned());
    }
    fs::rename(folder, &kept).map_err(|error| Error::io(folder, "rename", &error))?;
    Ok(kept)
}

/// Returns the names of a checkpoint's files, whether it is finished or not.
pub(crate) fn written(folder: &Path) -> Vec<String> {
    let manifest = fs::read(folder.join(MANIFEST)).ok();
    let read: Option<Manifest> = manifest.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let names = fs::read_to_string(folder.join(NAMES)).ok();
    let is_partial = folder.extension().is_some_and(|end| end == "partial");
    let mut written = match (read, &names) {
        (Some(manifest), _) => manifest.sha256.into_keys().collect(),
        (None, None) if manifest.is_some() || is_partial => EARLIER.map(str::to_owned).into(),
        _ => Vec::new(),
    };
    written.extend(names.iter().flat_map(|names| names.lines().map(str::to_owned)));
    written.extend([MANIFEST, NAMES].map(str::to_owned));
    if is_partial {
        written.extend(["", "trainyard/"].into_iter().flat_map(|place| unfinished(folder, place)));
    }
    written
}

/// Returns the files that the crate safetensors was writing when it was killed, in a folder that only a save writes
/// into: `.tmp` and six characters.
fn unfinished(folder: &Path, place: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.join(place)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_temporary = |name: &String| name.strip_prefix(".tmp").is_some_and(|rest| rest.len() == 6);
    names.filter(is_temporary).map(|name| format!("{place}{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_known_by_their_names() {
        for (name, home) in [
            (".step-40.partial", Some("step-40")),
            (".step-40.123.partial", Some("step-40")),
            (".replay-7.9.removed", Some("replay-7")),
            (".step-.partial", None),
            (".step-4.x.partial", None),
            (".step-4.5.6.partial", None),
            ("step-4.1.partial", None),
            (".notes.partial", None),
        ] {
            assert_eq!(leftover_of(name), home, "{name}");
        }
    }

    #[test]
    fn a_name_never_leads_out_of_its_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let (folder, outside) = (dir.path().join("step-1"), dir.path().join("outside"));
        fs::create_dir_all(folder.join("trainyard")).expect("made");
        fs::write(&outside, "mine").expect("written");
        let text = r#"{"format": 1, "sha256": {"../outside": "", "/etc/hostname": "", "": "", "model": ""}}"#;
        fs::write(folder.join(MANIFEST), text).expect("written");
        fs::write(folder.join("model"), "theirs").expect("written");
        remove(&folder).expect("removed");
        assert!(outside.exists() && !folder.exists());
    }
}
