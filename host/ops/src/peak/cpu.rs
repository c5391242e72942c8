//! What the CPU can do at most.

use crate::{Engine, Matrix, Threads, Write, matmul};
use std::time::{Duration, Instant};

/// A product in f32 on all threads.
pub(super) fn measure(engine: &Engine) -> f64 {
    const N: usize = 768;
    let (a, b) = (vec![1.0_f32; N * N], vec![1.0_f32; N * N]);
    let mut out = vec![0.0_f32; N * N];
    let (started, mut best) = (Instant::now(), f64::INFINITY);
    while started.elapsed() < Duration::from_millis(60) {
        let begun = Instant::now();
        matmul(engine, &mut out, N, Matrix::new(&a, N, N), Matrix::new(&b, N, N), Write::Overwrite, Threads::All);
        best = best.min(begun.elapsed().as_secs_f64());
    }
    2.0 * (N * N * N) as f64 / best
}
