//! What this machine can do at most, measured.

use super::{Engine, Matrix, Threads, Write, matmul};
use std::time::{Duration, Instant};

/// Floating-point operations per second of an f32 matrix product on all threads: the best of several within 60 ms. What
/// a training step reaches is given as a share of this.
pub fn measure_peak(engine: &Engine) -> f64 {
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
