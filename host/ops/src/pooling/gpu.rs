//! Ranges of rows on a GPU.

use super::Pool;
use crate::Result;
use crate::cuda::{Gpu, arguments};
use crate::{Column, Gradient, View, check_gpu};

pub(super) fn gather(gpu: &Gpu, pool: Pool, x: View<'_>, ranges: &Column<'_, u32>, out: Gradient<'_>) -> Result<()> {
    launch(gpu, "pool_gather", pool, x, ranges, out, out.view.rows() * x.width)
}

pub(super) fn spread(gpu: &Gpu, pool: Pool, x: View<'_>, ranges: &Column<'_, u32>, out: Gradient<'_>) -> Result<()> {
    launch(gpu, "pool_spread", pool, x, ranges, out, out.view.rows() * x.width)
}

fn launch(
    gpu: &Gpu,
    name: &str,
    pool: Pool,
    x: View<'_>,
    ranges: &Column<'_, u32>,
    out: Gradient<'_>,
    threads: usize,
) -> Result<()> {
    let (to, dtype, groups) = (out.view, x.tensor.dtype(), ranges.host().len() / 2);
    check_gpu("pool", &[(x.tensor, dtype, x.rows() * x.stride()), (to.tensor, dtype, to.rows() * to.stride())])?;
    let (from, into) = (x.pointer(), to.pointer());
    let words = arguments![
        pool as usize,
        from,
        x.stride(),
        ranges.pointer(),
        groups,
        to.rows(),
        x.width,
        into,
        to.stride(),
        out.adds,
    ];
    gpu.launch_flat(name, dtype, threads, words)
}
