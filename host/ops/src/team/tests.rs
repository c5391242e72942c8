//! Every task is done once, by whichever thread.

use super::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// `work` where the current pool has `n` threads.
fn with_threads<R: Send>(n: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work)
}

fn numbers_once(team: &Team, n: usize) {
    let mut out = vec![0_usize; n];
    team.for_each(out.chunks_mut(3).enumerate(), |(i, out)| {
        out.iter_mut().enumerate().for_each(|(j, out)| *out += 3 * i + j + 1);
    });
    assert!(out.iter().enumerate().all(|(i, &out)| out == i + 1), "{out:?}");
}

#[test]
fn each_task_is_done_once_by_any_number_of_threads() {
    let team = Team::default();
    for threads in [1, 2, 5, 3] {
        with_threads(threads, || (0..300).for_each(|n| numbers_once(&team, n % 40)));
    }
}

/// Helpers that sleep, that are about to, and that spin.
#[test]
fn helpers_come_again_after_any_pause() {
    let team = Team::default();
    let pauses = [0, 5, 15, 20, 25, 40, 100, 1900, 2000, 2100, 3000];
    with_threads(3, || {
        for pause in pauses.into_iter().cycle().take(150) {
            std::thread::sleep(Duration::from_micros(pause));
            numbers_once(&team, 30);
        }
    });
}

#[test]
fn several_threads_take_part_and_each_makes_its_state_once() {
    let (team, made, threads) = (Team::default(), AtomicUsize::new(0), Mutex::new(HashSet::new()));
    with_threads(3, || {
        let init = || {
            made.fetch_add(1, Ordering::Relaxed);
        };
        team.for_each_with(0..60, init, |(), _| {
            threads.lock().unwrap().insert(std::thread::current().id());
            std::thread::sleep(Duration::from_millis(2));
        });
    });
    let n = threads.into_inner().unwrap().len();
    assert!((2..=3).contains(&n), "{n} threads");
    assert_eq!(made.into_inner(), n);
}

#[test]
fn tasks_may_have_tasks_and_teams_several_callers() {
    let (team, sum) = (Team::default(), AtomicUsize::new(0));
    let work = || {
        with_threads(2, || {
            team.for_each(0..10_usize, |i| {
                team.for_each(0..10_usize, |j| {
                    sum.fetch_add(10 * i + j, Ordering::Relaxed);
                });
            });
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    assert_eq!(sum.into_inner(), 3 * 4950);
}

/// A thread that is held up holds up its own task only: the first task ends when the others have been done.
#[test]
fn tasks_do_not_wait_for_a_thread_that_is_held_up() {
    let (team, done) = (Team::default(), AtomicUsize::new(0));
    with_threads(2, || {
        team.for_each(0..50, |i| {
            if i == 0 {
                let started = std::time::Instant::now();
                while done.load(Ordering::Relaxed) < 49 {
                    assert!(started.elapsed() < Duration::from_secs(20), "the other tasks wait for the first");
                    std::thread::yield_now();
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        });
    });
    assert_eq!(done.into_inner(), 50);
}

/// Wherever it happens; and the team is as good as new.
#[test]
fn panics_come_through() {
    let team = Team::default();
    with_threads(3, || {
        for bad in 0..20 {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                team.for_each(0..20, |i| {
                    std::thread::sleep(Duration::from_micros(50));
                    assert!(i != bad, "task {i}");
                });
            }));
            assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), format!("task {bad}"));
            numbers_once(&team, 30);
        }
    });
}
