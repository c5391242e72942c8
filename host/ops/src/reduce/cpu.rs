//! Sums over rows: vectorised within a row, in a fixed order over rows.

use crate::{Engine, Float};

/// Running results side by side: as many as the widest vector holds.
pub(crate) const LANES: usize = 16;

/// Σ f(i) for i below `n`, in 16 running sums, so that the compiler may use vector instructions.
#[inline(always)]
pub(crate) fn lanes<T: Float>(n: usize, f: impl Fn(usize) -> T) -> T {
    let mut sums = [T::ZERO; LANES];
    let whole = n / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    for i in whole..n {
        sums[i - whole] += f(i);
    }
    fold(sums, |a, b| a + b)
}

/// The lanes made one: halves upon halves, so that few operations wait for one another.
#[inline(always)]
pub(crate) fn fold<T: Float>(mut lanes: [T; LANES], f: impl Fn(T, T) -> T) -> T {
    let mut n = LANES;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            lanes[i] = f(lanes[i], lanes[i + n]);
        }
    }
    lanes[0]
}

/// Runs `kernel(task, sums)` for each task on all threads; `sums` `[N, width]` are the task's own and begin at 0. They
/// are then added to `totals`, N times `[width]`, in the order of the tasks: the result does not depend on the number
/// of threads.
pub(crate) fn sum_in_order<T: Float, I: ExactSizeIterator + Send, const N: usize>(
    engine: &Engine,
    totals: [&mut [T]; N],
    tasks: I,
    kernel: impl Fn(I::Item, &mut [T]) + Sync,
) {
    let width = totals.iter().map(|total| total.len()).max().unwrap_or(0);
    let mut partial = engine.pool.take::<T>(tasks.len() * N * width);
    engine.for_each(tasks.zip(partial.chunks_exact_mut(N * width)), |(task, sums)| {
        sums.fill(T::ZERO);
        kernel(task, sums);
    });
    for (n, total) in totals.into_iter().enumerate() {
        for sums in partial.chunks_exact(N * width) {
            for (total, &sum) in total.iter_mut().zip(&sums[n * width..]) {
                *total += sum;
            }
        }
    }
}
