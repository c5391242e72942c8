//! Sums over rows: vectorised within a row, in a fixed order over rows.

use super::cuda::{Gpu, Grid, arguments};
use super::{Engine, Float, Tensor};
use crate::Result;
use rayon::prelude::*;

/// Running results side by side: as many as the widest vector holds.
pub(super) const LANES: usize = 16;

/// Σ f(i) for i below `n`, in 16 running sums, so that the compiler may use vector instructions.
#[inline(always)]
pub(super) fn lanes<T: Float>(n: usize, f: impl Fn(usize) -> T) -> T {
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
pub(super) fn fold<T: Float>(mut lanes: [T; LANES], f: impl Fn(T, T) -> T) -> T {
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
pub(super) fn sum_in_order<T: Float, I: IndexedParallelIterator, const N: usize>(
    engine: &Engine,
    totals: [&mut [T]; N],
    tasks: I,
    kernel: impl Fn(I::Item, &mut [T]) + Sync + Send,
) {
    let width = totals.iter().map(|total| total.len()).max().unwrap_or(0);
    let mut partial = engine.pool.take::<T>(tasks.len() * N * width);
    tasks.zip(partial.par_chunks_exact_mut(N * width)).for_each(|(task, sums)| {
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

/// A launch over rows: a warp takes a row, or a block one that is long.
pub(super) fn row_grid(rows: usize, width: usize) -> Grid {
    Grid::new(if width > 1024 { rows } else { rows.div_ceil(8) }, 256)
}

/// Blocks that share `rows` rows whose sums over rows are wanted: as many as run at a time.
pub(super) fn sum_blocks(gpu: &Gpu, rows: usize) -> usize {
    rows.div_ceil(8).clamp(1, 2 * gpu.multiprocessors())
}

/// `sums[i]` += Σ over parts of the i-th row of `partial` `[parts, sums, width]`, in their order.
pub(super) fn add_partials(gpu: &Gpu, partial: u64, parts: usize, sums: &[&Tensor]) -> Result<()> {
    for (i, sum) in sums.iter().enumerate() {
        let (width, dtype) = (sum.elem_count(), sum.dtype());
        let first = partial + (i * width * dtype.size_in_bytes()) as u64;
        let words = arguments![first, parts, sums.len() * width, width, *sum];
        gpu.launch("add_partials", dtype, Grid::new(width.div_ceil(32), 1024), words)?;
    }
    Ok(())
}
