//! Dropout on a GPU.

use super::{Mask, per_sequence};
use crate::Result;
use crate::cuda::{Gpu, arguments};
use crate::{Tensor, add, check_gpu};
use candle_core::DType;

pub(super) fn apply(gpu: &Gpu, x: &Tensor, sequences: usize, mask: &Mask) -> Result<()> {
    let (dtype, n) = (x.dtype(), x.elem_count());
    check_gpu("dropout", &[(x, dtype, n)])?;
    let first = gpu.first_sequence(mask.first_sequence)?;
    let per_sequence = per_sequence(n, sequences);
    let words = arguments![x, n, per_sequence, mask.stream.key(), first, mask.sites, mask.site, mask.rate];
    gpu.launch_flat("dropout", dtype, n, words)
}

pub(super) fn apply_to(gpu: &Gpu, x: &Tensor, out: &Tensor, sequences: usize, mask: &Mask) -> Result<()> {
    if x.dtype() == out.dtype() {
        add::copy(x, out)?;
        return apply(gpu, out, sequences, mask);
    }
    let n = x.elem_count();
    check_gpu("dropout", &[(x, DType::F32, n), (out, DType::BF16, n)])?;
    let first = gpu.first_sequence(mask.first_sequence)?;
    let per_sequence = per_sequence(n, sequences);
    let words = arguments![x, out, n, per_sequence, mask.stream.key(), first, mask.sites, mask.site, mask.rate];
    gpu.launch_flat("dropout_cast_f32", DType::BF16, n, words)
}
