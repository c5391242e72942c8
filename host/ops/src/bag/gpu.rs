//! Bags of words on a GPU.

use super::Tokens;
use crate::Result;
use crate::cuda::{Gpu, arguments};
use crate::{Column, Tensor, check_gpu};

/// `out[k, index[i]]` += `weights[i]`, in the order of i.
pub(super) fn add(gpu: &Gpu, tokens: Tokens<'_>, ranges: &Column<'_, u32>, out: &Tensor) -> Result<()> {
    let (dtype, rows, (n, width)) = (out.dtype(), tokens.index.host().len(), out.dims2()?);
    check_gpu("bag", &[(out, dtype, n * width)])?;
    let weights = tokens.weights.map_or(0, Column::pointer);
    gpu.launch_flat(
        "bag",
        dtype,
        rows,
        arguments![tokens.index.pointer(), weights, ranges.pointer(), n, rows, width, out],
    )
}
