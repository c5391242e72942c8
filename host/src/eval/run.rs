//! `eval` and `generate`: a finished or running run, read from its folder.

use super::report::{contribute_to_report, final_report};
use super::sharing::helping;
use super::writing::Writing;
use super::{Evaluator, TestSets, TextPrompt};
use crate::feed::{self, Dataset};
use crate::model::{Model, Purpose, Spec};
use crate::ops::{Device, DeviceChoice, Engine};
use crate::plugin::Plugin;
use crate::ranks::Group;
use crate::report::{EvalSummary, FileReport, FinalReport};
use crate::run::RunConfig;
use crate::run::{
    Described, OpenedRun, PluginChange, RunModel, RunPlugins, RunTask, SampleConfig, check_reading, checkpoint,
    open_tokenizer, restore_model, tokenizer_digest,
};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use trainyard_plugin::Kind;

/// How a run is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The checkpoint `best`, `last` or `step-N`; the run's model if none is named.
    pub checkpoint: Option<String>,
    /// Settings that differ from the run's config, each `section.key=value`.
    pub set: Vec<String>,
    /// Places whose plugins may differ from those that the run was trained with.
    pub allow_changed: Vec<String>,
}

/// A run opened for reading, as far as writing text needs it.
pub struct OpenRun {
    /// Its folder, config and recorded plugins.
    pub run: OpenedRun,
    /// Text to tokens.
    pub tokenizer: Plugin,
    /// Its data.
    pub data: Dataset,
    /// What it learnt of them.
    pub task: RunTask,
    /// The checkpoint's network.
    pub model: Model,
    /// The checkpoint.
    pub checkpoint: RunModel,
    /// Plugins that are not those that the run was trained with, all of them allowed.
    pub changed: Vec<PluginChange>,
}

impl OpenRun {
    /// Opens the run in `root`: its tokenizer, its data and a checkpoint.
    ///
    /// # Errors
    /// No run or no checkpoint, damaged files, another tokenizer than the run's.
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self> {
        Self::open_with(root, options, &["tokenizer", "model"])
    }

    /// The same on all `ranks`, by the checkpoint that the first one has chosen.
    ///
    /// # Errors
    /// As [`OpenRun::open`]; the first rank is gone or has failed.
    pub fn open_alike(root: &Path, options: &OpenOptions, ranks: Option<&Group>) -> Result<Self> {
        open_alike(options, ranks, |options| Self::open(root, options), |run| &run.checkpoint)
    }

    /// As [`OpenRun::open`], and the plugins of `places` are looked for.
    fn open_with(root: &Path, options: &OpenOptions, places: &[&str]) -> Result<Self> {
        let run = OpenedRun::open(root, &options.set, places)?;
        check_places(&options.allow_changed)?;
        let config = &run.config;
        let checkpoint = RunModel::choose(&run.folder, config.train.patience, options.checkpoint.as_deref())?;
        let reader = checkpoint::Reader::open(&checkpoint.folder)?;
        let tokenizer = open_tokenizer(config)?;
        let plugin = Plugin::open(&config.model.plugin(), Kind::Model)?;
        // a built-in that the config names by its kind is not recorded
        let model = config.model.named_plugin().map(|_| ("model", plugin.stamp()));
        let stamps: Vec<_> = [("tokenizer", tokenizer.stamp())].into_iter().chain(model).collect();
        let mut changed = run.lock.compare(&["tokenizer", "model"], &stamps, &options.allow_changed)?;
        let data = feed::open(&run.folder.data())?;
        let (recorded, stamp) = (&data.manifest.tokenizer.digest, tokenizer_digest(config, &tokenizer));
        if *recorded != stamp && changed.is_empty() {
            if !options.allow_changed.iter().any(|place| place == "tokenizer") {
                return Err(Error::usage(format!(
                    "{}: the tokenizer changed: the run was made with {recorded}, now it is {stamp}; restore the file",
                    root.display()
                )));
            }
            changed.push(PluginChange { place: "tokenizer".to_owned(), then: recorded.clone(), now: stamp });
        }
        let task = RunTask::open(config, &tokenizer, &data)?;
        let (model, described) = network(config, &plugin, &task)?;
        if let Some(start) = config.start.as_ref().filter(|_| described.adapter.is_some()) {
            start.load(config.model.named_plugin(), (&described, task.class_names()), model.params())?;
        }
        restore_model(&reader, &described, model.params())?;
        Ok(Self { run, tokenizer, data, task, model, checkpoint, changed })
    }

    /// Its resolved config.
    pub fn config(&self) -> &RunConfig {
        &self.run.config
    }

    /// Warns of plugins that are not those that the run was trained with.
    pub fn warn_of_changes(&self) {
        for PluginChange { place, then, now } in &self.changed {
            tracing::warn!("not the run's {place}: trained with {then}, now it is {now}");
        }
    }

    /// A text to continue.
    ///
    /// # Errors
    /// As [`TextPrompt::new`].
    pub fn prompt<'a>(&'a self, sample: &'a SampleConfig) -> Result<TextPrompt<'a>> {
        TextPrompt::new(&self.tokenizer, &self.data, (&self.model, &self.task), sample)
    }

    /// Who writes: `ranks` too, if there are any.
    pub fn writing<'a>(&'a self, ranks: Option<&'a Group>) -> Writing<'a> {
        Writing { model: &self.model, task: &self.task, ranks }
    }
}

/// Opens the same checkpoint on all ranks: the one that the first one has chosen. Of a run that trains there may be a
/// newer one in a moment.
///
/// # Errors
/// Whatever `open` reports; the first rank is gone or has failed.
fn open_alike<T>(
    options: &OpenOptions,
    ranks: Option<&Group>,
    open: impl FnOnce(&OpenOptions) -> Result<T>,
    checkpoint: impl FnOnce(&T) -> &RunModel,
) -> Result<T> {
    match ranks {
        Some(group) if group.rank() > 0 => {
            let chosen = String::from_utf8_lossy(&group.listen()?).into_owned();
            open(&OpenOptions { checkpoint: Some(chosen), ..options.clone() })
        }
        Some(group) => {
            let opened = open(options)?;
            group.tell(format!("step-{}", checkpoint(&opened).step).as_bytes())?;
            Ok(opened)
        }
        None => open(options),
    }
}

/// The run's network, as its plugin describes it, without a backward: nothing is kept for one.
pub(super) fn network(config: &RunConfig, plugin: &Plugin, task: &RunTask) -> Result<(Model, Described)> {
    let train = &config.train;
    // A run is read wherever it was trained: where its GPU is not, on the CPU.
    let (device, _) = Device::open(train.device).or_else(|error| {
        tracing::warn!("{error}; reading the run on the CPU");
        Device::open(DeviceChoice::Cpu)
    })?;
    check_reading(config, task.sizes, &device)?;
    let engine = Engine::on(device, train.precision).deterministic(train.deterministic);
    let described = Described::new(plugin, &config.model.sizes(task.sizes))?.of_run(config)?;
    let field = &described.field;
    let quantized = described.quantized(config);
    let inference = Spec::new(described.whole(), config.model.context(), Purpose::Inference);
    let spec = Spec { field, quantized, is_loaded: true, ..inference };
    Ok((Model::new(&spec, engine, config.run.seed)?, described))
}

/// Measures a run's checkpoint on its held-out text. The plugins are still open, to be closed when the summary was
/// shown. Of several `ranks` all call it, and the first one has the result.
///
/// # Errors
/// As [`OpenRun::open`], and another loss or metric than the run was trained with; a rank that is gone.
pub fn evaluate(
    root: &Path,
    options: &OpenOptions,
    ranks: Option<&Group>,
) -> Result<Option<(EvalSummary, RunPlugins)>> {
    let mut run = MeasuredRun::open(root, options, ranks)?;
    let MeasuredRun { config, plugins, data, task, model, evaluator, checkpoint, .. } = &mut run;
    if let Some(group) = helping(ranks) {
        return contribute_to_report(config, (data, task), model, (evaluator, group), checkpoint.step).map(|()| None);
    }
    let sets = TestSets::read(config, &config.task.saved(), Some(&checkpoint.folder))?;
    let mut report = final_report(config, plugins, (data, task), model, (evaluator, ranks), checkpoint.step)?;
    let writing = Writing { model, task, ranks };
    report.sets = sets.measure(config, plugins, data, &writing, &mut report.faults)?;
    Writing::finish(ranks)?;
    Ok(Some(run.summary(Vec::new(), report)))
}

/// A run opened with the plugins that measure it.
pub(super) struct MeasuredRun {
    root: PathBuf,
    pub config: RunConfig,
    pub plugins: RunPlugins,
    pub data: Dataset,
    pub task: RunTask,
    pub model: Model,
    pub evaluator: Evaluator,
    pub checkpoint: RunModel,
    changed: Vec<PluginChange>,
}

impl MeasuredRun {
    /// Opens the run in `root` with its tokenizer, loss and metrics, all `ranks` the same checkpoint.
    ///
    /// # Errors
    /// As [`OpenRun::open`], and another loss or metric than the run was trained with.
    pub fn open(root: &Path, options: &OpenOptions, ranks: Option<&Group>) -> Result<Self> {
        open_alike(options, ranks, |options| Self::open_here(root, options), |run| &run.checkpoint)
    }

    fn open_here(root: &Path, options: &OpenOptions) -> Result<Self> {
        let opened = OpenRun::open_with(root, options, &["tokenizer", "loss", "metric"])?;
        let OpenRun { run, tokenizer, data, task, model, checkpoint, mut changed } = opened;
        let plugins = RunPlugins::measuring(&run.config, tokenizer)?;
        changed.extend(run.lock.compare(&["loss", "metric"], &plugins.stamps(), &options.allow_changed)?);
        let evaluator = match run.config.task.has_crf() {
            true => Evaluator::of_crf(),
            false => Evaluator::new(&plugins.loss.loss()?.describe()?, &plugins, &run.config.task)?,
        };
        let OpenedRun { config, .. } = run;
        Ok(Self { root: root.to_owned(), config, plugins, data, task, model, evaluator, checkpoint, changed })
    }

    /// What it came to, on these files if not on its own text.
    pub fn summary(self, data: Vec<FileReport>, report: FinalReport) -> (EvalSummary, RunPlugins) {
        let changed = self.changed.into_iter();
        let summary = EvalSummary {
            run: self.root,
            checkpoint: self.checkpoint.folder,
            step: self.checkpoint.step,
            model: self.checkpoint.which.name(),
            changed: changed.map(|change| (change.place, [change.then, change.now])).collect(),
            data,
            report,
            warnings: self.evaluator.warnings().to_vec(),
        };
        (summary, self.plugins)
    }
}

/// Refuses a place that no plugin has: it would allow nothing.
fn check_places(allowed: &[String]) -> Result<()> {
    match allowed.iter().find(|place| !["tokenizer", "model", "loss", "metric"].contains(&place.as_str())) {
        None => Ok(()),
        Some(place) => Err(Error::usage(format!(
            "--allow-changed {place}: expected \"tokenizer\", \"model\", \"loss\" or \"metric\""
        ))),
    }
}
