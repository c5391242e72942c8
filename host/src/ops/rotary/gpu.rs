//! Rotary positions on a GPU.

use super::Table;
use crate::Result;
use crate::ops::attention::Shape;
use crate::ops::cuda::{Gpu, arguments};
use crate::ops::{Column, Tensor, check_gpu};

pub(super) fn rotate(
    gpu: &Gpu,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    table: &Table,
    direction: f64,
) -> Result<()> {
    let Table { cosines, sines } = table;
    let (rows, row) = (positions.host().len(), shape.qkv_width());
    check_gpu("rotary positions", &[(qkv, qkv.dtype(), rows * row), (cosines, cosines.dtype(), cosines.elem_count())])?;
    let (heads, d) = (shape.heads + shape.kv_heads, shape.head_width);
    let words = arguments![qkv, positions.pointer(), cosines, sines, direction, rows, row, heads, d];
    gpu.launch_flat("rotary", qkv.dtype(), rows * heads * (d / 2), words)
}
