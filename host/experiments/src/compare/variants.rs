//! Variants: runs that differ only in their seeds.

use super::run::Run;
use super::traits::{Traits, differing};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The most settings that are columns of a table.
const MAX_COLUMNS: usize = 3;

/// Runs that differ only in their seeds, names, tags and notes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variant {
    /// The name of its run, what the names of its runs begin with, or how it differs from the others.
    pub name: String,
    /// Its runs.
    pub runs: Vec<VariantRun>,
    /// What it has of the settings that differ.
    pub settings: BTreeMap<String, String>,
    /// What it cost.
    pub cost: Cost,
    /// The places of its runs among all.
    #[serde(skip)]
    pub(super) indices: Vec<usize>,
}

/// A run of a variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantRun {
    /// The end of its path.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// `run.seed`
    pub seed: i64,
    /// `interrupted at step 137 of 320`; none of a finished run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
}

/// What a variant cost, as means over its runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Tokens of a second of training, validations and checkpoints included.
    pub tokens_per_second: Option<f64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// Seconds in calls of plugins, over all threads.
    pub plugin_seconds: Option<f64>,
    /// Numbers that are trained.
    pub parameters: Option<f64>,
}

/// Makes variants of runs, in the order of their first runs. A run whose seed the variant has already begins another.
pub fn variants(runs: &[Run], traits: &[Traits]) -> Vec<Variant> {
    let keys = differing(traits);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, own) in traits.iter().enumerate() {
        let is_alike = |other: usize| keys.iter().all(|key| own.get(key) == traits[other].get(key));
        let has_seed = |group: &Vec<usize>| group.iter().any(|&other| runs[other].seed == runs[index].seed);
        match groups.iter_mut().find(|group| is_alike(group[0]) && !has_seed(group)) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    let settings = |group: &Vec<usize>| -> BTreeMap<String, String> {
        let own = &traits[group[0]];
        keys.iter().filter_map(|key| Some((key.clone(), own.get(key)?.clone()))).collect()
    };
    let settings: Vec<_> = groups.iter().map(settings).collect();
    let names = names(runs, &groups, &settings);
    let made = groups.into_iter().zip(settings).zip(names);
    made.map(|((indices, settings), name)| variant(name, indices, settings, runs)).collect()
}

fn variant(name: String, mut indices: Vec<usize>, settings: BTreeMap<String, String>, runs: &[Run]) -> Variant {
    indices.sort_by_key(|&index| runs[index].seed);
    let own: Vec<&Run> = indices.iter().map(|&index| &runs[index]).collect();
    let run = |run: &&Run| VariantRun {
        name: run.name.clone(),
        path: run.path.clone(),
        seed: run.seed,
        unfinished: (!run.is_finished()).then(|| run.progress()),
    };
    let parameters = own.iter().filter_map(|run| run.log.header.as_ref());
    let cost = Cost {
        tokens_per_second: mean(own.iter().filter_map(|run| run.log.tokens_per_second()).collect()),
        seconds: mean(own.iter().filter_map(|run| run.log.seconds).collect()),
        plugin_seconds: mean(own.iter().filter_map(|run| run.log.plugin_seconds).collect()),
        parameters: mean(parameters.map(|header| header.parameters as f64).collect()),
    };
    Variant { name, runs: own.iter().map(run).collect(), settings, cost, indices }
}

fn mean(values: Vec<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Names variants, each unlike the others.
fn names(runs: &[Run], groups: &[Vec<usize>], settings: &[BTreeMap<String, String>]) -> Vec<String> {
    let from_runs: Vec<String> = groups.iter().map(|group| common_start(runs, group)).collect();
    if is_distinct(&from_runs) {
        return from_runs;
    }
    let from_settings: Vec<String> = settings.iter().map(described).collect();
    if is_distinct(&from_settings) {
        return from_settings;
    }
    groups.iter().map(|group| runs[group[0]].name.clone()).collect()
}

fn is_distinct(names: &[String]) -> bool {
    names.iter().all(|name| !name.is_empty()) && names.iter().collect::<BTreeSet<_>>().len() == names.len()
}

/// What the names of a group's runs begin with, without what leads to a seed.
fn common_start(runs: &[Run], group: &[usize]) -> String {
    let first = &runs[group[0]].name;
    if group.len() == 1 {
        return first.clone();
    }
    let is_shared = |end: &usize| group.iter().all(|&index| runs[index].name.starts_with(&first[..*end]));
    let ends = first.char_indices().map(|(start, char)| start + char.len_utf8());
    let is_mark = |char: char| !char.is_alphanumeric();
    let mut name = first[..ends.take_while(is_shared).last().unwrap_or(0)].trim_end_matches(is_mark);
    // the names are poems-seed=1, poems-seed=2, or base/seed-1, base/seed-2
    for end in ["seed", "s"] {
        let rest = name.strip_suffix(end).unwrap_or(name);
        let is_word = !rest.ends_with(char::is_alphanumeric);
        name = if is_word { rest } else { name };
    }
    name.trim_end_matches(is_mark).to_owned()
}

/// `focal, lr=0.002`: the values of plugins, and other settings with the last part of their keys.
fn described(settings: &BTreeMap<String, String>) -> String {
    let one = |(key, value): (&String, &String)| match key.rsplit_once('.') {
        Some((_, "plugin")) => value.clone(),
        Some((_, name)) => format!("{name}={value}"),
        None => format!("{key}={value}"),
    };
    settings.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Chooses the settings that tell the variants apart, plugins first; at most three.
pub fn columns(variants: &[Variant]) -> Vec<String> {
    let keys: BTreeSet<&String> = variants.iter().flat_map(|variant| variant.settings.keys()).collect();
    let (plugins, rest): (Vec<&String>, Vec<&String>) = keys.into_iter().partition(|key| key.ends_with(".plugin"));
    let mut chosen: Vec<String> = Vec::new();
    for key in plugins.into_iter().chain(rest) {
        let more: Vec<String> = chosen.iter().chain([key]).cloned().collect();
        if chosen.len() < MAX_COLUMNS && n_told_apart(variants, &more) > n_told_apart(variants, &chosen) {
            chosen = more;
        }
    }
    chosen
}

fn n_told_apart(variants: &[Variant], keys: &[String]) -> usize {
    let values = |variant: &Variant| -> Vec<Option<String>> {
        keys.iter().map(|key| variant.settings.get(key).cloned()).collect()
    };
    variants.iter().map(values).collect::<BTreeSet<_>>().len()
}
