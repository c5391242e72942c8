//! The relative bias on a GPU.

use super::Buckets;
use crate::Result;
use crate::cuda::{Gpu, Grid, arguments};
use crate::{Tensor, check_gpu};

pub(super) fn forward(gpu: &Gpu, buckets: &Buckets, table: &Tensor, bias: &Tensor) -> Result<()> {
    launch(gpu, "relative_bias_forward", buckets, (table, bias), bias.elem_count())
}

pub(super) fn backward(gpu: &Gpu, buckets: &Buckets, dbias: &Tensor, dtable: &Tensor) -> Result<()> {
    launch(gpu, "relative_bias_backward", buckets, (dbias, dtable), dtable.elem_count())
}

/// A thread for each of `n` numbers.
fn launch(gpu: &Gpu, kernel: &str, buckets: &Buckets, (from, to): (&Tensor, &Tensor), n: usize) -> Result<()> {
    let dtype = to.dtype();
    check_gpu("relative bias", &[(from, dtype, from.elem_count()), (to, dtype, to.elem_count())])?;
    let rows = buckets.on_gpu.as_ref().map_or(0, Tensor::pointer);
    let width = buckets.width();
    let heads = if kernel.ends_with("forward") { to.elem_count() / width } else { to.row_width() };
    let words = arguments![rows, from, to, width, heads, buckets.n];
    gpu.launch(kernel, dtype, Grid::new(n.div_ceil(256), 256), words)
}
