//! A run's folder that is followed.

use crate::run::Run;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use trainyard_experiments::{Feed, METRICS, is_running};

/// Parts of a long log, of 4 MiB each, that are read before it is the turn of other runs.
const N_PARTS: usize = 4;

/// What tells that a log has changed: when, and how long it is.
type Mark = Option<(f64, u64)>;

/// A run that is followed.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    feed: Feed,
    run: Arc<Run>,
    n_restarts: u64,
    /// The log when all of it was read.
    mark: Mark,
    is_read: bool,
}

impl Follower {
    /// Follows the run in a folder.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            feed: Feed::new(path),
            run: Arc::default(),
            n_restarts: 0,
            mark: None,
            is_read: false,
        }
    }

    /// What is known of the run.
    pub fn run(&self) -> Arc<Run> {
        self.run.clone()
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether all of the log was read.
    pub fn is_read(&self) -> bool {
        self.is_read
    }

    /// Reads what is new, and whether a process trains where `with_state` asks for it or there is something new.
    /// Returns whether something has changed.
    pub fn poll(&mut self, with_state: bool) -> bool {
        let mark = mark(&self.path.join(METRICS));
        let is_new = !self.is_read || mark != self.mark;
        // that a process has ended is seen at once, that one has begun a little later
        if !is_new && !with_state && !self.run.is_running {
            return false;
        }
        let is_running = is_running(&self.path, self.run.host());
        if !is_new && is_running == self.run.is_running {
            return false;
        }
        let mut run = (*self.run).clone();
        if is_new {
            self.read(&mut run);
            self.mark = mark;
            run.changed = mark.map(|(changed, _)| changed);
        }
        run.is_running = is_running;
        self.run = Arc::new(run);
        true
    }

    fn read(&mut self, run: &mut Run) {
        self.is_read = false;
        for _ in 0..N_PARTS {
            let records = match self.feed.read() {
                Ok(records) => records,
                Err(error) => {
                    run.reason = Some(error.to_string());
                    self.is_read = true;
                    return;
                }
            };
            run.reason = None;
            if self.feed.n_restarts() != self.n_restarts {
                self.n_restarts = self.feed.n_restarts();
                run.restart();
            }
            if records.is_empty() {
                self.is_read = true;
                return;
            }
            records.into_iter().for_each(|record| run.take(record));
        }
    }
}

fn mark(path: &Path) -> Mark {
    let metadata = fs::metadata(path).ok()?;
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some((changed.as_secs_f64(), metadata.len()))
}
