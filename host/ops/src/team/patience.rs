//! How long a thread that has nothing to do waits before it sleeps.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Longest spin on a machine that has time for it. The pauses within a step are shorter.
const QUIET: Duration = Duration::from_millis(2);

/// Longest spin on a busy one: about what sleeping and being woken cost.
const BUSY: Duration = Duration::from_micros(50);

/// A delay that shows that another process had the processor: of a thread that spins, or that was woken.
const TAKEN_AWAY: Duration = Duration::from_millis(1);

/// How long a machine is taken for busy after that.
const MEMORY: Duration = Duration::from_secs(1);

/// Looks per reading of the clock; with the processor's pause between them about a microsecond.
const LOOKS: usize = 16;

/// What the threads of a team have seen of the machine.
#[derive(Debug)]
pub(super) struct Patience {
    origin: Instant,
    busy_until: AtomicU64,
}

impl Patience {
    pub fn new() -> Self {
        Self { origin: Instant::now(), busy_until: AtomicU64::new(0) }
    }

    /// Nanoseconds since this was made.
    pub fn now(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }

    /// Takes the machine for busy if it is long `since` a moment at which the calling thread should have continued.
    pub fn continued(&self, since: u64) {
        let now = self.now();
        if now.saturating_sub(since) > nanoseconds(TAKEN_AWAY) {
            self.busy_until.store(now + nanoseconds(MEMORY), Relaxed);
        }
    }

    /// Spins until `look` finds something; none if it does not within the time that the machine has for that.
    pub fn spin<R>(&self, look: impl Fn() -> Option<R>) -> Option<R> {
        let mut begun = None;
        loop {
            for _ in 0..LOOKS {
                match look() {
                    None => std::hint::spin_loop(),
                    found => return found,
                }
            }
            let now = self.now();
            let (begun, last) = begun.get_or_insert((now, now));
            self.continued(*last);
            *last = now;
            let most = if now < self.busy_until.load(Relaxed) { BUSY } else { QUIET };
            if now - *begun > nanoseconds(most) {
                return None;
            }
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
