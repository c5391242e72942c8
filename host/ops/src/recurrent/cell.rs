//! What follows the products of a step, and precedes those of its backward, for one row: elementwise, in blocks that
//! are held in registers, so that the compiler need not prove that no two parts of a row overlap.

use super::Kind;
use crate::Float;
use crate::reduce::cpu::LANES;

/// Values side by side.
type Lanes<T> = [T; LANES];

/// What the backward of a row reads and writes, parts of H each.
pub(super) struct Backward<'a, T> {
    /// What the forward kept; becomes the gradient of a, and in its fourth part of the u of n (GRU).
    pub row: &'a mut [T],
    /// c of the row before (LSTM).
    pub c_before: &'a [T],
    /// h of this row.
    pub h: &'a [T],
    /// h of the row before.
    pub h_before: &'a [T],
    /// The gradient of h from outside.
    pub dout: &'a [T],
    /// The gradient of the state from the row after; becomes that for the row before, up to the product of `du`.
    pub carry: &'a mut [T],
    /// The gradient of u.
    pub du: &'a mut [T],
    /// What the next step takes as its `row` and its `dout`.
    pub ahead: [Ahead<T>; 2],
}

/// The row that the next step takes, on its way from memory while this one is computed: the rows of a sequence are many
/// pages apart from those of the next one, which no processor foresees.
#[derive(Clone, Copy)]
pub(super) struct Ahead<T>(*const T);

impl<T> Ahead<T> {
    /// The one that begins at `first`; none after the last step.
    pub fn of(values: &[T], first: Option<usize>) -> Self {
        Self(first.map_or(std::ptr::null(), |first| values[first..].as_ptr()))
    }

    /// Asks for the values from `at` on.
    #[inline(always)]
    fn fetch(self, at: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, which no address makes fail.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(self.0.wrapping_add(at).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }
}

/// A row: `row` holds a and becomes what is kept, `u` is the product by w_hh with its bias, `state` becomes that of the
/// next row.
#[inline(always)]
pub(super) fn forward<T: Float>(kind: Kind, row: &mut [T], u: &[T], state: &mut [T], out: &mut [T], ahead: Ahead<T>) {
    match kind {
        Kind::Tanh => simple(row, u, state, out, ahead, T::fast_tanh),
        Kind::Relu => simple(row, u, state, out, ahead, relu),
        Kind::Gru => gru(row, u, state, out, ahead),
        Kind::Lstm => lstm(row, u, state, out, ahead),
    }
}

/// The backward of [`forward`].
#[inline(always)]
pub(super) fn backward<T: Float>(kind: Kind, tensors: Backward<'_, T>) {
    match kind {
        Kind::Tanh => simple_backward(tensors, |h| T::ONE - h * h),
        Kind::Relu => simple_backward(tensors, |h| if h > T::ZERO { T::ONE } else { T::ZERO }),
        Kind::Gru => gru_backward(tensors),
        Kind::Lstm => lstm_backward(tensors),
    }
}

#[inline(always)]
fn simple<T: Float>(row: &[T], u: &[T], state: &mut [T], out: &mut [T], ahead: Ahead<T>, f: impl Fn(T) -> T) {
    for (at, n) in blocks(out.len()) {
        ahead.fetch(at);
        let (mut h, u) = (load(row, at, n), load(u, at, n));
        for l in 0..LANES {
            h[l] = f(h[l] + u[l]);
        }
        store(state, at, n, &h);
        store(out, at, n, &h);
    }
}

#[inline(always)]
fn simple_backward<T: Float>(tensors: Backward<'_, T>, slope: impl Fn(T) -> T) {
    let Backward { row, h, dout, carry, du, ahead, .. } = tensors;
    for (at, n) in blocks(h.len()) {
        ahead.iter().for_each(|ahead| ahead.fetch(at));
        let (mut d, h, carried) = (load(dout, at, n), load(h, at, n), load(carry, at, n));
        for l in 0..LANES {
            d[l] = (d[l] + carried[l]) * slope(h[l]);
        }
        store(row, at, n, &d);
        store(du, at, n, &d);
    }
}

#[inline(always)]
fn gru<T: Float>(row: &mut [T], u: &[T], state: &mut [T], out: &mut [T], ahead: Ahead<T>) {
    let hidden = out.len();
    for (at, n) in blocks(hidden) {
        let part = |i: usize| i * hidden + at;
        (0..4).for_each(|i| ahead.fetch(part(i)));
        let mut kept = [0, 1, 2].map(|i| load(row, part(i), n));
        let u = [0, 1, 2].map(|i| load(u, part(i), n));
        let mut h = load(state, at, n);
        for l in 0..LANES {
            let reset = sigmoid(kept[0][l] + u[0][l]);
            let update = sigmoid(kept[1][l] + u[1][l]);
            let new = (kept[2][l] + reset * u[2][l]).fast_tanh();
            h[l] = new + update * (h[l] - new);
            [kept[0][l], kept[1][l], kept[2][l]] = [reset, update, new];
        }
        for (i, kept) in kept.iter().chain([&u[2]]).enumerate() {
            store(row, part(i), n, kept);
        }
        store(state, at, n, &h);
        store(out, at, n, &h);
    }
}

#[inline(always)]
fn gru_backward<T: Float>(tensors: Backward<'_, T>) {
    let Backward { row, h_before, dout, carry, du, ahead, .. } = tensors;
    let hidden = dout.len();
    for (at, n) in blocks(hidden) {
        let part = |i: usize| i * hidden + at;
        (0..4).for_each(|i| ahead[0].fetch(part(i)));
        ahead[1].fetch(at);
        let mut kept = [0, 1, 2, 3].map(|i| load(row, part(i), n));
        let (mut dh, before, mut carried) = (load(dout, at, n), load(h_before, at, n), load(carry, at, n));
        for l in 0..LANES {
            let [reset, update, new, u] = [kept[0][l], kept[1][l], kept[2][l], kept[3][l]];
            dh[l] += carried[l];
            carried[l] = dh[l] * update;
            let dnew = dh[l] * (T::ONE - update) * (T::ONE - new * new);
            kept[0][l] = dnew * u * reset * (T::ONE - reset);
            kept[1][l] = dh[l] * (before[l] - new) * update * (T::ONE - update);
            kept[2][l] = dnew;
            kept[3][l] = dnew * reset;
        }
        for (i, kept) in kept.iter().enumerate() {
            store(row, part(i), n, kept);
        }
        for (i, kept) in [kept[0], kept[1], kept[3]].iter().enumerate() {
            store(du, part(i), n, kept);
        }
        store(carry, at, n, &carried);
    }
}

#[inline(always)]
fn lstm<T: Float>(row: &mut [T], u: &[T], state: &mut [T], out: &mut [T], ahead: Ahead<T>) {
    let hidden = out.len();
    for (at, n) in blocks(hidden) {
        let part = |i: usize| i * hidden + at;
        (0..5).for_each(|i| ahead.fetch(part(i)));
        let mut gates = [0, 1, 2, 3].map(|i| load(row, part(i), n));
        let u = [0, 1, 2, 3].map(|i| load(u, part(i), n));
        let (mut h, mut c) = ([T::ZERO; LANES], load(state, part(1), n));
        for l in 0..LANES {
            let input = sigmoid(gates[0][l] + u[0][l]);
            let forget = sigmoid(gates[1][l] + u[1][l]);
            let new = (gates[2][l] + u[2][l]).fast_tanh();
            let output = sigmoid(gates[3][l] + u[3][l]);
            c[l] = forget * c[l] + input * new;
            h[l] = output * c[l].fast_tanh();
            [gates[0][l], gates[1][l], gates[2][l], gates[3][l]] = [input, forget, new, output];
        }
        for (i, kept) in gates.iter().chain([&c]).enumerate() {
            store(row, part(i), n, kept);
        }
        store(state, at, n, &h);
        store(state, part(1), n, &c);
        store(out, at, n, &h);
    }
}

#[inline(always)]
fn lstm_backward<T: Float>(tensors: Backward<'_, T>) {
    let Backward { row, c_before, dout, carry, du, ahead, .. } = tensors;
    let hidden = dout.len();
    for (at, n) in blocks(hidden) {
        let part = |i: usize| i * hidden + at;
        (0..4).for_each(|i| ahead[0].fetch(part(i)));
        ahead[1].fetch(at);
        let mut gates = [0, 1, 2, 3].map(|i| load(row, part(i), n));
        let (c, before) = (load(row, part(4), n), load(c_before, at, n));
        let (dout, dh, mut dc) = (load(dout, at, n), load(carry, at, n), load(carry, part(1), n));
        for l in 0..LANES {
            let [input, forget, new, output] = [gates[0][l], gates[1][l], gates[2][l], gates[3][l]];
            let (dh, squashed) = (dout[l] + dh[l], c[l].fast_tanh());
            let d = dc[l] + dh * output * (T::ONE - squashed * squashed);
            dc[l] = d * forget;
            gates[0][l] = d * new * input * (T::ONE - input);
            gates[1][l] = d * before[l] * forget * (T::ONE - forget);
            gates[2][l] = d * input * (T::ONE - new * new);
            gates[3][l] = dh * squashed * output * (T::ONE - output);
        }
        for (i, gate) in gates.iter().enumerate() {
            store(row, part(i), n, gate);
            store(du, part(i), n, gate);
        }
        store(carry, part(1), n, &dc);
    }
}

/// First column and number of columns of each block.
#[inline(always)]
fn blocks(columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(LANES).map(move |at| (at, LANES.min(columns - at)))
}

/// `n` values from `at` on, and 0.
#[inline(always)]
fn load<T: Float>(x: &[T], at: usize, n: usize) -> Lanes<T> {
    let mut lanes = [T::ZERO; LANES];
    match n {
        LANES => lanes.copy_from_slice(&x[at..at + LANES]),
        n => lanes[..n].copy_from_slice(&x[at..at + n]),
    }
    lanes
}

#[inline(always)]
fn store<T: Float>(x: &mut [T], at: usize, n: usize, lanes: &Lanes<T>) {
    match n {
        LANES => x[at..at + LANES].copy_from_slice(lanes),
        n => x[at..at + n].copy_from_slice(&lanes[..n]),
    }
}

#[inline(always)]
fn relu<T: Float>(x: T) -> T {
    // NaN stays.
    if x < T::ZERO { T::ZERO } else { x }
}

/// 1 / (1 + e^-x): 0 or 1 far out, where e^-x is infinite or 0.
#[inline(always)]
fn sigmoid<T: Float>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_values_and_nan() {
        assert_eq!([f32::INFINITY, f32::NEG_INFINITY, 1e30, 0.0].map(sigmoid), [1.0, 0.0, 1.0, 0.5]);
        assert_eq!([-800.0, 800.0].map(sigmoid::<f64>), [0.0, 1.0]);
        assert!(sigmoid(f32::NAN).is_nan() && relu(f32::NAN).is_nan());
    }
}
