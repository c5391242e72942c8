//! What the first rank of a run knows of the others.

use super::super::ranks::{Order, waited};
use super::Run;
use crate::Result;
use crate::ranks::Group;
use crate::report::bytes;
use std::time::Duration;

impl<'c> Run<'c> {
    /// The ranks, where they have the same model at a validation as this one: those that wait for none do not.
    pub(super) fn ranks_with_the_model(&self) -> Option<&'c Group> {
        self.options.ranks.as_ref().filter(|_| !self.config.ranks.asynchronous)
    }

    /// Says what was sent in `time`, and which share of it each rank waited for the network and for others: the slowest
    /// one waits least.
    ///
    /// # Errors
    /// A rank that is gone.
    pub(super) fn say_ranks(&self, time: Duration) -> Result<()> {
        let Some(group) = &self.options.ranks else { return Ok(()) };
        let mut line = format!("ranks: {}; the first one sent {}", group.size(), bytes(group.bytes_sent() as f64));
        if let Some(group) = self.ranks_with_the_model() {
            Order::Waited.tell(group)?;
            let all = std::iter::once(self.trainer.waited()).chain(waited(group)?);
            let share =
                |waited: Duration| format!("{:.0}%", 100.0 * waited.as_secs_f64() / time.as_secs_f64().max(1e-9));
            let shares: Vec<String> = all.map(share).collect();
            line += &format!("; time waited for the network and for others, by rank: {}", shares.join(", "));
        }
        self.progress.message(&line);
        Ok(())
    }
}
