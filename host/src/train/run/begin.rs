//! What a run begins with: weights, the state of the optimizer, compiled losses, the log.

use super::super::state;
use super::super::step::Trainer;
use super::is_finished;
use crate::eval::Evaluator;
use crate::loss::{CrfLoss, Objective, Program};
use crate::report::MetricsLog;
use crate::run::{
    Changes, RunConfig, RunFolder, RunIdentity, RunPlugins, RunState, RunTask, checkpoint, compare, numerics,
};
use crate::{Error, Result};

/// Reads the weights that a new run starts from, if it starts from any, and those that an adapter is beside. Returns
/// what of a new run's model is new.
pub(super) fn load_start(config: &RunConfig, trainer: &Trainer, task: &RunTask, is_new: bool) -> Result<Vec<String>> {
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
pub(super) fn take_up(
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
pub(super) fn programs(config: &RunConfig, plugins: &RunPlugins) -> Result<(Objective, Evaluator)> {
    if config.task.has_crf() {
        return Ok((Objective::Crf(CrfLoss::default()), Evaluator::of_crf()));
    }
    let loss = plugins.loss.loss()?.describe()?;
    let culprit = |error: Error| error.context(format!("loss: {}", plugins.loss.culprit()));
    let program = Program::compile_for(&[&loss], config.task.supplied()).map_err(culprit)?;
    Ok((program.into(), Evaluator::new(&loss, plugins, &config.task)?))
}

/// What changed since the checkpoint that a run resumes from.
pub(super) fn changes(
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
