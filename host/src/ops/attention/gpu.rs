//! Attention on a GPU: which kernel, and its launch.

use super::{Column, Mask, Shape, Span, Tensor};
use crate::ops::check_gpu;
use crate::ops::cuda::{Gpu, Grid, arguments, suffix};
use crate::{Error, Result};
use candle_core::DType;

/// Shared memory that every launch may use without asking.
const SHARED: u32 = 48 << 10;

/// The widest heads that the kernels' registers hold.
const WIDEST: usize = 256;

pub(super) fn forward(
    gpu: &Gpu,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    dropout: Option<&Mask>,
    out: &Tensor,
    log_sum_exp: &Tensor,
) -> Result<()> {
    Attention::new(gpu, qkv, positions, shape, dropout)?.forward(out, log_sum_exp)
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    gpu: &Gpu,
    dout: &Tensor,
    qkv: &Tensor,
    out: &Tensor,
    log_sum_exp: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    dropout: Option<&Mask>,
    dqkv: &Tensor,
) -> Result<()> {
    Attention::new(gpu, qkv, positions, shape, dropout)?.backward(dout, out, log_sum_exp, dqkv)
}

/// One attention, its inputs checked.
struct Attention<'a> {
    gpu: &'a Gpu,
    qkv: &'a Tensor,
    positions: &'a Column<'a, u32>,
    shape: Shape,
    dropout: Option<&'a Mask>,
    sequences: usize,
}

impl<'a> Attention<'a> {
    fn new(
        gpu: &'a Gpu,
        qkv: &'a Tensor,
        positions: &'a Column<'a, u32>,
        shape: Shape,
        dropout: Option<&'a Mask>,
    ) -> Result<Self> {
        let rows = positions.host().len();
        check_gpu("attention", &[(qkv, qkv.dtype(), rows * shape.qkv_width())])?;
        if shape.head_width > WIDEST {
            return Err(Error::run(format!(
                "attention: heads of width {}, on a GPU expected at most {WIDEST}; choose more model.heads",
                shape.head_width
            )));
        }
        check_positions(positions.host(), shape.length)?;
        Ok(Self { gpu, qkv, positions, shape, dropout, sequences: rows / shape.length })
    }

    /// `out` `[rows, heads · d]`, `log_sum_exp` `[sequences, heads, length]`.
    fn forward(&self, out: &Tensor, log_sum_exp: &Tensor) -> Result<()> {
        self.check_results(out, log_sum_exp)?;
        let words = arguments![self.qkv, self.positions.pointer(), out, log_sum_exp];
        self.launch("forward", self.shape.heads, words)
    }

    /// `dqkv` from the gradient `dout`.
    fn backward(&self, dout: &Tensor, out: &Tensor, log_sum_exp: &Tensor, dqkv: &Tensor) -> Result<()> {
        self.check_results(out, log_sum_exp)?;
        let (dtype, wide) = (self.qkv.dtype(), log_sum_exp.dtype());
        check_gpu("attention", &[(dout, dtype, out.elem_count()), (dqkv, dtype, self.qkv.elem_count())])?;
        let Shape { length, heads, kv_heads, head_width: d, .. } = self.shape;
        // [sequences, heads, length]: Σ_j p_j dp_j = dout · out of each row
        let dot = self.gpu.scratch(log_sum_exp.elem_count() * wide.size_in_bytes())?;
        let rows = self.sequences * length * heads;
        let words = arguments![dout, out, dot.pointer(), self.sequences, length, heads, d];
        self.gpu.launch("attention_dot", dtype, Grid::new(rows.div_ceil(32), 256), words)?;
        let words = arguments![dout, self.qkv, log_sum_exp, dot.pointer(), self.positions.pointer(), dqkv];
        self.launch("backward_keys", kv_heads, words)?;
        self.launch("backward_queries", heads, words)
    }

    fn check_results(&self, out: &Tensor, log_sum_exp: &Tensor) -> Result<()> {
        let Shape { length, heads, .. } = self.shape;
        let (rows, dtype) = (self.sequences * length, self.qkv.dtype());
        let wide = if dtype == DType::BF16 { DType::F32 } else { dtype };
        check_gpu("attention", &[(out, dtype, rows * self.shape.out_width()), (log_sum_exp, wide, rows * heads)])
    }

    /// Tensor cores multiply bfloat16 heads of these widths. With dropout, or all of a document to be seen, the plain
    /// kernels compute.
    fn on_tensor_cores(&self) -> bool {
        let Shape { span, head_width, .. } = self.shape;
        self.qkv.dtype() == DType::BF16
            && span == Span::Causal
            && self.dropout.is_none()
            && matches!(head_width, 32 | 64 | 128)
    }

    /// A launch over tiles of positions, `heads` heads and all sequences.
    fn launch(&self, pass: &str, heads: usize, tensors: &[u64]) -> Result<()> {
        let Shape { length, heads: n_heads, kv_heads, head_width: d, span } = self.shape;
        let causal = span == Span::Causal;
        let sizes = arguments![self.sequences, length, n_heads, kv_heads, d, causal];
        if self.on_tensor_cores() {
            let tile = Tile::on_tensor_cores(pass, d);
            return self.start(&format!("attention_{pass}_mma_{d}"), tile, heads, &[tensors, &sizes[..4]].concat());
        }
        let mask = match self.dropout {
            None => [0; 5],
            Some(mask) => {
                let first = self.gpu.first_sequence(mask.first_sequence)?;
                *arguments![mask.rate, mask.stream.key(), first, mask.sites, mask.site]
            }
        };
        let dtype = self.qkv.dtype();
        let name = format!("attention_{pass}_{}", suffix(dtype)?);
        self.start(&name, Tile::plain(pass, d, dtype), heads, &[tensors, sizes, &mask].concat())
    }

    fn start(&self, kernel: &str, tile: Tile, heads: usize, words: &[u64]) -> Result<()> {
        let kernel = self.gpu.kernel(kernel)?;
        if tile.shared > SHARED {
            self.gpu.allow_shared(&kernel, tile.shared)?;
        }
        let blocks = [self.shape.length.div_ceil(tile.positions), heads, self.sequences].map(|n| n as u32);
        self.gpu.launch_kernel(&kernel, Grid { blocks, threads: tile.threads, shared: tile.shared }, words)
    }
}

/// What a block computes.
struct Tile {
    positions: usize,
    threads: u32,
    /// Bytes of shared memory.
    shared: u32,
}

impl Tile {
    /// As host/cuda/attention.cu and attention_backward.cu say.
    fn plain(pass: &str, d: usize, dtype: DType) -> Self {
        let (positions, size) = if dtype == DType::F64 { (16, 8) } else { (32, 4) };
        let stride = d | 1;
        let elements = match pass {
            "forward" => 2 * stride + positions + 1,
            _ => 4 * stride + 2 * positions + 2,
        };
        Self { positions, threads: 256, shared: (size * positions * elements) as u32 }
    }

    /// As host/cuda/attention_mma.cu and attention_backward_mma.cu say.
    fn on_tensor_cores(pass: &str, d: usize) -> Self {
        let (threads, shared) = match (pass, d) {
            ("forward", 128) => (128, 512 * d),
            ("forward", _) => (128, 768 * d),
            ("backward_keys", 128) => (256, 1024 * d + 1536),
            ("backward_keys", _) => (128, 1024 * d + 1536),
            (_, 128) => (128, 768 * d),
            _ => (128, 1024 * d),
        };
        Self { positions: 128, threads, shared: shared as u32 }
    }
}

/// One new position of one sequence, see [`super::cached`].
pub(super) fn cached(
    gpu: &Gpu,
    qkv: &Tensor,
    shape: Shape,
    position: usize,
    cache: &Tensor,
    out: &Tensor,
) -> Result<()> {
    let Shape { heads, kv_heads, head_width: d, .. } = shape;
    let (dtype, context) = (qkv.dtype(), cache.dim(0)?);
    check_gpu("attention", &[(qkv, dtype, shape.qkv_width()), (out, dtype, shape.out_width())])?;
    check_gpu("attention", &[(cache, dtype, context * 2 * kv_heads * d)])?;
    if position >= context || d > WIDEST {
        return Err(Error::run(format!("attention: position {position} of {context}, heads of width {d}")));
    }
    let at = gpu.scratch(4)?;
    gpu.upload(at.pointer(), &[position as u32])?;
    let wide = if dtype == DType::F64 { 8 } else { 4 };
    let kernel = gpu.kernel(&format!("attention_cached_{}", suffix(dtype)?))?;
    let shared = (wide * 16 * d) as u32;
    if shared > SHARED {
        gpu.allow_shared(&kernel, shared)?;
    }
    let words = arguments![qkv, cache, at.pointer(), out, heads, kv_heads, d, context];
    gpu.launch_kernel(&kernel, Grid { blocks: [heads as u32, 1, 1], threads: 512, shared }, words)
}

/// The kernels find the document of a row by its position: within a document positions rise by 1.
fn check_positions(positions: &[u32], length: usize) -> Result<()> {
    if length == 0 || !positions.len().is_multiple_of(length) {
        return Err(Error::run(format!("attention: {} rows are no number of sequences of {length}", positions.len())));
    }
    for sequence in positions.chunks_exact(length) {
        if let Some(pair) = sequence.windows(2).find(|pair| pair[1] != 0 && pair[1] != pair[0] + 1) {
            return Err(Error::run(format!(
                "attention: position {} follows {}, expected the next one or 0, where a document begins",
                pair[1], pair[0]
            )));
        }
    }
    Ok(())
}
