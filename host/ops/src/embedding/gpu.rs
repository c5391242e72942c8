//! Rows of tables on a GPU.

use super::{Lookup, TABLES_MAX};
use crate::Result;
use crate::cuda::{Gpu, Grid, arguments};
use crate::{Tensor, check_gpu};

pub(super) fn forward(gpu: &Gpu, lookups: &[Lookup<'_>], out: &Tensor) -> Result<()> {
    let (stream, (rows, width)) = (out.dtype(), out.dims2()?);
    check_gpu("embedding", &[(out, stream, rows * width)])?;
    // A table's index and address of its first row; both 0 where there is none.
    let mut words = [0; 2 * TABLES_MAX];
    for (words, lookup) in words.chunks_exact_mut(2).zip(lookups) {
        words.copy_from_slice(&opened(lookup, out)?);
    }
    let words = [words.as_slice(), arguments![out, rows, width]].concat();
    gpu.launch_flat("embedding_forward", stream, rows * width, &words)
}

/// Addresses of the indices and of the row that index 0 means.
fn opened(lookup: &Lookup<'_>, x: &Tensor) -> Result<[u64; 2]> {
    let (&Lookup { index, offset, .. }, table) = (lookup, lookup.table.dense()?);
    check_gpu("embedding", &[(table, x.dtype(), table.elem_count())])?;
    let first = table.pointer() + (offset * x.row_width() * x.dtype().size_in_bytes()) as u64;
    Ok([index.pointer(), first])
}

/// `table[index[i] + offset]` += `dx[i]`; in the order of i, or faster.
pub(super) fn add_rows(gpu: &Gpu, gradient: &Lookup<'_>, dx: &Tensor, in_order: bool) -> Result<()> {
    let (stream, (n, width)) = (dx.dtype(), dx.dims2()?);
    check_gpu("embedding", &[(dx, stream, n * width)])?;
    let [index, first] = opened(gradient, dx)?;
    let words = arguments![index, dx, first, n, width];
    match in_order {
        true => gpu.launch("embedding_backward_ordered", stream, Grid::new(n, 256), words),
        false => gpu.launch_flat("embedding_backward", stream, n * width, words),
    }
}
