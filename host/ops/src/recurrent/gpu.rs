//! Recurrent layers on a GPU: a product and an elementwise kernel per step. Biases are added by the kernel: in f64
//! cublasLt adds none to a result with a stride.

use super::sizes::Sizes;
use super::{Gradients, Kind, Recurrence, Weights};
use crate::Result;
use crate::cuda::{Gpu, Grid, Operand, Product, arguments};
use crate::{Column, Gradient, Tensor, View, add_column_sums, check_gpu, shift};
use candle_core::DType;

const OP: &str = "recurrence";

/// A row of each of some sequences: where that of the first one begins, and the elements from one to the next.
#[derive(Clone, Copy)]
struct Slot {
    pointer: u64,
    stride: usize,
}

impl Slot {
    /// Nothing.
    const NONE: Self = Self { pointer: 0, stride: 0 };

    /// Row `row` of each sequence of a matrix.
    fn of(view: View<'_>, length: usize, row: usize) -> Self {
        let first = row * view.stride() + view.first;
        let pointer = view.tensor.pointer() + (first * view.tensor.dtype().size_in_bytes()) as u64;
        Self { pointer, stride: length * view.stride() }
    }

    /// The same from `columns` further on.
    fn after(self, columns: usize, dtype: DType) -> Self {
        Self { pointer: self.pointer + (columns * dtype.size_in_bytes()) as u64, ..self }
    }

    fn operand(self, dtype: DType) -> Operand {
        Operand { pointer: self.pointer, dtype, stride: self.stride, transposed: false }
    }
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn forward(
    gpu: &Gpu,
    recurrence: Recurrence,
    sizes: Sizes,
    x: View<'_>,
    weights: Weights<'_>,
    offsets: &Column<'_, u32>,
    out: View<'_>,
    kept: &Tensor,
) -> Result<()> {
    let Sizes { rows, gates, .. } = sizes;
    let dtype = check(x, weights, out)?;
    check_gpu(OP, &[(kept, dtype, rows * sizes.kept)])?;
    let (kept_slot, length) = (Slot { pointer: kept.pointer(), stride: sizes.kept }, recurrence.length);
    project(gpu, sizes, x, weights, kept_slot)?;
    let sequences = rows / length;
    let u = gpu.scratch(sequences * gates * wide(dtype).size_in_bytes())?;
    let kept = View { tensor: kept, first: 0, width: sizes.kept };
    let kept_at = |row: usize| Slot { pointer: row_pointer(kept, sizes.kept, row), stride: length * sizes.kept };
    let mut before: Option<usize> = None;
    for row in recurrence.rows() {
        let h_before = before.map_or(Slot::NONE, |row| Slot::of(out, length, row));
        let c_before = before.map_or(Slot::NONE, |row| kept_at(row).after(gates, dtype));
        if before.is_some() {
            multiply_by_w_hh(gpu, sizes, sequences, h_before, weights.w_hh, u.pointer())?;
        }
        let step = Step {
            kept: kept_at(row),
            u: before.map_or(0, |_| u.pointer()),
            offsets: offset_of_begin(recurrence, offsets, row),
            offset_stride: length,
            h_before,
            c_before,
            c: kept_at(row).after(gates, dtype),
            out: Slot::of(out, length, row),
            h_after: 0,
        };
        step.launch(gpu, recurrence.kind, weights, sequences, sizes)?;
        before = Some(row);
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    gpu: &Gpu,
    recurrence: Recurrence,
    sizes: Sizes,
    dout: View<'_>,
    x: View<'_>,
    weights: Weights<'_>,
    offsets: &Column<'_, u32>,
    out: View<'_>,
    kept: &Tensor,
    dx: Option<Gradient<'_>>,
    gradients: Gradients<'_>,
) -> Result<()> {
    let Sizes { rows, inputs, hidden, gates, kept: width, .. } = sizes;
    let dtype = check(x, weights, out)?;
    check_gpu(OP, &[(kept, dtype, rows * width), (dout.tensor, dtype, rows * dout.stride())])?;
    backward_steps(gpu, recurrence, sizes, dout, weights, offsets, out, kept)?;
    let da = Operand { pointer: kept.pointer(), dtype, stride: width, transposed: false };
    let plain = |tensor: &Tensor, stride| Operand { pointer: tensor.pointer(), dtype, stride, transposed: false };
    if let Some(Gradient { view, adds }) = dx {
        check_gpu(OP, &[(view.tensor, dtype, rows * view.stride())])?;
        let out = Slot::of(view, 0, 0).pointer;
        let product = product((rows, inputs, gates), da, plain(weights.w_ih, inputs), (out, view.stride()), dtype);
        gpu.matmul(&Product { add: adds, ..product })?;
    }
    if let Some(w_ih) = gradients.w_ih {
        let x = Operand { stride: x.stride(), ..Slot::of(x, 0, 0).operand(dtype) };
        let product = product((gates, inputs, rows), da.t(), x, (w_ih.pointer(), inputs), w_ih.dtype());
        gpu.matmul(&Product { add: true, ..product })?;
    }
    if let Some(w_hh) = gradients.w_hh {
        let before = gpu.scratch(rows * hidden * dtype.size_in_bytes())?;
        let by = if recurrence.reverse { -1 } else { 1 };
        shift::gpu::rows(gpu, by, out, offsets, recurrence.length, (before.pointer(), hidden), false)?;
        let before = Operand { pointer: before.pointer(), dtype, stride: hidden, transposed: false };
        for (columns, first, n) in parts_of_u(recurrence.kind, sizes) {
            let du = Operand { pointer: offset(kept.pointer(), columns, dtype), ..da };
            let out = (offset(w_hh.pointer(), first * hidden, w_hh.dtype()), hidden);
            let product = product((n, hidden, rows), du.t(), before, out, w_hh.dtype());
            gpu.matmul(&Product { add: true, ..product })?;
        }
    }
    add_biases(gpu, recurrence.kind, sizes, kept, gradients)
}

pub(super) fn step(
    gpu: &Gpu,
    kind: Kind,
    sizes: Sizes,
    x: View<'_>,
    weights: Weights<'_>,
    state: &Tensor,
    out: View<'_>,
) -> Result<()> {
    let Sizes { rows, hidden, gates, .. } = sizes;
    let dtype = check(x, weights, out)?;
    check_gpu(OP, &[(state, dtype, rows * sizes.state)])?;
    let kept = gpu.scratch(rows * sizes.kept * dtype.size_in_bytes())?;
    let u = gpu.scratch(rows * gates * wide(dtype).size_in_bytes())?;
    let kept = Slot { pointer: kept.pointer(), stride: sizes.kept };
    project(gpu, sizes, x, weights, kept)?;
    let h = Slot { pointer: state.pointer(), stride: sizes.state };
    multiply_by_w_hh(gpu, sizes, rows, h, weights.w_hh, u.pointer())?;
    let c = h.after(hidden, dtype);
    let step = Step {
        kept,
        u: u.pointer(),
        offsets: 0,
        offset_stride: 0,
        h_before: h,
        c_before: c,
        c,
        out: Slot::of(out, 1, 0),
        h_after: h.pointer,
    };
    step.launch(gpu, kind, weights, rows, sizes)
}

/// What the forward kernel reads and writes at one step, besides weights.
struct Step {
    kept: Slot,
    /// Null where all begin.
    u: u64,
    /// Offsets that are 0 where a document begins; null where none does.
    offsets: u64,
    offset_stride: usize,
    h_before: Slot,
    /// The stride of `c`.
    c_before: Slot,
    c: Slot,
    out: Slot,
    /// Null, or of the stride of `h_before`.
    h_after: u64,
}

impl Step {
    fn launch(&self, gpu: &Gpu, kind: Kind, weights: Weights<'_>, sequences: usize, sizes: Sizes) -> Result<()> {
        let Self { kept, u, offsets, offset_stride, h_before, c_before, c, out, h_after } = *self;
        let bias = |bias: Option<&Tensor>| bias.map_or(0, Tensor::pointer);
        let words = arguments![
            kind as usize,
            sequences,
            sizes.hidden,
            kept.pointer,
            kept.stride,
            u,
            bias(weights.b_ih),
            bias(weights.b_hh),
            offsets,
            offset_stride,
            h_before.pointer,
            h_before.stride,
            c_before.pointer,
            c.pointer,
            c.stride,
            out.pointer,
            out.stride,
            h_after,
        ];
        let dtype = weights.w_hh.dtype();
        gpu.launch("recurrent_forward", dtype, Grid::new((sequences * sizes.hidden).div_ceil(256), 256), words)
    }
}

/// The time loop backwards: what was kept becomes the gradients of a and u.
#[expect(clippy::too_many_arguments, reason = "inputs and what the forward kept")]
fn backward_steps(
    gpu: &Gpu,
    recurrence: Recurrence,
    sizes: Sizes,
    dout: View<'_>,
    weights: Weights<'_>,
    offsets: &Column<'_, u32>,
    out: View<'_>,
    kept: &Tensor,
) -> Result<()> {
    let Sizes { rows, hidden, gates, kept: width, .. } = sizes;
    let (dtype, length) = (kept.dtype(), recurrence.length);
    let sequences = rows / length;
    let bytes = sequences * hidden * wide(dtype).size_in_bytes();
    let (product_of_du, carry) = (gpu.scratch(bytes)?, gpu.scratch(bytes)?);
    let kept = View { tensor: kept, first: 0, width };
    let kept_at = |row: usize| Slot { pointer: row_pointer(kept, width, row), stride: length * width };
    let mut after: Option<usize> = None;
    let mut order = recurrence.rows().rev().peekable();
    while let Some(row) = order.next() {
        let before = order.peek().copied();
        let h_before = before.map_or(Slot::NONE, |row| Slot::of(out, length, row));
        let (dh, h, kept) = (Slot::of(dout, length, row), Slot::of(out, length, row), kept_at(row));
        let c_before = before.map_or(Slot::NONE, |row| kept_at(row).after(gates, dtype));
        let words = arguments![
            recurrence.kind as usize,
            sequences,
            hidden,
            kept.pointer,
            kept.stride,
            after.map_or(0, |_| product_of_du.pointer()),
            carry.pointer(),
            offset_of_begin(recurrence, offsets, row),
            after.map_or(0, |row| offset_of_begin(recurrence, offsets, row)),
            length,
            h.pointer,
            h_before.pointer,
            h.stride,
            c_before.pointer,
            dh.pointer,
            dh.stride,
        ];
        gpu.launch("recurrent_backward", dtype, Grid::new((sequences * hidden).div_ceil(256), 256), words)?;
        for (i, (columns, first, n)) in parts_of_u(recurrence.kind, sizes).enumerate().filter(|_| before.is_some()) {
            let du = kept.after(columns, dtype).operand(dtype);
            let pointer = offset(weights.w_hh.pointer(), first * hidden, dtype);
            let w_hh = Operand { pointer, dtype, stride: hidden, transposed: false };
            let out = (product_of_du.pointer(), hidden);
            let product = product((sequences, hidden, n), du, w_hh, out, wide(dtype));
            gpu.matmul(&Product { add: i > 0, ..product })?;
        }
        after = Some(row);
    }
    Ok(())
}

/// Checks x, weights and result; their type.
fn check(x: View<'_>, weights: Weights<'_>, out: View<'_>) -> Result<DType> {
    let Weights { w_ih, w_hh, b_ih, b_hh } = weights;
    let dtype = x.tensor.dtype();
    for tensor in [Some(x.tensor), Some(w_ih), Some(w_hh), b_ih, b_hh, Some(out.tensor)].into_iter().flatten() {
        check_gpu(OP, &[(tensor, dtype, tensor.elem_count())])?;
    }
    Ok(dtype)
}

/// The first `gates` columns of `kept` become x w_ihᵀ.
fn project(gpu: &Gpu, sizes: Sizes, x: View<'_>, weights: Weights<'_>, kept: Slot) -> Result<()> {
    let Sizes { rows, inputs, gates, .. } = sizes;
    let dtype = x.tensor.dtype();
    let a = Operand { stride: x.stride(), ..Slot::of(x, 0, 0).operand(dtype) };
    let w_ih = Operand { pointer: weights.w_ih.pointer(), dtype, stride: inputs, transposed: true };
    gpu.matmul(&product((rows, gates, inputs), a, w_ih, (kept.pointer, kept.stride), dtype))
}

/// `u` = h w_hhᵀ, in the wide type.
fn multiply_by_w_hh(gpu: &Gpu, sizes: Sizes, sequences: usize, h: Slot, w_hh: &Tensor, u: u64) -> Result<()> {
    let Sizes { hidden, gates, .. } = sizes;
    let dtype = w_hh.dtype();
    let w_hh = Operand { pointer: w_hh.pointer(), dtype, stride: hidden, transposed: true };
    gpu.matmul(&product((sequences, gates, hidden), h.operand(dtype), w_hh, (u, gates), wide(dtype)))
}

/// Column of what is kept, row of w_hh and number of rows of each part of u.
fn parts_of_u(kind: Kind, sizes: Sizes) -> impl Iterator<Item = (usize, usize, usize)> {
    let Sizes { hidden, gates, .. } = sizes;
    let parts = match kind {
        Kind::Gru => [(0, 0, 2 * hidden), (3 * hidden, 2 * hidden, hidden)],
        _ => [(0, 0, gates), (0, 0, 0)],
    };
    parts.into_iter().filter(|&(_, _, n)| n > 0)
}

/// The gradients of the biases: sums over rows of what is kept.
fn add_biases(gpu: &Gpu, kind: Kind, sizes: Sizes, kept: &Tensor, gradients: Gradients<'_>) -> Result<()> {
    let (dtype, Sizes { rows, kept: width, .. }) = (kept.dtype(), sizes);
    if let Some(bias) = gradients.b_ih {
        add_column_sums(gpu, (kept.pointer(), dtype, width), rows, bias)?;
    }
    let Some(bias) = gradients.b_hh else { return Ok(()) };
    parts_of_u(kind, sizes).try_for_each(|(columns, first, n)| {
        let du = (offset(kept.pointer(), columns, dtype), dtype, width);
        add_column_sums(gpu, du, rows, &bias.narrow(first, n)?)
    })
}

/// Address of the offset of each sequence that is 0 where row `row` begins a document, unless all do.
fn offset_of_begin(recurrence: Recurrence, offsets: &Column<'_, u32>, row: usize) -> u64 {
    let row = if recurrence.reverse { (row + 1).min(recurrence.length - 1) } else { row };
    offset(offsets.pointer(), row, DType::U32)
}

fn row_pointer(matrix: View<'_>, width: usize, row: usize) -> u64 {
    offset(matrix.tensor.pointer(), row * width, matrix.tensor.dtype())
}

fn offset(pointer: u64, elements: usize, dtype: DType) -> u64 {
    pointer + (elements * dtype.size_in_bytes()) as u64
}

/// The type that activations of `dtype` are computed in.
fn wide(dtype: DType) -> DType {
    if dtype == DType::BF16 { DType::F32 } else { dtype }
}

/// `out` (address and stride) = a b, of sizes (m, n, k).
fn product((m, n, k): (usize, usize, usize), a: Operand, b: Operand, out: (u64, usize), out_dtype: DType) -> Product {
    let (out, out_stride) = out;
    Product { m, n, k, a, b, out, out_dtype, out_stride, add: false, residual: None, bias: None }
}
