//! What a plugin did and cost, over all its instances.

use crate::plugin::call::Work;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counts that all instances of a plugin share.
#[derive(Debug, Default)]
pub struct Counters {
    calls: AtomicU64,
    items: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
    errors: AtomicU64,
    skipped: AtomicU64,
    restarts: AtomicU64,
}

/// What a plugin did and cost so far in this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Calls of its functions.
    pub calls: u64,
    /// Documents, sequences or pairs that it was given.
    pub items: u64,
    /// Bytes of text or token ids that it was given.
    pub bytes: u64,
    /// Seconds in its calls, over all threads.
    pub seconds: f64,
    /// Calls that failed.
    pub errors: u64,
    /// Items left out because of errors.
    pub skipped: u64,
    /// New instances made because of errors.
    pub restarts: u64,
}

impl Counters {
    /// A call is over.
    pub fn count(&self, work: Work, time: Duration, failed: bool) {
        self.calls.fetch_add(1, Relaxed);
        self.items.fetch_add(work.items, Relaxed);
        self.bytes.fetch_add(work.bytes, Relaxed);
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Relaxed);
        self.errors.fetch_add(failed.into(), Relaxed);
    }

    /// Counts an item that is left out; false when `max` were before it.
    pub fn skip(&self, max: u64) -> bool {
        self.skipped.fetch_update(Relaxed, Relaxed, |n| (n < max).then_some(n + 1)).is_ok()
    }

    /// Counts a new instance after an error; false when `max` were before it.
    pub fn restart(&self, max: u64) -> bool {
        self.restarts.fetch_update(Relaxed, Relaxed, |n| (n < max).then_some(n + 1)).is_ok()
    }

    /// All counts.
    pub fn usage(&self) -> Usage {
        Usage {
            calls: self.calls.load(Relaxed),
            items: self.items.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            seconds: self.nanoseconds.load(Relaxed) as f64 / 1e9,
            errors: self.errors.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
        }
    }
}
