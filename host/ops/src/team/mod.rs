//! The threads that share the work of an operation.
//!
//! A step is hundreds of parallel loops with microseconds between them. Waking a thread takes longer than that, so
//! threads that have nothing to do spin for a while before they sleep ([`Patience`]); on a machine that is busy with
//! other work, where a thread that spins only uses up its share of the processor, they sleep almost at once. No thread
//! yields: a yield gives the rest of a time slice away, and then all other processes come first.
//!
//! Tasks are handed out one by one, and the calling thread takes part. A thread that is not scheduled takes none, and
//! only threads that have begun are waited for. Which thread takes which task is left to chance, so a task must not
//! depend on it.

mod patience;
mod shared;
mod slice;

use shared::Shared;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Threads that help the caller of [`Team::for_each`]. They are started when they are first needed, one less than the
/// current rayon pool has threads, and end with the team.
#[derive(Debug, Default)]
pub struct Team {
    /// Held by the caller whose tasks are worked on.
    helpers: Mutex<Helpers>,
}

#[derive(Debug, Default)]
struct Helpers {
    /// As many were asked for.
    wanted: usize,
    shared: Option<Arc<Shared>>,
    threads: Vec<JoinHandle<()>>,
}

impl Team {
    /// Calls `kernel` for each of `tasks` on all threads. Within a task, or while another caller's tasks are worked on,
    /// the caller does them alone. A panic of `kernel` is passed on when no thread is in it any more.
    pub fn for_each<I>(&self, tasks: I, kernel: impl Fn(I::Item) + Sync)
    where
        I: Iterator + Send,
    {
        self.for_each_with(tasks, || (), |(), task| kernel(task));
    }

    /// The same; each thread that takes tasks makes a state by `init` first.
    pub fn for_each_with<I, S>(&self, tasks: I, init: impl Fn() -> S + Sync, kernel: impl Fn(&mut S, I::Item) + Sync)
    where
        I: Iterator + Send,
    {
        let n_most = tasks.size_hint().1.unwrap_or(usize::MAX);
        let n_helpers = (rayon::current_num_threads() - 1).min(n_most.saturating_sub(1));
        let helpers = if n_helpers == 0 { None } else { self.helpers.try_lock().ok() };
        let Some(mut helpers) = helpers else {
            let mut state = init();
            return tasks.for_each(|task| kernel(&mut state, task));
        };
        let tasks = Mutex::new(tasks.fuse());
        let panicked = Mutex::new(None);
        let work = || {
            let mut state = None;
            loop {
                let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(task) = task else { return };
                kernel(state.get_or_insert_with(&init), task);
            }
        };
        let guarded = || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
                *panicked.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
            }
        };
        helpers.shared(n_helpers).run(&guarded, n_helpers);
        let panicked: Option<Box<dyn Any + Send>> = panicked.into_inner().unwrap_or_else(PoisonError::into_inner);
        drop(helpers);
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }
}

impl Helpers {
    /// What at least `n` helpers wait at, or as many as could be started.
    fn shared(&mut self, n: usize) -> &Shared {
        if self.wanted < n {
            self.stop();
            self.wanted = n;
            slice::shorten(); // of the caller
            let shared = Arc::new(Shared::new(n));
            for index in 0..n {
                let mine = shared.clone();
                let thread = std::thread::Builder::new().name(format!("ops-{index}")).spawn(move || {
                    slice::shorten();
                    mine.help(index);
                });
                // Where no more threads can be had the others do the work.
                let Ok(thread) = thread else { break };
                self.threads.push(thread);
            }
            self.shared = Some(shared);
        }
        self.shared.get_or_insert_with(|| Arc::new(Shared::new(0)))
    }

    fn stop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.stop();
        }
        for thread in self.threads.drain(..) {
            // A helper catches what a task panics with, and does nothing else.
            let _ = thread.join();
        }
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
