//! What distinguishes runs: settings, plugins by their digests, data, program and device.

use super::run::Run;
use crate::plugins::Plugin;
use crate::settings::{self, fits};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The digest of the prepared data.
pub const DATA: &str = "data";

/// Settings that change no result, or that are seen in another way: the seed makes groups, the contents of plugins and
/// of data have digests, and the device is in the log.
const LEFT_OUT: [&str; 25] = [
    "run.**",
    "data.threads",
    "data.store",
    "data.dedup.memory_mb",
    "train.threads",
    "train.workers",
    "train.device",
    "train.recompute",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.watch.**",
    "adapter.from",
    "*.plugin",
    "*.*.plugin",
    "*.*.*.plugin",
    "*.*.*.*.*.plugin",
    "*.trust",
    "*.draft",
    "*.sha256",
    "*.isolation",
    "*.max_errors",
    "*.limits.**",
    "*.*.limits.**",
    "*.*.*.limits.**",
    "report.**",
];

/// Paths to what the digest of the data covers.
const DATA_PATHS: [&str; 5] =
    ["data.source.*.path", "data.tokens.*", "data.held_out.path", "data.decontaminate.files", "tokenizer.model"];

/// Other paths.
const PATHS: [&str; 1] = ["start.from"];

/// Characters of a digest that are shown.
const DIGEST_SHOWN: usize = 8;

/// What a run is, by key.
pub type Traits = BTreeMap<String, String>;

/// Returns the traits of each run.
pub fn traits(runs: &[Run]) -> Vec<Traits> {
    let is_same_data = runs.iter().all(|run| !run.data().is_empty() && run.data() == runs[0].data());
    let precise = unlike_programs(runs);
    runs.iter().map(|run| of_run(run, is_same_data, &precise)).collect()
}

fn of_run(run: &Run, is_same_data: bool, precise: &BTreeSet<String>) -> Traits {
    let mut traits = Traits::new();
    let is_any = |patterns: &[&str], key: &str| patterns.iter().any(|pattern| fits(pattern, key));
    for (key, value) in &run.settings {
        if is_any(&LEFT_OUT, key) || is_same_data && is_any(&DATA_PATHS, key) {
            continue;
        }
        let text = settings::plain(value);
        let is_path = is_any(&DATA_PATHS, key) || is_any(&PATHS, key);
        traits.insert(key.clone(), if is_path { absolute(&run.path, &text) } else { text });
    }
    for (table, plugin) in run.plugins_by_table() {
        let key = table + ".plugin";
        let label = plugin.label(precise.contains(&key));
        traits.insert(key, label);
    }
    if let Some(header) = &run.log.header {
        traits.insert(DATA.to_owned(), header.digests.data.chars().take(DIGEST_SHOWN).collect());
        traits.insert("program".to_owned(), format!("{} ({})", header.version, header.commit));
        traits.insert("device".to_owned(), header.device.clone());
    }
    traits
}

/// Returns the keys of plugins that have the same name in several runs and are not the same program.
fn unlike_programs(runs: &[Run]) -> BTreeSet<String> {
    let mut seen: BTreeMap<(String, &str), &Plugin> = BTreeMap::new();
    let mut unlike = BTreeSet::new();
    for run in runs {
        for (table, plugin) in run.plugins_by_table() {
            let first = *seen.entry((table.clone(), &plugin.name)).or_insert(plugin);
            if !first.is_program(plugin) {
                unlike.insert(table + ".plugin");
            }
        }
    }
    unlike
}

/// The place of a path that a config has relative to its folder: runs in folders of different depth name the same file
/// differently.
fn absolute(folder: &Path, path: &str) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut absolute = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::ParentDir => drop(absolute.pop()),
            Component::CurDir => {}
            part => absolute.push(part),
        }
    }
    absolute.display().to_string()
}

/// Returns the keys under which runs differ, without a digest of data where runs that are alike in all else have the
/// same.
pub fn differing(traits: &[Traits]) -> Vec<String> {
    let keys: BTreeSet<&String> = traits.iter().flat_map(Traits::keys).collect();
    let is_differing = |key: &&String| traits.iter().any(|own| own.get(*key) != traits[0].get(*key));
    let mut keys: Vec<String> = keys.into_iter().filter(is_differing).cloned().collect();
    let rest: Vec<&String> = keys.iter().filter(|key| *key != DATA).collect();
    let values = |own: &Traits| -> Vec<Option<String>> { rest.iter().map(|key| own.get(*key).cloned()).collect() };
    let mut data = BTreeMap::new();
    let is_explained =
        traits.iter().all(|own| *data.entry(values(own)).or_insert_with(|| own.get(DATA)) == own.get(DATA));
    if is_explained {
        keys.retain(|key| key != DATA);
    }
    keys
}

/// The number of settings that all runs share.
pub fn n_equal(traits: &[Traits], differing: &[String]) -> usize {
    let keys: BTreeSet<&String> = traits.iter().flat_map(Traits::keys).collect();
    keys.into_iter().filter(|key| *key != DATA && !differing.contains(key)).count()
}
