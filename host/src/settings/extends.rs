//! `extends = "base.toml"`: a config that says only what is different from another one.

use super::document::{self, Entry, Table, Value};
use super::plugin::plugin_name;
use super::problems::{At, Problems};
use crate::base::files::{MAX_TEXT_BYTES, read_text};
use std::path::{Path, PathBuf};

/// The key of the config that this one extends.
pub const EXTENDS: &str = "extends";

/// Configs in a chain, at most.
const CHAIN_MAX: usize = 8;

/// Puts the config that `document`, in the folder `dir`, extends under it: what `document` says counts, and tables are
/// put together key by key. Lists are not: the one that is written last is the whole list.
pub fn apply(document: &mut Table, dir: &Path, problems: &Problems<'_>) {
    let mut dir = dir.to_owned();
    for _ in 0..CHAIN_MAX {
        let Some(entry) = document.remove(EXTENDS) else { return };
        let Value::Text(path) = &entry.item.value else {
            return problems.add(entry.item.at, format!("{EXTENDS}: expected a path, got {}", entry.item.value));
        };
        let path = dir.join(path);
        let Some((base, folder)) = read(&path, &entry, problems) else { return };
        dir = folder;
        let own = std::mem::replace(document, base);
        // a run is named after its own file
        if let Some(Value::Table(run)) = document.get_mut("run").map(|entry| &mut entry.item.value) {
            run.remove("name");
        }
        merge(document, own);
    }
    if let Some(entry) = document.get(EXTENDS) {
        problems
            .add(entry.item.at, format!("{EXTENDS}: expected at most {CHAIN_MAX} configs in a chain; is it a circle?"));
    }
    document.remove(EXTENDS);
}

/// The config at `path`, and the folder that it is in.
fn read(path: &Path, entry: &Entry, problems: &Problems<'_>) -> Option<(Table, PathBuf)> {
    let failed = |error: std::io::Error| {
        problems.add(entry.item.at, format!("{EXTENDS}: cannot read {}: {error}", path.display()));
    };
    let text = read_text(path, MAX_TEXT_BYTES).map_err(failed).ok()?;
    let folder = path.parent()?.canonicalize().map_err(failed).ok()?;
    let file = problems.add_file(path, text.clone(), folder.clone());
    Some((document::parse(&text, file, problems), folder))
}

/// Writes what `own` says over `base`.
fn merge(base: &mut Table, mut own: Table) {
    drop_settings(base, &own);
    for (key, entry) in std::mem::take(&mut own) {
        match (base.get_mut(&key).map(|entry| &mut entry.item.value), entry.item.value) {
            (Some(Value::Table(base)), Value::Table(own)) => merge(base, own),
            (_, value) => {
                let item = document::Item { at: entry.item.at, value };
                base.insert(key, Entry { key_at: entry.key_at, item });
            }
        }
    }
}

/// Drops the settings of a plugin whose place another one takes.
fn drop_settings(base: &mut Table, own: &Table) {
    let plugin = |table: &Table| match table.get("plugin").map(|entry| &entry.item.value) {
        Some(Value::Text(name)) => Some(plugin_name(name).to_owned()),
        _ => None,
    };
    if let (Some(old), Some(new)) = (plugin(base), plugin(own))
        && old != new
    {
        base.remove("config");
    }
}

/// Where a value's relative path starts: in the folder of the file that it is written in.
pub fn folder_of(at: At, problems: &Problems<'_>) -> Option<PathBuf> {
    match at {
        At::File { file, .. } => problems.folder(file),
        _ => None,
    }
}
