//! A linear recurrence on a GPU: a thread takes a column of a sequence through all rows.

use crate::Result;
use crate::cuda::{Gpu, Grid, arguments};
use crate::{Column, Gradient, Tensor, View, check_gpu};

pub(super) fn forward(
    gpu: &Gpu,
    a: View<'_>,
    b: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: View<'_>,
) -> Result<()> {
    let (dtype, sequences) = (check(&[a, b, out])?, a.rows() / length);
    let (of_a, of_b, to) = (a.pointer(), b.pointer(), out.pointer());
    let (offsets, width) = (offsets.pointer(), a.width);
    let words = arguments![of_a, a.stride(), of_b, b.stride(), offsets, sequences, length, width, to, out.stride()];
    gpu.launch("scan_forward", dtype, Grid::new((sequences * width).div_ceil(256), 256), words)
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    gpu: &Gpu,
    dout: View<'_>,
    a: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: View<'_>,
    da: Gradient<'_>,
    db: Gradient<'_>,
) -> Result<()> {
    let (dtype, sequences) = (check(&[dout, a, out, da.view, db.view])?, a.rows() / length);
    let words = arguments![
        dout.pointer(),
        dout.stride(),
        a.pointer(),
        a.stride(),
        offsets.pointer(),
        sequences,
        length,
        a.width,
        out.pointer(),
        out.stride(),
        da.view.pointer(),
        da.view.stride(),
        da.adds,
        db.view.pointer(),
        db.view.stride(),
        db.adds,
    ];
    gpu.launch("scan_backward", dtype, Grid::new((sequences * a.width).div_ceil(256), 256), words)
}

pub(super) fn step(gpu: &Gpu, a: View<'_>, b: View<'_>, state: &Tensor, out: View<'_>) -> Result<()> {
    let dtype = check(&[a, b, state.into(), out])?;
    let (of_a, of_b, to) = (a.pointer(), b.pointer(), out.pointer());
    let words = arguments![of_a, a.stride(), of_b, b.stride(), state, a.rows(), a.width, to, out.stride()];
    gpu.launch_flat("scan_step", dtype, a.rows() * a.width, words)
}

/// All are on the GPU and of one type; which.
fn check(views: &[View<'_>]) -> Result<candle_core::DType> {
    let dtype = views[0].tensor.dtype();
    for View { tensor, .. } in views {
        check_gpu("scan", &[(tensor, dtype, tensor.elem_count())])?;
    }
    Ok(dtype)
}
