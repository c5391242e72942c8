//! The mark of the best checkpoint: a link `best` next to the checkpoints, for people and for other programs. What is
//! the run's model is decided by the checkpoints' states and never by this link.

use super::folder::checkpoint::{folder_name, steps};
use crate::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Name of the link in `checkpoints/`.
pub(crate) const BEST: &str = "best";

/// Makes the link lead to the checkpoint after step `best`; where there is no such checkpoint there is no link. Returns
/// whether the name is ours to give: what a user has put there stays.
///
/// # Errors
/// A link that cannot be made or removed.
pub(crate) fn mark_best(checkpoints: &Path, best: Option<u64>) -> Result<bool> {
    let link = checkpoints.join(BEST);
    let known = steps(checkpoints)?;
    let target = best.filter(|step| known.contains(step)).map(folder_name);
    let marked = match fs::read_link(&link) {
        Ok(marked) => Some(marked),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        // a file, a folder, or whatever a user has put there
        Err(_) => return Ok(false),
    };
    let is_ours = |marked: &Path| marked.to_str().is_some_and(is_checkpoint);
    if marked.as_deref().is_some_and(|marked| !is_ours(marked)) {
        return Ok(false);
    }
    if marked.as_deref() == target.as_deref().map(Path::new) {
        return Ok(true);
    }
    if marked.is_some() {
        fs::remove_file(&link).map_err(|error| Error::io(&link, "remove", &error))?;
    }
    target.map_or(Ok(()), |target| make_link(&target, &link))?;
    Ok(true)
}

/// Says whether this is the name of a checkpoint's folder.
pub(crate) fn is_checkpoint(name: &str) -> bool {
    name.strip_prefix("step-").is_some_and(|step| step.parse::<u64>().is_ok_and(|step| folder_name(step) == name))
}

/// Nothing depends on the link: a file system without links has none.
#[cfg(unix)]
fn make_link(target: &str, link: &Path) -> Result<()> {
    match std::os::unix::fs::symlink(target, link) {
        Err(error) if !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            Err(Error::io(link, "create", &error))
        }
        _ => Ok(()),
    }
}

/// Elsewhere links need rights that a user need not have.
#[cfg(not(unix))]
fn make_link(_: &str, _: &Path) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::super::folder::checkpoint::MANIFEST;
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    fn checkpoints(steps: &[u64]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for &step in steps {
            let manifest = folder.path().join(folder_name(step)).join(MANIFEST);
            fs::create_dir_all(manifest.parent().expect("a parent")).expect("made");
            fs::write(manifest, "{}").expect("written");
        }
        folder
    }

    fn marked(folder: &Path) -> Option<PathBuf> {
        fs::read_link(folder.join(BEST)).ok()
    }

    #[test]
    fn the_link_follows_the_best() {
        let folder = checkpoints(&[2, 4]);
        for (best, expected) in
            [(None, None), (Some(2), Some("step-2")), (Some(4), Some("step-4")), (Some(4), Some("step-4"))]
        {
            assert!(mark_best(folder.path(), best).expect("marked"));
            assert_eq!(marked(folder.path()).as_deref(), expected.map(Path::new));
        }
        // a checkpoint that was not kept is not marked
        assert!(mark_best(folder.path(), Some(3)).expect("marked"));
        assert_eq!(marked(folder.path()), None);
        // a link that leads nowhere, as when its checkpoint went
        symlink("step-9", folder.path().join(BEST)).expect("made");
        assert!(mark_best(folder.path(), Some(2)).expect("marked"));
        assert_eq!(marked(folder.path()).as_deref(), Some(Path::new("step-2")));
    }

    #[test]
    fn what_a_user_put_there_stays() {
        let folder = checkpoints(&[2]);
        let path = folder.path().join(BEST);
        fs::write(&path, "mine").expect("written");
        assert!(!mark_best(folder.path(), Some(2)).expect("left alone"));
        assert_eq!(fs::read(&path).expect("there"), b"mine");
        fs::remove_file(&path).expect("removed");
        for target in ["../elsewhere", "step-02", "/step-2"] {
            symlink(target, &path).expect("made");
            assert!(!mark_best(folder.path(), Some(2)).expect("left alone"));
            assert_eq!(marked(folder.path()).as_deref(), Some(Path::new(target)));
            fs::remove_file(&path).expect("removed");
        }
    }
}
