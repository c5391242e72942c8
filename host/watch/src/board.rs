//! The runs that pages show, and the thread that keeps them up to date.

use crate::follow::Follower;
use crate::run::Run;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use trainyard_base::interrupt;
use trainyard_experiments::named_folders;

/// The time between two looks at the logs.
const POLL: Duration = Duration::from_secs(1);

/// Looks at logs between two searches for runs, and between two looks at whether processes train.
const N_POLLS: u64 = 3;

/// A run on the board.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its folder.
    pub path: PathBuf,
    /// What is known of it.
    pub run: Arc<Run>,
    /// The board's number when it last changed.
    pub version: u64,
}

/// All runs, as the last look found them.
#[derive(Debug, Default)]
pub struct Runs {
    /// The runs by name.
    pub all: BTreeMap<String, Shown>,
    /// A number that grows with every change.
    pub version: u64,
    /// Says whether all logs were read once.
    pub is_complete: bool,
}

/// The runs, shared by all threads.
#[derive(Debug, Default)]
pub struct Board {
    runs: Mutex<Runs>,
    changed: Condvar,
    is_closed: AtomicBool,
}

impl Board {
    /// The runs. They are held for as short as possible.
    pub fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the runs are other than at `version`, or the time is over, or the board is closed.
    pub fn wait(&self, version: u64, time: Duration) {
        let is_old = |runs: &mut Runs| runs.version == version && !self.is_closed();
        drop(self.changed.wait_timeout_while(self.runs(), time, is_old));
    }

    /// Waits until all logs were read once, or the time is over.
    pub fn wait_complete(&self, time: Duration) {
        let is_waiting = |runs: &mut Runs| !runs.is_complete && !self.is_closed();
        drop(self.changed.wait_timeout_while(self.runs(), time, is_waiting));
    }

    /// Ends all threads that use the board.
    pub fn close(&self) {
        // within the lock, so that nobody is just about to wait
        let runs = self.runs();
        self.is_closed.store(true, Ordering::Relaxed);
        drop(runs);
        self.changed.notify_all();
    }

    /// Says whether the server ends.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed) || interrupt::requested().is_some()
    }

    /// Follows the runs below a folder until the board is closed.
    pub fn follow(&self, folder: &Path) {
        let mut followers = BTreeMap::new();
        let mut n_polls = 0;
        while !self.is_closed() {
            let start = Instant::now();
            let is_third = n_polls % N_POLLS == 0;
            if is_third {
                self.search(folder, &mut followers);
            }
            let mut is_read = true;
            for (name, follower) in &mut followers {
                if self.is_closed() {
                    return;
                }
                if follower.poll(is_third) {
                    self.put(name, follower);
                }
                is_read &= follower.is_read();
            }
            if is_read {
                self.complete();
                n_polls += 1;
                self.rest(POLL.saturating_sub(start.elapsed()));
            }
        }
    }

    /// Finds runs that are new, and forgets those that are gone.
    fn search(&self, folder: &Path, followers: &mut BTreeMap<String, Follower>) {
        // a folder that cannot be read for a while keeps its runs
        let Ok(found) = named_folders(folder) else { return };
        let found: BTreeMap<String, PathBuf> = found.into_iter().collect();
        let n = followers.len();
        followers.retain(|name, follower| found.get(name).is_some_and(|path| path == follower.path()));
        if followers.len() < n {
            let mut runs = self.runs();
            runs.all.retain(|name, _| followers.contains_key(name));
            runs.version += 1;
            drop(runs);
            self.changed.notify_all();
        }
        for (name, path) in found {
            followers.entry(name).or_insert_with(|| Follower::new(&path));
        }
    }

    fn put(&self, name: &str, follower: &Follower) {
        let mut runs = self.runs();
        runs.version += 1;
        let shown = Shown { path: follower.path().to_owned(), run: follower.run(), version: runs.version };
        runs.all.insert(name.to_owned(), shown);
        drop(runs);
        self.changed.notify_all();
    }

    fn complete(&self) {
        let was_complete = std::mem::replace(&mut self.runs().is_complete, true);
        if !was_complete {
            self.changed.notify_all();
        }
    }

    /// Sleeps, unless the board is closed.
    fn rest(&self, time: Duration) {
        let is_open = |_: &mut Runs| !self.is_closed();
        drop(self.changed.wait_timeout_while(self.runs(), time, is_open));
    }
}
