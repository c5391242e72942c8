//! What of a run's folder nobody needs any more.

use super::remove::{MANIFEST, is_folder, size, written};
use super::{Item, Kind};
use crate::folder::{CONFIG, MARKER, METRICS, PLUGINS};
use crate::log::Log;
use crate::runs::State;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use trainyard_base::write::{is_abandoned, is_alive};
use trainyard_base::{Error, Result};

/// The note about a replacement that is under way.
const JOURNAL: &str = ".trainyard-replace.json";

/// The files that a run writes into its folder under temporary names.
const RECORDS: [&str; 5] = [CONFIG, PLUGINS, METRICS, MARKER, JOURNAL];

/// Says why nothing of a run is removed; none if something may be.
pub fn obstacle(folder: &Path, state: State) -> Option<&'static str> {
    match state {
        // a model may be broken some steps before its loss shows it
        State::Failed => Some("it failed, and may have to go back to an earlier checkpoint"),
        _ if folder.join(JOURNAL).exists() => {
            Some("a replacement of the run was interrupted; open it, for example with `trainyard eval`")
        }
        _ => None,
    }
}

/// Finds what may be removed of a run's folder.
///
/// # Errors
/// A folder that cannot be read.
pub fn items(folder: &Path, log: &Log) -> Result<Vec<Item>> {
    let checkpoints = folder.join("checkpoints");
    let names = names(&checkpoints)?;
    let steps: BTreeSet<u64> = names.iter().filter_map(|name| step(&checkpoints, name)).collect();
    let kept = kept(&checkpoints, &steps, log);
    let mut items = Vec::new();
    for step in steps.difference(&kept) {
        let path = checkpoints.join(format!("step-{step}"));
        let bytes = size(&path, &written(&path));
        items.push(Item { kind: Kind::Checkpoint, path, bytes });
    }
    for name in names.iter().filter(|name| is_leftover(name)) {
        let path = checkpoints.join(name);
        if is_folder(&path) {
            let bytes = size(&path, &written(&path));
            items.push(Item { kind: Kind::Leftover, path, bytes });
        }
    }
    for name in self::names(folder)? {
        let path = folder.join(&name);
        let is_record = RECORDS.iter().any(|record| name.strip_prefix(record).is_some_and(|end| end.starts_with('.')));
        if is_record && is_abandoned(&path) {
            let bytes = size(folder, &[name]);
            items.push(Item { kind: Kind::File, path, bytes });
        }
    }
    Ok(items)
}

/// The steps whose checkpoints stay: the last one, the one that the link `best` names, and whatever the log says is the
/// best or the run's model.
fn kept(checkpoints: &Path, steps: &BTreeSet<u64>, log: &Log) -> BTreeSet<u64> {
    let link = fs::read_link(checkpoints.join("best")).ok();
    let marked = link.as_deref().and_then(Path::to_str).and_then(|name| name.strip_prefix("step-")?.parse().ok());
    let ended = log.end.as_ref().and_then(|end| end.best).map(|best| best.step);
    let best = log.best.as_ref().map(|best| best.step);
    let model = log.report.as_ref().map(|report| report.model_step);
    [steps.last().copied(), marked, ended, best, model].into_iter().flatten().collect()
}

/// The step of a checkpoint's folder.
fn step(checkpoints: &Path, name: &str) -> Option<u64> {
    let step: u64 = name.strip_prefix("step-")?.parse().ok()?;
    let folder = checkpoints.join(name);
    // "step-007" is none of trainyard's
    (name == format!("step-{step}") && is_folder(&folder) && folder.join(MANIFEST).is_file()).then_some(step)
}

/// Says whether this is the name of a checkpoint that a process which has ended left half-written or half-removed:
/// `.step-40.123.partial`, `.step-40.123.removed` or, from earlier versions, `.step-40.partial`.
fn is_leftover(name: &str) -> bool {
    let inner = name.strip_prefix('.');
    let inner = inner.and_then(|inner| inner.strip_suffix(".partial").or_else(|| inner.strip_suffix(".removed")));
    let Some((home, process)) = inner.map(|inner| inner.split_once('.').unwrap_or((inner, ""))) else { return false };
    let step = home.strip_prefix("step-").or_else(|| home.strip_prefix("replay-"));
    let is_step = step.is_some_and(|step| step.parse::<u64>().is_ok());
    is_step && (process.is_empty() || process.parse().is_ok_and(|process: i32| !is_alive(process)))
}

/// The names in a folder, in order; none if it does not exist.
fn names(folder: &Path) -> Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, "read", &error))? {
        let name = entry.map_err(|error| Error::io(folder, "read", &error))?.file_name();
        names.extend(name.into_string());
    }
    names.sort();
    Ok(names)
}
