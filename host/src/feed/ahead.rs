//! Batches that are made before the trainer asks for them.

use super::loader::Loader;
use crate::rows::{Position, Rows};
use crate::{Error, Result};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Batches that wait per worker.
const QUEUED: usize = 2;

/// The batches of a loader in order, made by worker threads. Worker w of n makes batches w, w + n, w + 2 n …, each
/// behind a bounded queue, and the queues are read in turn: what comes out does not depend on n. Dropped, it ends its
/// workers and waits for them.
pub struct Ahead<'scope, 'a> {
    loader: &'scope Loader<'a>,
    position: Position,
    workers: Vec<Worker<'scope>>,
    /// The worker whose turn it is.
    turn: usize,
}

struct Worker<'scope> {
    queue: Receiver<Rows>,
    thread: ScopedJoinHandle<'scope, ()>,
}

impl<'a> Loader<'a> {
    /// The batches from the loader's position on, made by `workers` threads of `scope`; 0 makes them when asked.
    pub fn ahead<'scope, 'env>(&'scope self, scope: &'scope Scope<'scope, 'env>, workers: usize) -> Ahead<'scope, 'a>
    where
        'a: 'scope,
    {
        let start = |worker| {
            let (sender, queue) = sync_channel(QUEUED);
            let thread = scope.spawn(move || {
                let mut position = self.after(self.position(), worker);
                // The queue is closed when nobody wants another batch.
                while sender.send(self.batch(position)).is_ok() {
                    position = self.after(position, workers as u64);
                }
            });
            Worker { queue, thread }
        };
        let workers = (0..workers as u64).map(start).collect();
        Ahead { loader: self, position: self.position(), workers, turn: 0 }
    }
}

impl Ahead<'_, '_> {
    /// The next batch.
    ///
    /// # Errors
    /// A worker that panicked.
    pub fn next_batch(&mut self) -> Result<Rows> {
        let batch = match self.workers.get(self.turn) {
            None => self.loader.batch(self.position),
            Some(worker) => match worker.queue.recv() {
                Ok(batch) => batch,
                Err(_) => return Err(self.stop()),
            },
        };
        self.position = batch.next;
        self.turn = (self.turn + 1) % self.workers.len().max(1);
        Ok(batch)
    }

    /// Where the next batch begins.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Ends all workers and says why one of them did so before.
    fn stop(&mut self) -> Error {
        let mut cause = Error::run("a worker that makes batches panicked: it ended too early");
        for Worker { queue, thread } in self.workers.drain(..) {
            drop(queue);
            if let Err(panic) = thread.join() {
                cause = Error::panicked("a worker that makes batches", &*panic);
            }
        }
        cause
    }
}

impl Drop for Ahead<'_, '_> {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Packing;
    use crate::feed::{Recipe, Shard, ShardInfo, ShardWriter};

    /// A shard that holds a token outside its vocabulary of 5, which no file can.
    fn impossible_shard(folder: &std::path::Path) -> Result<Shard> {
        let info = ShardInfo { n_vocabulary: 10, end_of_text: Some(0), tokenizer: [0; 32], source: [0; 32] };
        let mut writer = ShardWriter::create(&folder.join("a.shard"), info)?;
        (0..50).try_for_each(|document| writer.push(&[if document == 30 { 9 } else { 1 }; 3]))?;
        Ok(writer.finish()?.with_vocabulary(5))
    }

    #[test]
    fn a_worker_that_panics_is_an_error_and_the_others_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let shard = impossible_shard(folder.path()).expect("a shard");
        let recipe = Recipe { packing: Packing::Pad, ..Recipe::new(8, 1, 1) };
        let loader = Loader::with(&shard, &recipe, &[1; 5], Position::default()).expect("a loader");
        for workers in [1, 3] {
            let (error, n_before) = std::thread::scope(|scope| {
                let mut ahead = loader.ahead(scope, workers);
                let mut n_batches = 0;
                loop {
                    match ahead.next_batch() {
                        Ok(_) => n_batches += 1,
                        Err(error) => return (error.to_string(), n_batches),
                    }
                }
            });
            let expected = "a worker that makes batches panicked: index out of bounds: the len is 5 but the index is 9";
            assert_eq!(error, expected, "{workers} workers");
            assert!(n_before < 50, "no epoch is whole");
        }
    }
}
