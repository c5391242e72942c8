//! Rotary positions on a GPU.

use super::Table;
use crate::Result;
use crate::cuda::{Gpu, arguments};
use crate::{Column, View, check_gpu};

pub(super) fn rotate(gpu: &Gpu, x: View<'_>, positions: &Column<'_, u32>, table: &Table, direction: f64) -> Result<()> {
    let Table { cosines, sines, head_width: d, interleaved } = table;
    let (rows, row, dtype) = (positions.host().len(), x.stride(), x.tensor.dtype());
    let tables = [(cosines, cosines.dtype(), cosines.elem_count()), (sines, cosines.dtype(), cosines.elem_count())];
    check_gpu("rotary positions", &[(x.tensor, dtype, rows * row), tables[0], tables[1]])?;
    let (heads, half) = (x.width / d, cosines.row_width());
    let words = arguments![
        x.pointer(),
        positions.pointer(),
        cosines,
        sines,
        direction,
        rows,
        row,
        heads,
        *d,
        half,
        *interleaved
    ];
    gpu.launch_flat("rotary", dtype, rows * heads * half, words)
}
