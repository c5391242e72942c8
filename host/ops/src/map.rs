//! Loops over the elements of views on the CPU. Elements do not know each other: how they are cut changes no bit.

use super::cpu::{for_chunks, rows_per_task, vectorised};
use super::view::Place;
use super::{Engine, Float};

/// A slice that is read, and where in it the elements are.
pub(super) type Read<'a, T> = (&'a [T], Place);

/// The same of one that is written.
pub(super) type Written<'a, T> = (&'a mut [T], Place);

/// Calls `f(out)` for each element.
pub(super) fn map_0<T: Float>(engine: &Engine, (out, place): Written<'_, T>, f: impl Fn(&mut T) + Sync) {
    let line = |out: &mut [T]| {
        vectorised(
            #[inline(always)]
            || {
                for out in out.iter_mut() {
                    f(out);
                }
            },
        );
    };
    match place.is_whole() {
        true => for_chunks(engine, out, |_, out| line(out)),
        false => for_rows(engine, (out, place), |_, out| line(out)),
    }
}

/// Calls `f(x, out)` for each element.
pub(super) fn map_1<T: Float>(
    engine: &Engine,
    (x, of_x): Read<'_, T>,
    (out, place): Written<'_, T>,
    f: impl Fn(T, &mut T) + Sync,
) {
    let line = |x: &[T], out: &mut [T]| {
        vectorised(
            #[inline(always)]
            || {
                for (out, &x) in out.iter_mut().zip(x) {
                    f(x, out);
                }
            },
        );
    };
    match of_x.is_whole() && place.is_whole() {
        true => for_chunks(engine, out, |offset, out| line(&x[offset..offset + out.len()], out)),
        false => for_rows(engine, (out, place), |row, out| line(of_x.row(x, row), out)),
    }
}

/// Calls `f(x, y, out)` for each element.
pub(super) fn map_2<T: Float>(
    engine: &Engine,
    (x, of_x): Read<'_, T>,
    (y, of_y): Read<'_, T>,
    (out, place): Written<'_, T>,
    f: impl Fn(T, T, &mut T) + Sync,
) {
    let line = |x: &[T], y: &[T], out: &mut [T]| {
        vectorised(
            #[inline(always)]
            || {
                for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                    f(x, y, out);
                }
            },
        );
    };
    match of_x.is_whole() && of_y.is_whole() && place.is_whole() {
        true => for_chunks(engine, out, |offset, out| {
            line(&x[offset..offset + out.len()], &y[offset..offset + out.len()], out);
        }),
        false => for_rows(engine, (out, place), |row, out| line(of_x.row(x, row), of_y.row(y, row), out)),
    }
}

/// Calls `kernel(row, out)` for each row on all threads.
fn for_rows<T: Float>(engine: &Engine, (out, place): Written<'_, T>, kernel: impl Fn(usize, &mut [T]) + Sync) {
    let (rows, stride) = (rows_per_task(place.width), place.stride.max(1));
    engine.for_each(out.chunks_mut(rows * stride).enumerate(), |(task, out)| {
        for (row, out) in out.chunks_mut(stride).enumerate() {
            kernel(task * rows + row, &mut out[place.first..][..place.width]);
        }
    });
}
