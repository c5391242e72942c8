//! What a run begins with: weights, the state of the optimizer, compiled losses, the log.

use super::super::apart::Outer;
use super::super::ranks::{self, Order, fingerprint};
use super::super::step::Trainer;
use super::super::{saved_data, state};
use super::{check_least, is_finished};
use crate::corpus;
use crate::eval::{Evaluator, TestSets};
use crate::feed::Dataset;
use crate::loss::{CrfLoss, Objective, Program};
use crate::ops::Device;
use crate::ranks::Group;
use crate::report::MetricsLog;
use crate::run::{
    Changes, Claim, Described, Memory, RunConfig, RunFolder, RunIdentity, RunPlugins, RunState, RunTask, TrainOptions,
    checkpoint, compare, numerics, read_state,
};
use crate::{Error, Result};
use std::path::PathBuf;

/// A trainer that is ready for its first step, what of a new run's model is new, and the state of the run; the same on
/// every rank. `saved` is the checkpoint that it resumes from.
///
/// # Errors
/// A model that cannot be made, weights or a state that do not fit it, ranks that cannot train it together.
pub(in crate::train) fn ready(
    config: &RunConfig,
    (described, program, device): (Described, Objective, Device),
    (task, identity): (&RunTask, &RunIdentity),
    ranks: Option<Group>,
    saved: Option<(RunState, &checkpoint::Reader)>,
) -> Result<(Trainer, Vec<String>, RunState)> {
    let mut trainer = Trainer::new(config, described, program, device)?;
    // before a state is read, of which a rank may have a part
    trainer.join(ranks)?;
    let started_from = load_start(config, &trainer, task, saved.is_none())?;
    let state = take_up(config, saved, &mut trainer, identity)?;
    trainer.outer().map_or(Ok(()), Outer::meet_here)?;
    Ok((trainer, started_from, state))
}

/// Reads the weights that a new run starts from, if it starts from any, and those that an adapter is beside. Returns
/// what of a new run's model is new.
fn load_start(config: &RunConfig, trainer: &Trainer, task: &RunTask, is_new: bool) -> Result<Vec<String>> {
    let (described, params) = (trainer.described(), trainer.model.params());
    let Some(start) = config.start.as_ref().filter(|_| is_new || described.adapter.is_some()) else {
        return Ok(Vec::new());
    };
    let lines = start.load(config.model.named_plugin(), (described, task.class_names()), params)?;
    if !is_new {
        return Ok(Vec::new());
    }
    if let (Some(adapter), Some(adapted)) = (&config.adapter, &described.adapter) {
        adapter.load(adapted, params)?;
    }
    Ok(lines)
}

/// Gives the trainer what it begins with: a resumed run its checkpoint `saved`, a new one the state of the optimizer
/// that it keeps from another. Returns the state of the run.
fn take_up(
    config: &RunConfig,
    saved: Option<(RunState, &checkpoint::Reader)>,
    trainer: &mut Trainer,
    identity: &RunIdentity,
) -> Result<RunState> {
    let state = match saved {
        Some((saved, reader)) => {
            state::restore(reader, trainer)?;
            saved
        }
        None => {
            let start = config.start.as_ref().filter(|start| start.keep_optimizer);
            let kept = start.map(|start| state::keep_optimizer(&start.from, trainer)).transpose()?;
            RunState { earlier_steps: kept.unwrap_or(0), ..RunState::new(identity.clone()) }
        }
    };
    trainer.optimizer.count_from(state.earlier_steps);
    Ok(state)
}

/// The loss compiled for steps, and with all metrics for validations.
fn programs(config: &RunConfig, plugins: &RunPlugins) -> Result<(Objective, Evaluator)> {
    if config.task.has_crf() {
        return Ok((Objective::Crf(CrfLoss::default()), Evaluator::of_crf()));
    }
    let loss = plugins.loss.loss()?.describe()?;
    let culprit = |error: Error| error.context(format!("loss: {}", plugins.loss.culprit()));
    let program = Program::compile_for(&[&loss], config.task.supplied()).map_err(culprit)?;
    Ok((program.into(), Evaluator::new(&loss, plugins, &config.task)?))
}

/// What a run needs whatever its folder and its data are, all of it checked.
pub(in crate::train) struct Needs {
    pub device: Device,
    /// Why it is the CPU, where a GPU was wanted if possible.
    pub why_cpu: Option<String>,
    pub plugins: RunPlugins,
    pub test_sets: TestSets,
    /// What it needs with a vocabulary of one token.
    pub least_memory: Memory,
    pub program: Objective,
    pub evaluator: Evaluator,
    pub identity: RunIdentity,
}

impl Needs {
    /// Opens plugins, compiles losses and reads the sources' digests.
    ///
    /// # Errors
    /// Whatever ends a run before its folder is touched.
    pub fn of(config: &RunConfig) -> Result<Self> {
        let (device, why_cpu) = Device::open(config.train.device)?;
        let plugins = RunPlugins::open(config)?;
        let test_sets = TestSets::of_run(config)?;
        // a run that is too large for any vocabulary ends before its data are read.
        let least_memory = check_least(config, &device)?;
        let (program, evaluator) = programs(config, &plugins)?;
        let source_digest = corpus::source_digest(&config.data).map_err(saved_data::interrupted)?;
        let identity = RunIdentity::new(config, &plugins, &source_digest)?;
        Ok(Self { device, why_cpu, plugins, test_sets, least_memory, program, evaluator, identity })
    }
}

/// What a run resumes from, if from anything: the checkpoint, its state, and what changed since.
///
/// # Errors
/// A checkpoint that cannot be read or does not exist, a change that is not allowed.
pub(super) fn resumed(
    config: &RunConfig,
    needs: &Needs,
    folder: &RunFolder,
    options: &TrainOptions,
) -> Result<(Option<checkpoint::Reader>, Option<RunState>, Changes)> {
    let reader = Claim::base(folder, options)?.map(|base| checkpoint::Reader::open(&base)).transpose()?;
    let saved = reader.as_ref().map(read_state).transpose()?;
    let run = (config, &needs.plugins, &needs.identity);
    let changes = changes(saved.as_ref(), run, folder, &options.allow_changed)?;
    Ok((reader, saved, changes))
}

/// What changed since the checkpoint that a run resumes from.
fn changes(
    saved: Option<&RunState>,
    run: (&RunConfig, &RunPlugins, &RunIdentity),
    folder: &RunFolder,
    allowed: &[String],
) -> Result<Changes> {
    let Some(saved) = saved else { return Ok(Changes::default()) };
    numerics::check(saved.numerics, run.0, run.1, allowed)?;
    compare(run, &saved.identity, &folder.config(), allowed)
}

/// The log of a run that begins, or resumes in this state.
pub(super) fn open_log(config: &RunConfig, folder: &RunFolder, resumed: Option<&RunState>) -> Result<MetricsLog> {
    match resumed {
        Some(state) => MetricsLog::resume(&folder.metrics(), state.step, is_finished(config, state)),
        None => MetricsLog::create(&folder.metrics()),
    }
}

/// Makes the other ranks ready to train the same, if there are any.
///
/// # Errors
/// A rank that cannot train, or would train something else.
pub(super) fn begin_ranks(
    ranks: Option<&Group>,
    (trainer, state): (&Trainer, &RunState),
    data: &Dataset,
    checkpoint: Option<PathBuf>,
) -> Result<()> {
    let Some(group) = ranks else { return Ok(()) };
    let own = fingerprint(trainer, &state.identity, &data.manifest.digest())?;
    let folder = data.train.path().parent().map(PathBuf::from).unwrap_or_default();
    ranks::begin(group, &Order::Begin { data: folder, checkpoint }, &own)
}
