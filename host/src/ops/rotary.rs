//! Rotary positions (Su et al., arXiv 2104.09864): pairs of elements of a query or key are rotated by an angle that is
//! proportional to the position, so that their products depend on distances only.
//!
//! Element i of a head's first half is paired with element i of its second half, as in Llama on Hugging Face
//! (`rotate_half`).

use super::attention::Shape;
use super::cpu::{rows_per_task, vectorised, with_slices, with_type};
use super::cuda::arguments;
use super::{Column, Device, Engine, Float, OpGroup, Tensor, check_gpu};
use crate::{Error, Result};
use candle_core::DType;
use rayon::prelude::*;

/// Cosines and sines of all angles.
#[derive(Debug, Clone)]
pub struct Table {
    /// `[context, d/2]`
    cosines: Tensor,
    /// `[context, d/2]`
    sines: Tensor,
}

impl Table {
    /// Angle of pair i at position p: p · theta^(-2i/d), computed in f64. `head_width` d must be even.
    pub fn new(context: usize, head_width: usize, theta: f64, dtype: DType, device: &Device) -> Result<Self> {
        if !head_width.is_multiple_of(2) {
            let message = "rotary positions: expected an even width of a head";
            return Err(Error::run(format!("{message}, got {head_width}; choose other heads or width")));
        }
        let half = head_width / 2;
        let table = |f: fn(f64) -> f64| -> Result<Tensor> {
            let angle = |i: usize| (i / half) as f64 * theta.powf(-((i % half) as f64 / half as f64));
            let values: Vec<f64> = (0..context * half).map(|i| f(angle(i))).collect();
            let values = candle_core::Tensor::from_vec(values, (context, half), &candle_core::Device::Cpu)?;
            Tensor::copied(&values, dtype, device)
        };
        Ok(Self { cosines: table(f64::cos)?, sines: table(f64::sin)? })
    }
}

/// Rotates queries and keys of `qkv` `[rows, (heads + 2 · kv_heads) · d]` in place; row i is at `positions[i]`, which
/// must be below the table's context.
pub fn forward(engine: &Engine, qkv: &Tensor, positions: &Column<'_, u32>, shape: Shape, table: &Table) -> Result<()> {
    rotate(engine, qkv, positions, shape, table, 1.0)
}

/// `dqkv`, the gradient of rotated queries and keys, becomes that of the unrotated ones in place: the inverse rotation.
pub fn backward(
    engine: &Engine,
    dqkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    table: &Table,
) -> Result<()> {
    rotate(engine, dqkv, positions, shape, table, -1.0)
}

fn rotate(
    engine: &Engine,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    table: &Table,
    direction: f64,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    let (context, half) = table.cosines.dims2()?;
    if let Some(position) = positions.host().iter().find(|&&position| position as usize >= context) {
        return Err(Error::run(format!("position {position} is outside the model's context of {context}")));
    }
    let Shape { heads, kv_heads, head_width, .. } = shape;
    if head_width != 2 * half {
        return Err(Error::run(format!("rotary positions: expected heads of width {}, got {head_width}", 2 * half)));
    }
    let (row, rotated) = (shape.qkv_width(), (heads + kv_heads) * head_width);
    if let Some(gpu) = engine.gpu() {
        let rows = positions.host().len();
        check_gpu(
            "rotary positions",
            &[(qkv, qkv.dtype(), rows * row), (&table.cosines, table.cosines.dtype(), context * half)],
        )?;
        let heads = heads + kv_heads;
        let words =
            arguments![qkv, positions.pointer(), &table.cosines, &table.sines, direction, rows, row, heads, head_width];
        return gpu.launch_flat("rotary", qkv.dtype(), rows * heads * half, words);
    }
    let positions = positions.host();
    let reads = [&table.cosines, &table.sines];
    with_type!(qkv, T => with_slices::<T, 2, 1>(reads, [qkv], |[cosines, sines], [qkv]| {
        let direction = <T as Float>::of(direction);
        let rows = rows_per_task(row);
        let tasks = qkv.par_chunks_mut(rows * row).zip(positions.par_chunks(rows));
        tasks.for_each(|(qkv, positions)| vectorised(#[inline(always)] || {
            for (qkv, &position) in qkv.chunks_exact_mut(row).zip(positions) {
                let start = position as usize * half;
                let (cosines, sines) = (&cosines[start..][..half], &sines[start..][..half]);
                for head in qkv[..rotated].chunks_exact_mut(head_width) {
                    let (first, second) = head.split_at_mut(half);
                    for i in 0..half {
                        let (a, b) = (first[i], second[i]);
                        let (cosine, sine) = (cosines[i], sines[i] * direction);
                        first[i] = a * cosine - b * sine;
                        second[i] = b * cosine + a * sine;
                    }
                }
            }
        }));
        Ok(())
    }))
}
