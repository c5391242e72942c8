//! Keeps threads from falling asleep between the operations of a step.

use super::Device;
use rayon::Yield;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs `work`, during which the other threads of the current rayon pool look for work without ever going to sleep: a
/// step is hundreds of parallel loops with microseconds between them, and waking a thread takes longer than that.
///
/// While a GPU computes the threads have nothing to wait for: they sleep.
///
/// The pool must be the caller's alone: two of these at once in one pool could wait for each other.
pub fn keep_awake<R>(device: &Device, work: impl FnOnce() -> R) -> R {
    if device.gpu().is_some() {
        return work();
    }
    let done = AtomicBool::new(false);
    let caller = rayon::current_thread_index();
    rayon::in_place_scope(|scope| {
        scope.spawn_broadcast(|_, thread| {
            while Some(thread.index()) != caller && !done.load(Ordering::Relaxed) {
                if rayon::yield_now() != Some(Yield::Executed) {
                    std::thread::yield_now();
                }
            }
        });
        let _end = SetOnDrop(&done); // also when `work` panics
        work()
    })
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn work_is_done_by_all_threads_and_panics_come_through() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let sum = pool.install(|| keep_awake(&Device::Cpu, || (0..100_000_u64).into_par_iter().sum::<u64>()));
        assert_eq!(sum, 4_999_950_000);
        let panics =
            std::panic::AssertUnwindSafe(|| pool.install(|| keep_awake(&Device::Cpu, || panic!("on purpose"))));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(pool.install(|| keep_awake(&Device::Cpu, || 1)), 1);
    }
}
