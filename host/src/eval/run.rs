//! `eval` and `generate`: a finished or running run, read from its folder.

use super::report::final_report;
use super::{Evaluator, continue_text};
use crate::config::{self, RunConfig};
use crate::data::{self, Dataset};
use crate::model::Transformer;
use crate::ops::{Device, DeviceChoice, Engine};
use crate::report::{EvalSummary, FinalReport};
use crate::train::{RunFolder, RunPlugins, SampleConfig, check_reading, checkpoint, describe, restore_model};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// A run opened for reading.
pub struct OpenRun {
    /// Its resolved config.
    pub config: RunConfig,
    /// Its plugins.
    pub plugins: RunPlugins,
    /// Its data.
    pub data: Dataset,
    /// The checkpoint's network.
    pub model: Transformer,
    /// The checkpoint.
    pub checkpoint: PathBuf,
    /// Steps that the checkpoint has seen.
    pub step: u64,
}

impl OpenRun {
    /// Opens the run in `root` at the checkpoint `step-N`, or at its newest.
    pub fn open(root: &Path, checkpoint: Option<&str>) -> Result<Self> {
        let folder = RunFolder::open(root)?;
        let config = config::load(&folder.config(), &[])?;
        let (step, path) = find_checkpoint(&folder, checkpoint)?;
        let reader = checkpoint::Reader::open(&path)?;
        let plugins = RunPlugins::open(&config)?;
        let data = data::open(&folder.data())?;
        let stamp = describe(plugins.data.tokenizer.stamp());
        let recorded = &data.manifest.tokenizer.digest;
        if *recorded != stamp {
            return Err(Error::usage(format!(
                "{}: the tokenizer changed: the run was made with {recorded}, now it is {stamp}; restore the file",
                root.display()
            )));
        }
        // Without a backward there is nothing to keep: all blocks share one set of activations.
        let (vocab, train) = (data.tokenizer.n_tokens, &config.train);
        // A run is read wherever it was trained: where its GPU is not, on the CPU.
        let (device, _) = Device::open(train.device).or_else(|error| {
            tracing::warn!("{error}; reading the run on the CPU");
            Device::open(DeviceChoice::Cpu)
        })?;
        check_reading(&config, vocab, &device)?;
        let engine = Engine::on(device, train.precision).deterministic(train.deterministic);
        let model = Transformer::new(&config.model, vocab, engine, config.run.seed, true)?;
        restore_model(&reader, &model)?;
        Ok(Self { config, plugins, data, model, checkpoint: path, step })
    }

    /// The text that the model writes after `sample.prompt`.
    pub fn continue_text(&self, sample: &SampleConfig) -> Result<String> {
        continue_text(&self.plugins, &self.data, &self.model, sample)
    }
}

/// Measures a run's checkpoint on its held-out text.
///
/// # Errors
/// A run that cannot be read, or not by this program.
pub fn evaluate(root: &Path, checkpoint: Option<&str>) -> Result<EvalSummary> {
    evaluate_open(root, checkpoint).map(|(summary, _)| summary)
}

/// As [`evaluate`], with the run still open, to be closed when the summary was shown.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_open(root: &Path, checkpoint: Option<&str>) -> Result<(EvalSummary, OpenRun)> {
    let mut run = OpenRun::open(root, checkpoint)?;
    let loss = run.plugins.loss.loss()?.describe()?;
    let evaluator = Evaluator::new(&loss, &run.plugins.metrics.iter().collect::<Vec<_>>())?;
    let report: FinalReport = final_report(&run.config, &run.plugins, &run.data, &mut run.model, &evaluator, run.step)?;
    let checkpoint = run.checkpoint.clone();
    Ok((EvalSummary { run: root.to_owned(), checkpoint, step: run.step, report }, run))
}

fn find_checkpoint(folder: &RunFolder, name: Option<&str>) -> Result<(u64, PathBuf)> {
    let checkpoints = folder.checkpoints();
    let steps = checkpoint::steps(&checkpoints)?;
    let known = || steps.iter().map(|&step| checkpoint::folder_name(step)).collect::<Vec<_>>().join(", ");
    let step = match name {
        Some(name) => steps.iter().copied().find(|&step| checkpoint::folder_name(step) == name).ok_or_else(|| {
            Error::usage(format!("{}: no checkpoint {name:?}, there are: {}", checkpoints.display(), known()))
        })?,
        None => steps.last().copied().ok_or_else(|| {
            Error::usage(format!("{}: no checkpoint yet, train the run first", checkpoints.display()))
        })?,
    };
    Ok((step, checkpoints.join(checkpoint::folder_name(step))))
}
