//! Runs compared: what differs, the results, and whether their differences are more than the seeds' noise.

mod metric;
mod print;
mod rank;
mod run;
mod traits;
mod variants;

pub use metric::{Difference, Method, MetricComparison, Row};
pub use run::Split;
pub(crate) use run::{Run, names};
pub(crate) use traits::traits;
pub(crate) use variants::variants;
pub use variants::{Cost, Variant, VariantRun};

use crate::runs::run_folders;
use crate::suggest::did_you_mean;
use metric::Context;
pub(crate) use rank::check_texts;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result};
use traits::{differing, n_equal};

/// What is compared, and how.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// The run or variant that others are compared with: a path or a name; the first if none is given.
    pub baseline: Option<String>,
    /// The share of intervals that cover the true difference.
    pub confidence: f64,
    /// The metrics that are compared; all if there is none.
    pub metrics: Vec<String>,
    /// Shows runs that were measured on different held-out text side by side, not ranked.
    pub allow_other_text: bool,
    /// Compares last validations while training where a run has not finished.
    pub allow_unfinished: bool,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self { baseline: None, confidence: 0.95, metrics: Vec::new(), allow_other_text: false, allow_unfinished: false }
    }
}

/// A comparison of runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The name of the variant that others are compared with.
    pub baseline: String,
    /// The share of intervals that cover the true difference.
    pub confidence: f64,
    /// The text whose numbers are shown first: the test text, if all runs have one.
    pub split: Split,
    /// Runs that differ only in their seeds.
    pub variants: Vec<Variant>,
    /// The settings that differ, also plugins, data, program and device.
    pub differing: Vec<String>,
    /// The number of settings that all runs share.
    pub n_equal: usize,
    /// What was measured, by text and metric.
    pub metrics: Vec<MetricComparison>,
    /// How differences were judged.
    pub method: String,
    /// What else is to be known.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Compares runs. A path is a run's folder or a folder that holds runs, such as a sweep's. Where a variant has one
    /// seed in common with the base, the losses of documents say how sure a difference is.
    ///
    /// # Errors
    /// Fewer than two runs, a folder without a run, a run that has not finished, runs that were measured on different
    /// text, a baseline or a metric that is none, or a confidence that is not between 0 and 1.
    pub fn of(paths: &[PathBuf], options: &CompareOptions) -> Result<Self> {
        check_confidence(options)?;
        let folders = run_folders(paths)?;
        if let [] | [_] = folders.as_slice() {
            let got = folders.first().map_or("none".to_owned(), |folder| format!("only {}", folder.display()));
            return Err(Error::usage(format!("expected at least 2 runs to compare, got {got}; name another one")));
        }
        let read = names(&folders).into_iter().zip(&folders).map(|(name, folder)| Run::read(name, folder));
        let runs = read.collect::<Result<Vec<_>>>()?;
        Self::of_runs(&runs, options)
    }

    /// Compares runs that were read before, at least two, by options of which the confidence was checked.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn of_runs(runs: &[Run], options: &CompareOptions) -> Result<Self> {
        let confidence = options.confidence;
        runs.iter().try_for_each(|run| run.check_finished(options.allow_unfinished))?;
        let traits = traits(runs);
        let variants = variants(runs, &traits);
        let base = base(&variants, runs, options.baseline.as_deref())?;
        let from_training = runs.iter().any(|run| !run.is_finished());
        let has_test = !from_training && runs.iter().all(|run| !run.measures(Split::Test, false).is_empty());
        let split = if has_test { Split::Test } else { Split::Validation };
        let is_measured = runs.iter().any(|run| !run.measures(split, from_training).is_empty());
        if is_measured && !options.allow_other_text {
            check_texts(&runs[variants[base].indices[0]], runs, split)?;
        }
        let context = Context { runs, variants: &variants, base, options, from_training };
        let mut metrics = context.compare(split)?;
        for other in Split::ALL.into_iter().filter(|other| *other != split) {
            metrics.extend(context.compare(other)?);
        }
        check_metrics(&options.metrics, &metrics, runs)?;
        let differing = differing(&traits);
        Ok(Self {
            baseline: variants[base].name.clone(),
            confidence,
            split,
            n_equal: n_equal(&traits, &differing),
            differing,
            method: print::method(&metrics, split, confidence),
            notes: notes(runs, from_training, is_measured),
            metrics,
            variants,
        })
    }
}

/// Checks what can be checked of options before runs are compared.
///
/// # Errors
/// A baseline that is none of the runs, or a confidence that is not between 0 and 1.
pub(crate) fn check_options(runs: &[Run], variants: &[Variant], options: &CompareOptions) -> Result<()> {
    check_confidence(options)?;
    base(variants, runs, options.baseline.as_deref()).map(|_| ())
}

fn check_confidence(options: &CompareOptions) -> Result<()> {
    let confidence = options.confidence;
    if confidence > 0.0 && confidence < 1.0 {
        return Ok(());
    }
    Err(Error::usage(format!("--confidence {confidence}: expected a number between 0 and 1, such as 0.95 for 95 %")))
}

/// Finds the place of the variant that others are compared with.
fn base(variants: &[Variant], runs: &[Run], wanted: Option<&str>) -> Result<usize> {
    let Some(wanted) = wanted else { return Ok(0) };
    let path = Path::new(wanted).canonicalize().ok();
    let is_run = |run: &Run| run.name == wanted || path.is_some() && run.path.canonicalize().ok() == path;
    let is_meant =
        |variant: &Variant| variant.name == wanted || variant.indices.iter().any(|&index| is_run(&runs[index]));
    if let Some(place) = variants.iter().position(is_meant) {
        return Ok(place);
    }
    let known = variants.iter().map(|variant| &variant.name).chain(runs.iter().map(|run| &run.name));
    let known: BTreeSet<&str> = known.map(String::as_str).collect();
    let cure = did_you_mean(wanted, known);
    Err(Error::usage(format!("--baseline {wanted}: expected one of the runs that are compared; {cure}")))
}

/// Checks that the metrics that were asked for were measured.
fn check_metrics(wanted: &[String], found: &[MetricComparison], runs: &[Run]) -> Result<()> {
    let is_missing = |name: &&String| !found.iter().any(|metric| metric.name == **name);
    let Some(name) = wanted.iter().find(is_missing) else { return Ok(()) };
    let reports = runs.iter().filter_map(|run| run.log.report.as_ref()).map(|last| &last.report);
    let measured = reports.flat_map(|report| report.test.iter().chain(&report.validation));
    let known: BTreeSet<&str> = measured.map(|metric| metric.name.as_str()).collect();
    let cure = did_you_mean(name, known);
    Err(Error::usage(format!("--metric {name}: expected a metric of these runs; {cure}")))
}

/// Says what is peculiar about runs.
fn notes(runs: &[Run], from_training: bool, is_measured: bool) -> Vec<String> {
    let mut notes = Vec::new();
    for run in runs {
        let broken = run.log.n_broken;
        if !run.is_finished() {
            notes.push(format!("{} is {}", run.name, run.progress()));
        }
        if broken > 0 {
            notes.push(format!("{}: {} of its log broken", run.name, if broken == 1 { "a line" } else { "lines" }));
        }
    }
    if !is_measured {
        notes.push("nothing was measured: these runs held no text out".to_owned());
    }
    if from_training {
        let extents: BTreeSet<_> = runs.iter().filter_map(|run| run.log.last.as_ref()?.batches).collect();
        let steps: BTreeSet<_> = runs.iter().filter_map(|run| Some(run.log.last.as_ref()?.step)).collect();
        let of = |[read, of]: &[u64; 2]| format!("{read} of {of} batches");
        let extents = extents.iter().map(of).collect::<Vec<_>>().join("; ");
        let steps = steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        notes.push(format!("a run has not finished: of all, the last validation while training is compared, after step {steps} ({extents})"));
    }
    notes
}
