//! What every rank but the first one does: it trains its share of each step, and writes a log of its own.

use super::apart::{Chunk, Steps, outer_of, trained};
use super::batches::{loader, validation_batches};
use super::rank_log::RankLog;
use super::ranks::{Order, Readiness, Trained, answer, fingerprint};
use super::run::{Needs, ready};
use super::state::restore_parameters;
use super::step::Trainer;
use super::watch::Watched;
use crate::Result;
use crate::eval::{Evaluator, contribute_to_report};
use crate::feed::{self, Dataset, Position};
use crate::model::Model;
use crate::ranks::Group;
use crate::run::{RunConfig, RunTask, checkpoint, on_threads, read_state};
use std::path::Path;

/// Trains with the first rank of `group` until that one says that the run is over.
///
/// # Errors
/// Whatever keeps this rank from training; where it is something that the first rank knows, that one says it.
pub fn follow(config: &RunConfig, group: &Group) -> Result<()> {
    on_threads(config.train.threads, "train.threads", || {
        let needs = Needs::of(config);
        let Order::Begin { data, checkpoint } = Order::hear(group, false)? else { return group.finish() };
        let ready = needs.and_then(|needs| Follower::ready(config, needs, group, (&data, checkpoint.as_deref())));
        let readiness: Readiness = match &ready {
            Ok(follower) => Ok(follower.fingerprint.clone()),
            Err(error) => Err(error.to_string()),
        };
        answer(group, &readiness)?;
        let trained = match ready {
            Ok(follower) => {
                let mut log = RankLog::new(config, group, follower.step);
                let trained = follower.train(config, group, &mut log);
                log.ended(&trained);
                trained
            }
            // the first rank says why
            Err(_) => Order::hear(group, false).map(|_| ()),
        };
        trained?;
        group.finish()
    })
}

/// A rank that is ready to train.
struct Follower {
    trainer: Trainer,
    evaluator: Evaluator,
    task: RunTask,
    data: Dataset,
    watched: Vec<Watched>,
    step: u64,
    position: Position,
    fingerprint: serde_json::Value,
}

impl Follower {
    /// What the first rank has, by the same way.
    fn ready(
        config: &RunConfig,
        needs: Needs,
        group: &Group,
        (folder, resumed): (&Path, Option<&Path>),
    ) -> Result<Self> {
        let shared = "is the folder of the run on a file system that all machines share?";
        let data = feed::open(folder).map_err(|error| error.followed_by(shared))?;
        let Needs { device, plugins, program, evaluator, mut identity, .. } = needs;
        let task = RunTask::open(config, &plugins.data.tokenizer, &data)?;
        let reader = resumed.map(checkpoint::Reader::open).transpose().map_err(|error| error.followed_by(shared))?;
        let saved = reader.as_ref().map(read_state).transpose()?;
        saved.iter().for_each(|saved| identity.keep_start(&saved.identity));
        let parts = (plugins.described(config, task.sizes)?, program, device);
        let saved = saved.zip(reader.as_ref());
        let (trainer, _, state) = ready(config, parts, (&task, &identity), Some(group.clone()), saved)?;
        let fingerprint = fingerprint(&trainer, &identity, &data.manifest.digest())?;
        let watched = Watched::open(config, &plugins.data, &data, &task)?;
        Ok(Self { trainer, evaluator, task, data, watched, step: state.step, position: state.position, fingerprint })
    }

    /// Does what the first rank says until the run is over. A step that fails has failed on all ranks, as a loss that
    /// is not finite does: then the first one says why, and what it still wants comes soon. Else the others wait in
    /// vain, and end when this one does.
    fn train(mut self, config: &RunConfig, group: &Group, log: &mut RankLog) -> Result<()> {
        let loader = loader(config, &self.task, &self.data, self.position)?;
        let (mut failed, mut numbers) = (None, Vec::new());
        std::thread::scope(|scope| {
            let mut batches = loader.ahead(scope, config.train.workers);
            let mut steps = Steps::new(&mut batches, config.train.accumulate, self.step);
            loop {
                let order = match Order::hear(group, failed.is_some()) {
                    Ok(order) => order,
                    Err(error) => return Err(failed.unwrap_or(error)),
                };
                match order {
                    Order::Step => {
                        // of ranks that train alone this one has failed
                        if let Some(error) = failed {
                            return Err(error);
                        }
                        failed = self.trainer.step(self.step, steps.of(self.step)?).err();
                        self.step += 1;
                        log.trained(self.step, self.trainer.waited());
                    }
                    Order::Chunk { first, parts } => {
                        outer_of(&self.trainer)?.receive(group)?;
                        let chunk = Chunk { first, parts };
                        match trained(&mut self.trainer, &mut steps, chunk, group.size()) {
                            Ok(of_chunk) => {
                                numbers = of_chunk;
                                // of ranks that wait for none, each counts its own
                                self.step += parts;
                                log.trained(self.step, self.trainer.waited());
                            }
                            Err(error) => failed = Some(error),
                        }
                        let came: Trained = failed.as_ref().map_or(Ok(numbers.len()), |error| Err(error.to_string()));
                        answer(group, &came)?;
                    }
                    Order::Push => {
                        group.send(0, &numbers)?;
                        outer_of(&self.trainer)?.send_changes(self.trainer.model.engine(), group)?;
                    }
                    Order::Validate => {
                        let (learnt, model) = ((&self.data, &self.task), &mut self.trainer.model);
                        validate(config, learnt, model, (&self.evaluator, group), self.step)?;
                    }
                    Order::Watch => {
                        let (data, model) = (&self.data, &mut self.trainer.model);
                        let together = (&self.evaluator, group);
                        let share = |text: &Watched| text.contribute(config, data, model, together, self.step);
                        self.watched.iter().try_for_each(share)?;
                    }
                    Order::Report { step, checkpoint } => {
                        if let Some(checkpoint) = checkpoint {
                            restore_parameters(&checkpoint::Reader::open(&checkpoint)?, &self.trainer)?;
                        }
                        let (learnt, model) = ((&self.data, &self.task), &mut self.trainer.model);
                        contribute_to_report(config, learnt, model, (&self.evaluator, group), step)?;
                    }
                    Order::Waited => group.answer(&self.trainer.waited().as_secs_f64().to_le_bytes())?,
                    Order::Send => self.trainer.optimizer.send_state(group)?,
                    Order::End | Order::Begin { .. } => return Ok(()),
                }
            }
        })
    }
}

/// A share of a validation while training, after `step` steps.
fn validate(
    config: &RunConfig,
    (data, task): (&Dataset, &RunTask),
    model: &mut Model,
    (evaluator, group): (&Evaluator, &Group),
    step: u64,
) -> Result<()> {
    let Some(shard) = &data.validation else { return Ok(()) };
    let (batches, _) = validation_batches(config, (shard, task.rows.as_ref()), data)?;
    evaluator.contribute(model, batches, (step, false), group)
}
