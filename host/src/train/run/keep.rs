//! What a run keeps on the way: checkpoints, and the state before a step that failed.

use super::Run;
use crate::feed::Dataset;
use crate::report::{Record, Rewind};
use crate::run::pruning::{prune, prune_replays};
use crate::run::{BEST, checkpoint, mark_best};
use crate::train::state;
use crate::{Error, Result};

impl Run<'_> {
    /// Says what is odd about where the run begins.
    pub(super) fn note_start(&mut self) -> Result<()> {
        self.log.gap().iter().for_each(|gap| self.progress.message(gap));
        // a kill may have come between a checkpoint and its mark; going back changes nothing yet
        if self.state.step > 0 && self.options.from.is_none() {
            self.mark_best()?;
        }
        match &self.options.from {
            Some(from) => {
                let rewind = Rewind { step: self.state.step, from: from.clone(), later: self.later.clone() };
                self.record(&Record::Rewind(rewind))
            }
            None => Ok(()),
        }
    }

    pub(super) fn save(&mut self, data: &Dataset) -> Result<()> {
        // a checkpoint never knows of steps that the log has lost
        self.log.sync()?;
        let name = checkpoint::folder_name(self.state.step);
        state::save(&self.folder.checkpoints(), &name, &self.state, &self.trainer, (&data.tokenizer, &self.tokenizer))?;
        self.prune_due = true;
        self.claim.settle()?;
        self.mark_best()
    }

    /// Marks the best checkpoint; says once if the name is taken.
    fn mark_best(&mut self) -> Result<()> {
        let best = self.state.best.map(|best| best.step);
        if !mark_best(&self.folder.checkpoints(), best)? && !std::mem::replace(&mut self.is_best_taken, true) {
            let path = self.folder.checkpoints().join(BEST);
            self.progress.message(&format!("{}: is not ours, so it does not mark the best checkpoint", path.display()));
        }
        Ok(())
    }

    pub(super) fn prune(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.prune_due) {
            return Ok(());
        }
        let protect = self.state.best.map(|best| best.step);
        prune(&self.folder.checkpoints(), self.config.train.keep_checkpoints, protect)
    }

    /// Keeps the state before a step that failed next to the checkpoints, which stay: it may be spoilt already.
    pub(super) fn keep_for_replay(&self, data: &Dataset, error: Error) -> Error {
        self.progress.finish();
        let (checkpoints, step) = (self.folder.checkpoints(), self.state.step);
        let name = checkpoint::replay_name(step);
        let saved = state::save(&checkpoints, &name, &self.state, &self.trainer, (&data.tokenizer, &self.tokenizer));
        let context = match saved.and_then(|_| prune_replays(&checkpoints, Some(step))) {
            Ok(()) => format!("state kept in {name}, --from {name} repeats the step"),
            Err(second) => format!("and the state could not be saved ({second})"),
        };
        // a checkpoint of this very step is as spoilt as the state
        let good = checkpoint::steps(&checkpoints).ok().and_then(|steps| steps.into_iter().rfind(|&good| good < step));
        let cure = match good.map(checkpoint::folder_name) {
            Some(good) => format!(
                "to resume before it with another setting: --from {good} --allow-changed optimizer --set optimizer.lr=…"
            ),
            None => {
                "there is no earlier checkpoint: start again with another setting, such as --set optimizer.lr=…".into()
            }
        };
        error.context(context).followed_by(&cure)
    }
}
