//! Root-mean-square normalisation on the CPU.

use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slice_lists, with_slices, with_type};
use crate::norm::{Lines, factors, wanted};
use crate::reduce::cpu::{lanes, sum_in_order};
use crate::view::Place;
use crate::{Assign, Device, Engine, Float, Gain, Tensor, View};

pub(super) fn forward(
    engine: &Engine,
    Lines { chunks, width, .. }: Lines,
    x: View<'_>,
    gain: Option<Gain<'_>>,
    epsilon: f64,
    out: View<'_>,
    scale: &Tensor,
) -> Result<()> {
    let (of_x, of_out) = (x.place(), out.place());
    let (weight, offset) = opened(x, gain);
    with_type!(x, T => with_slices::<T, 2, 2>([x.tensor, weight], [out.tensor, scale], |[x, weight], [out, scale]| {
        let weight = &*factors(gain.map(|_| weight), offset, width);
        let rows = rows_per_task(of_x.width);
        let results = out.chunks_mut(rows * of_out.stride).zip(scale.chunks_mut(rows * chunks));
        engine.for_each(results.zip(x.chunks(rows * of_x.stride)), |((out, scale), x)| {
            vectorised(#[inline(always)] || {
                let results = out.chunks_exact_mut(of_out.stride).zip(scale.chunks_exact_mut(chunks));
                for ((out, scale), x) in results.zip(x.chunks_exact(of_x.stride)) {
                    let lines = of_out.row_mut(out, 0).chunks_exact_mut(width).zip(scale);
                    for ((out, scale), x) in lines.zip(of_x.row(x, 0).chunks_exact(width)) {
                        let mean = lanes(width, |i| x[i] * x[i]) / T::of(width as f64);
                        *scale = T::ONE / Float::sqrt(mean + T::of(epsilon));
                        for i in 0..width {
                            out[i] = x[i] * *scale * weight[i];
                        }
                    }
                }
            });
        });
        Ok(())
    }))
}

/// The weight and its offset; without one, something to open that is not read.
fn opened<'a>(x: View<'a>, gain: Option<Gain<'a>>) -> (&'a Tensor, f64) {
    gain.map_or((x.tensor, 0.0), |gain| (gain.weight, gain.offset))
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    engine: &Engine,
    lines: Lines,
    dy: View<'_>,
    x: View<'_>,
    gain: Option<Gain<'_>>,
    scale: &Tensor,
    dx: Option<(View<'_>, Assign)>,
    dweight: Option<&Tensor>,
) -> Result<()> {
    // Sums that nobody asks for go into a tensor that nobody reads.
    let dweight = match dweight {
        Some(dweight) => dweight.clone(),
        None => Tensor::zeros(lines.width, x.dtype(), &Device::Cpu)?,
    };
    let (wanted, place, assign) = wanted(x, dx);
    let places = [dy.place(), x.place(), place];
    let writes: Vec<_> = [&dweight].into_iter().chain(wanted).collect();
    let (weight, offset) = opened(x, gain);
    let reads = [dy.tensor, x.tensor, weight, scale];
    with_type!(x, T => with_slice_lists::<T>(&reads, &writes, |reads, writes| {
        let mut unwanted = engine.scratch::<T>(if wanted.is_none() { x.rows() * x.width } else { 0 });
        let weight = &*factors(gain.map(|_| reads[2]), offset, lines.width);
        let reads = [reads[0], reads[1], weight, reads[3]];
        let mut writes = writes.into_iter();
        let dweight = writes.next().unwrap_or_default();
        let writes = [writes.next().unwrap_or(&mut unwanted), dweight];
        match assign {
            Assign::Set => backward_rows::<T, false>(engine, lines, places, reads, writes),
            Assign::Add => backward_rows::<T, true>(engine, lines, places, reads, writes),
        }
        Ok(())
    }))
}

fn backward_rows<T: Float, const ADD: bool>(
    engine: &Engine,
    Lines { chunks, width, .. }: Lines,
    [of_dy, of_x, of_dx]: [Place; 3],
    [dy, x, weight, scale]: [&[T]; 4],
    [dx, dweight]: [&mut [T]; 2],
) {
    let rows = rows_per_task(of_x.width);
    let reads = dy.chunks(rows * of_dy.stride).zip(x.chunks(rows * of_x.stride)).zip(scale.chunks(rows * chunks));
    sum_in_order(
        engine,
        [dweight],
        dx.chunks_mut(rows * of_dx.stride).zip(reads),
        |(dx, ((dy, x), scale)), dweight| {
            vectorised(
                #[inline(always)]
                || {
                    let reads = dy.chunks_exact(of_dy.stride).zip(x.chunks_exact(of_x.stride));
                    let rows = dx.chunks_exact_mut(of_dx.stride).zip(reads).zip(scale.chunks_exact(chunks));
                    for ((dx, (dy, x)), scale) in rows {
                        let reads = of_dy.row(dy, 0).chunks_exact(width).zip(of_x.row(x, 0).chunks_exact(width));
                        let lines = of_dx.row_mut(dx, 0).chunks_exact_mut(width).zip(reads);
                        for ((dx, (dy, x)), &scale) in lines.zip(scale) {
                            backward_line::<T, ADD>(dy, x, weight, scale, dx, dweight);
                        }
                    }
                },
            );
        },
    );
}

#[inline(always)]
fn backward_line<T: Float, const ADD: bool>(
    dy: &[T],
    x: &[T],
    weight: &[T],
    scale: T,
    dx: &mut [T],
    dweight: &mut [T],
) {
    let width = weight.len();
    let (dy, x, dx, dweight) = (&dy[..width], &x[..width], &mut dx[..width], &mut dweight[..width]);
    let mean = lanes(width, |i| dy[i] * weight[i] * x[i]) * scale / T::of(width as f64);
    for i in 0..width {
        let normal = x[i] * scale;
        let change = (dy[i] * weight[i] - normal * mean) * scale;
        dx[i] = if ADD { dx[i] + change } else { change };
        dweight[i] += dy[i] * normal;
    }
}
