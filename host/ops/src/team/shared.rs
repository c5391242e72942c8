//! Where the caller of a team and its helpers meet.

use super::patience::Patience;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Thread};

/// Lowest bits of the state: the helpers that are at work.
const INSIDE: u64 = (1 << 24) - 1;
/// More helpers may enter.
const OPEN: u64 = 1 << 24;
/// The helpers end.
const STOP: u64 = 1 << 25;
/// Upper half of the state: the number of the work, so that no helper enters it twice.
const NUMBER: u64 = 1 << 32;

/// One piece of work at a time, which several threads do together.
#[derive(Debug)]
pub(super) struct Shared {
    state: AtomicU64,
    work: Work,
    patience: Patience,
    /// The helpers' seats.
    seats: Vec<Seat>,
    /// The caller's seat, when helpers are still at work.
    caller: Seat,
}

/// What every thread that enters calls. It exists while the work is open or a helper inside.
#[derive(Debug)]
struct Work(UnsafeCell<Option<*const (dyn Fn() + Sync)>>);

// SAFETY: the one caller writes it while the work is closed and no helper inside; helpers read it while they are
// counted as inside. What it points to may be called by several threads.
unsafe impl Send for Work {}
// SAFETY: as above.
unsafe impl Sync for Work {}

/// Where a thread waits.
#[derive(Debug, Default)]
struct Seat {
    thread: Mutex<Option<Thread>>,
    sleeps: AtomicBool,
    /// When the thread was last woken.
    woken: AtomicU64,
}

impl Shared {
    /// For `n` helpers.
    pub fn new(n: usize) -> Self {
        Self {
            state: AtomicU64::new(0),
            work: Work(UnsafeCell::new(None)),
            patience: Patience::new(),
            seats: (0..n).map(|_| Seat::default()).collect(),
            caller: Seat::default(),
        }
    }

    /// Calls `work`, as do helpers that have the time, of those that sleep `n` at most. Returns when none is in it.
    /// One caller at a time; `work` must not panic.
    pub fn run(&self, work: &(dyn Fn() + Sync), n: usize) {
        let work: *const (dyn Fn() + Sync + '_) = work;
        // SAFETY: the lifetime says nothing about a pointer's layout. The pointer is used only by helpers that are
        // inside, and none is when this function ends.
        let erased =
            unsafe { std::mem::transmute::<*const (dyn Fn() + Sync + '_), *const (dyn Fn() + Sync + 'static)>(work) };
        // SAFETY: the last work was closed and left, so no helper reads.
        unsafe { *self.work.0.get() = Some(erased) };
        let _closed = Closed(self);
        self.state.store((self.state.load(SeqCst) / NUMBER + 1).wrapping_mul(NUMBER) | OPEN, SeqCst);
        let _woken = self.seats.iter().filter(|seat| seat.wake(&self.patience)).take(n).count();
        // SAFETY: it is the reference that this function was given.
        unsafe { (*work)() };
    }

    /// A helper's life.
    pub fn help(&self, index: usize) {
        let Some(seat) = self.seats.get(index) else { return };
        let mut last = 0;
        loop {
            let state = seat.wait(&self.patience, || {
                let state = self.state.load(SeqCst);
                let is_new = state & OPEN != 0 && state / NUMBER != last;
                (is_new || state & STOP != 0).then_some(state)
            });
            if state & STOP != 0 {
                return;
            }
            if self.state.compare_exchange(state, state + 1, SeqCst, SeqCst).is_err() {
                continue; // another one entered, or it was closed
            }
            last = state / NUMBER;
            // SAFETY: the work was open when this helper was counted, and the caller waits for those that are.
            unsafe { (*self.work.0.get()).inspect(|work| (**work)()) };
            if self.state.fetch_sub(1, SeqCst) & (OPEN | INSIDE) == 1 {
                self.caller.wake(&self.patience);
            }
        }
    }

    /// Ends the helpers. No work may be under way.
    pub fn stop(&self) {
        self.state.store(STOP, SeqCst);
        for seat in &self.seats {
            seat.wake(&self.patience);
        }
    }
}

/// Closes the work and waits until the last helper has left, also when the caller's part panics.
struct Closed<'a>(&'a Shared);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let Shared { state, patience, caller, .. } = self.0;
        state.fetch_and(!OPEN, SeqCst);
        caller.wait(patience, || (state.load(SeqCst) & INSIDE == 0).then_some(()));
    }
}

impl Seat {
    /// Waits until `look` finds something. A thread that changes what it looks at calls [`Seat::wake`]
    /// afterwards.
    fn wait<R>(&self, patience: &Patience, look: impl Fn() -> Option<R>) -> R {
        loop {
            if let Some(found) = patience.spin(&look) {
                return found;
            }
            *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current());
            self.sleeps.store(true, SeqCst);
            // What changed before that was not followed by a wake.
            if let Some(found) = look() {
                self.sleeps.store(false, SeqCst);
                return found;
            }
            thread::park();
            if !self.sleeps.load(SeqCst) {
                patience.continued(self.woken.load(SeqCst));
            }
        }
    }

    /// Wakes the thread if it sleeps; whether it did.
    fn wake(&self, patience: &Patience) -> bool {
        let slept = self.sleeps.load(SeqCst) && self.sleeps.swap(false, SeqCst);
        if !slept {
            return false;
        }
        self.woken.store(patience.now(), SeqCst);
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
        true
    }
}
