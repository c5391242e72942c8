//! Scratch memory of kernels, reused from call to call: after the first step nothing is allocated.

use bytemuck::{Pod, Zeroable};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers that are not on loan.
#[derive(Debug, Default)]
pub struct Pool {
    free: Mutex<Vec<Vec<Line>>>,
}

/// One cache line, so that every buffer begins at one.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// A buffer on loan: `n` values with arbitrary contents.
pub struct Scratch<'p, T> {
    pool: &'p Pool,
    lines: Vec<Line>,
    n: usize,
    element: PhantomData<T>,
}

impl Pool {
    /// A buffer of `n` values. Which values it holds is undefined: write before reading.
    pub fn take<T: Pod>(&self, n: usize) -> Scratch<'_, T> {
        let n_lines = (n * size_of::<T>()).div_ceil(size_of::<Line>());
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough; else the largest, which then grows.
        let fitting = (0..free.len()).filter(|&i| free[i].len() >= n_lines).min_by_key(|&i| free[i].len());
        let chosen = fitting.or_else(|| (0..free.len()).max_by_key(|&i| free[i].len()));
        let mut lines = chosen.map(|i| free.swap_remove(i)).unwrap_or_default();
        drop(free);
        if lines.len() < n_lines {
            lines.clear(); // nothing of it need be copied
            lines.resize(n_lines, Line([0; 8]));
        }
        Scratch { pool: self, lines, n, element: PhantomData }
    }
}

impl<T: Pod> Deref for Scratch<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.n]
    }
}

impl<T: Pod> DerefMut for Scratch<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.n]
    }
}

impl<T> Drop for Scratch<'_, T> {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again() {
        let pool = Pool::default();
        let first = pool.take::<f32>(1000).as_ptr();
        assert_eq!(first.addr() % 64, 0);
        assert_eq!(pool.take::<f64>(400).as_ptr().addr(), first.addr());
        let both = (pool.take::<u32>(10), pool.take::<u32>(7));
        assert_eq!((both.0.len(), both.1.len()), (10, 7));
        assert_ne!(both.0.as_ptr(), both.1.as_ptr());
    }
}
