//! Runs of a sweep as plain data.

use super::base::Base;
use super::design::{self, Changes, too_many};
use super::names::{Swaps, names};
use super::sweep::Sweep;
use super::value;
use serde::Serialize;
use std::path::{Path, PathBuf};
use trainyard_base::Result;

/// Runs that a sweep may have.
pub const RUNS_MAX: usize = 10_000;

/// Settings by which a run may differ and still have the same results: where it is, and with how many threads.
const PLACES: [&str; 4] = ["run.name", "run.dir", "data.store", "train.threads"];

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Name of what it changes of the base; runs of several seeds share it.
    pub variant: String,
    /// Its seed.
    pub seed: u64,
    /// All it changes of the base's file, as `trainyard train --set` takes it.
    pub sets: Vec<String>,
    /// Its folder.
    pub folder: PathBuf,
}

/// The base with some settings changed, for every seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variant {
    /// Its name, which is that of a folder.
    pub name: String,
    /// What it changes.
    pub sets: Vec<String>,
}

impl Cell {
    /// The log of the process: beside the run's folder, which holds nothing but the run.
    pub fn log(&self) -> PathBuf {
        let mut log = self.folder.clone().into_os_string();
        log.push(".log");
        log.into()
    }

    /// Tells if `sets` give a run the same results as this one.
    pub fn is_same(&self, sets: &[String]) -> bool {
        results_of(&self.sets) == results_of(sets)
    }
}

/// What of the sets decides results.
pub(super) fn results_of(sets: &[String]) -> Vec<&str> {
    let is_place = |set: &&str| set.split_once('=').is_some_and(|(key, _)| PLACES.contains(&key.trim()));
    sets.iter().map(String::as_str).filter(|set| !is_place(set)).collect()
}

impl Sweep {
    /// The folder of the sweep.
    pub fn folder(&self, base: &Base) -> PathBuf {
        base.dir().join(&self.name)
    }

    /// The runs, in a fixed order: all variants with the first seed, then with the next one, so that a sweep that ends
    /// early has seeds that all variants share. With halving, those of the first rung.
    ///
    /// # Errors
    /// A sweep that [`Sweep::check`] refuses, more than [`RUNS_MAX`] runs.
    pub fn cells(&self, base: &Base) -> Result<Vec<Cell>> {
        Ok(self.cells_of(base, &self.variants(base)?, 0))
    }

    /// The variants, in a fixed order.
    ///
    /// # Errors
    /// As [`Sweep::cells`].
    pub fn variants(&self, base: &Base) -> Result<Vec<Variant>> {
        self.check()?;
        let variants = design::variants(self, base)?;
        let runs = self.n_runs(variants.len());
        if runs > RUNS_MAX as u64 {
            return Err(too_many(&format!("{runs}: {} variants × {} seeds", variants.len(), self.seeds.len())));
        }
        let swaps: Vec<Swaps<'_>> =
            variants.iter().map(|changes| changes.iter().map(|(key, value)| (key.as_str(), value)).collect()).collect();
        let named = names(&swaps).into_iter().zip(&variants);
        named.map(|(name, changes)| Ok(Variant { name, sets: sets(changes)? })).collect()
    }

    /// How many runs there are with so many variants, in all rungs.
    pub(super) fn n_runs(&self, n_variants: usize) -> u64 {
        let rungs = self.rungs(n_variants);
        rungs.iter().fold(0, |runs, (n, _)| runs.saturating_add((*n as u64).saturating_mul(self.seeds.len())))
    }

    /// How many variants each rung has, and its steps; without halving there is one rung.
    pub(super) fn rungs(&self, n_variants: usize) -> Vec<(usize, Option<u64>)> {
        let Some(halving) = &self.halving else { return vec![(n_variants, None)] };
        let counts = std::iter::successors(Some(n_variants), |&n| Some(halving.kept(n)));
        counts.zip(halving.budgets().into_iter().map(Some)).collect()
    }

    /// The runs of some variants in a rung, the first of which is 0.
    pub(super) fn cells_of(&self, base: &Base, variants: &[Variant], rung: usize) -> Vec<Cell> {
        let budget = self.halving.as_ref().and_then(|halving| halving.budgets().get(rung).copied());
        let folder = match budget {
            Some(_) => self.folder(base).join(format!("rung-{}", rung + 1)),
            None => self.folder(base),
        };
        // prepared data are shared by all runs in run.dir
        let store = base.at("data.store").is_none().then(|| set("data.store", &base.dir().join("store")));
        let cell = |seed: u64, variant: &Variant| {
            let folder = folder.join(&variant.name);
            let mut sets = self.set.clone();
            sets.extend(variant.sets.iter().cloned());
            sets.extend(budget.map(|steps| format!("train.steps={steps}")));
            sets.extend(store.clone());
            sets.extend([format!("run.seed={seed}"), set("run.dir", &folder), format!("run.name=seed-{seed}")]);
            Cell { variant: variant.name.clone(), seed, sets, folder: folder.join(format!("seed-{seed}")) }
        };
        let seeds = self.seeds.list(base.seed());
        seeds.into_iter().flat_map(|seed| variants.iter().map(move |variant| cell(seed, variant))).collect()
    }
}

/// The sets of a variant.
fn sets(changes: &Changes) -> Result<Vec<String>> {
    let settings = changes.iter().map(|(key, value)| value::settings(key, value)).collect::<Result<Vec<_>>>()?;
    Ok(settings.concat().iter().map(|(key, value)| format!("{key}={}", value::text(value))).collect())
}

/// The set of a path.
fn set(key: &str, path: &Path) -> String {
    format!("{key}={}", value::text(&path.display().to_string().into()))
}
