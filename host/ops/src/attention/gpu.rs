//! Attention on a GPU: which kernel, and its launch.

use super::{Cache, Extent, Gradients, Inputs, Shape, Span, Tensor};
use crate::cuda::{Gpu, Grid, arguments, suffix};
use crate::{Error, Result};
use crate::{View, check_gpu};
use candle_core::DType;

/// Shared memory that every launch may use without asking.
const SHARED: u32 = 48 << 10;

/// The widest heads that the kernels' registers hold.
const WIDEST: usize = 256;

pub(super) fn forward(gpu: &Gpu, inputs: &Inputs<'_>, shape: Shape, out: &Tensor, log_sum_exp: &Tensor) -> Result<()> {
    if let Extent::Source { length, valid, of: Some(of) } = inputs.extent {
        let n_sums = log_sum_exp.dim(0)? / of.len().max(1);
        return of.iter().enumerate().try_for_each(|(sequence, &source)| {
            let source = source as usize;
            let [queries, keys, values] = [inputs.queries, inputs.keys, inputs.values].map(|view| view.tensor);
            let queries = &queries.narrow(sequence * shape.length, shape.length)?;
            let [keys, values] = [keys, values].map(|tensor| tensor.narrow(source * length, length));
            let (keys, values, valid) = (&keys?, &values?, &valid.narrow(source, 1)?);
            let inputs = Inputs {
                queries: View { tensor: queries, ..inputs.queries },
                keys: View { tensor: keys, ..inputs.keys },
                values: View { tensor: values, ..inputs.values },
                extent: Extent::Source { length, valid, of: None },
                ..*inputs
            };
            let out = out.narrow(sequence * shape.length, shape.length)?;
            // the kernel gives each sequence the source of its own number: a launch for each
            forward(gpu, &inputs, shape, &out, &log_sum_exp.narrow(sequence * n_sums, n_sums)?)
        });
    }
    let attention = Attention::new(gpu, inputs, shape)?;
    attention.check_results(out, log_sum_exp)?;
    let words = match attention.packed {
        Some(qkv) => arguments![qkv, attention.offsets(), out, log_sum_exp].to_vec(),
        None => [&attention.reads(), &arguments![out, log_sum_exp][..]].concat(),
    };
    attention.launch("forward", (shape.length, shape.heads), &words)
}

pub(super) fn backward(
    gpu: &Gpu,
    dout: &Tensor,
    inputs: &Inputs<'_>,
    shape: Shape,
    out: &Tensor,
    log_sum_exp: &Tensor,
    gradients: &Gradients<'_>,
) -> Result<()> {
    let attention = Attention::new(gpu, inputs, shape)?;
    attention.check_results(out, log_sum_exp)?;
    attention.check_gradients(dout, gradients)?;
    attention.backward(dout, out, log_sum_exp, gradients)
}

/// One attention, its inputs checked.
struct Attention<'a> {
    gpu: &'a Gpu,
    inputs: &'a Inputs<'a>,
    shape: Shape,
    dtype: DType,
    sequences: usize,
    /// Where queries, keys and values lie side by side, if the kernels that want that compute.
    packed: Option<&'a Tensor>,
}

impl<'a> Attention<'a> {
    fn new(gpu: &'a Gpu, inputs: &'a Inputs<'a>, shape: Shape) -> Result<Self> {
        let dtype = inputs.queries.tensor.dtype();
        for view in [inputs.queries, inputs.keys, inputs.values] {
            check_gpu("attention", &[(view.tensor, dtype, view.tensor.elem_count())])?;
        }
        if let Some(bias) = inputs.bias {
            check_gpu("attention", &[(bias, wide(dtype), bias.elem_count())])?;
        }
        check_width(shape)?;
        if let Extent::Documents(offsets) = inputs.extent {
            check_offsets(offsets.host(), shape.length)?;
        }
        let packed = inputs.queries.tensor;
        let is_packed = on_tensor_cores(inputs, shape, dtype) && is_side_by_side(inputs, shape);
        let sequences = inputs.queries.rows() / shape.length;
        Ok(Self { gpu, inputs, shape, dtype, sequences, packed: is_packed.then_some(packed) })
    }

    fn backward(&self, dout: &Tensor, out: &Tensor, log_sum_exp: &Tensor, to: &Gradients<'_>) -> Result<()> {
        let Shape { length, heads, kv_heads, head_width: d, .. } = self.shape;
        let size = wide(self.dtype).size_in_bytes();
        // [sequences, heads, length]: Σ_j p_j dp_j = dout · out of each row
        let dot = self.gpu.scratch(log_sum_exp.elem_count() * size)?;
        let rows = self.sequences * length * heads;
        let words = arguments![dout, out, dot.pointer(), self.sequences, length, heads, d];
        self.gpu.launch("attention_dot", self.dtype, Grid::new(rows.div_ceil(32), 256), words)?;
        if let Some(qkv) = self.packed.filter(|_| gradients_are_packed(to, self.shape)) {
            let dqkv = to.queries.tensor;
            let words = arguments![dout, qkv, log_sum_exp, dot.pointer(), self.offsets(), dqkv];
            self.launch("backward_keys", (length, kv_heads), words)?;
            return self.launch("backward_queries", (length, heads), words);
        }
        let plain = Self { packed: None, ..*self };
        let [q, k, v] = self.reads();
        let reads = arguments![dout, q, k, v, log_sum_exp, dot.pointer()];
        let keys = arguments![to.keys.pointer(), to.values.pointer(), to.keys.stride(), to.values.stride()];
        let key_length = self.inputs.key_length(self.shape);
        plain.launch("backward_keys", (key_length, kv_heads), &[reads, &keys[..]].concat())?;
        let queries = arguments![to.queries.pointer(), to.queries.stride()];
        plain.launch("backward_queries", (length, heads), &[reads, &queries[..]].concat())?;
        match to.bias {
            Some(dbias) => plain.backward_bias(reads, dbias),
            None => Ok(()),
        }
    }

    /// Adds to `dbias` `[heads, width]`.
    fn backward_bias(&self, reads: &[u64], dbias: &Tensor) -> Result<()> {
        let Shape { length, heads, head_width: d, .. } = self.shape;
        let tile = Tile::plain("backward_bias", d, self.dtype);
        let distances = 2 * length.div_ceil(tile.positions) - 1;
        let size = wide(self.dtype).size_in_bytes();
        let parts = self.gpu.scratch(heads * distances * 2 * tile.positions * size)?;
        let words = [reads, &arguments![parts.pointer()][..], &self.sizes()?].concat();
        self.start("backward_bias", &tile, [distances, heads, 1], &words)?;
        let words = arguments![parts.pointer(), dbias, heads, dbias.row_width(), length];
        let blocks = dbias.elem_count().div_ceil(256);
        self.gpu.launch("attention_bias_sum", self.dtype, Grid::new(blocks, 256), words)
    }

    fn check_results(&self, out: &Tensor, log_sum_exp: &Tensor) -> Result<()> {
        let tensors = [(out, self.dtype, out.elem_count()), (log_sum_exp, wide(self.dtype), log_sum_exp.elem_count())];
        check_gpu("attention", &tensors)
    }

    fn check_gradients(&self, dout: &Tensor, to: &Gradients<'_>) -> Result<()> {
        for tensor in [dout, to.queries.tensor, to.keys.tensor, to.values.tensor] {
            check_gpu("attention", &[(tensor, self.dtype, tensor.elem_count())])?;
        }
        match to.bias {
            Some(bias) => check_gpu("attention", &[(bias, wide(self.dtype), bias.elem_count())]),
            None => Ok(()),
        }
    }

    fn offsets(&self) -> u64 {
        match self.inputs.extent {
            Extent::Documents(offsets) => offsets.pointer(),
            Extent::Source { .. } => 0,
        }
    }

    /// Where queries, keys and values are.
    fn reads(&self) -> [u64; 3] {
        [self.inputs.queries, self.inputs.keys, self.inputs.values].map(|view| view.pointer())
    }

    /// What SHAPE_PARAMETERS of host/cuda/attention.cuh lists.
    fn sizes(&self) -> Result<Vec<u64>> {
        let Inputs { queries, keys, values, extent, bias, dropout } = *self.inputs;
        let valid = match extent {
            Extent::Source { valid, .. } => valid.pointer(),
            Extent::Documents(_) => 0,
        };
        let strides = [queries, keys, values].map(|view| view.stride());
        let key_length = self.inputs.key_length(self.shape);
        let mut words = sizes(self.shape, self.sequences, (self.offsets(), valid, bias), (key_length, 0), strides);
        words.extend(match dropout {
            None => [0; 5],
            Some(mask) => {
                let first = self.gpu.first_sequence(mask.first_sequence)?;
                *arguments![mask.rate, mask.stream.key(), first, mask.sites, mask.site]
            }
        });
        Ok(words)
    }

    /// A launch over tiles of `positions`, `heads` heads and all sequences.
    fn launch(&self, pass: &str, (positions, heads): (usize, usize), tensors: &[u64]) -> Result<()> {
        let Shape { length, heads: n_heads, kv_heads, head_width: d, .. } = self.shape;
        let (name, tile, sizes) = match self.packed {
            Some(_) => {
                let sizes = arguments![self.sequences, length, n_heads, kv_heads].to_vec();
                (format!("attention_{pass}_mma_{d}"), Tile::on_tensor_cores(pass, d), sizes)
            }
            None => {
                let name = format!("attention_{pass}_{}", suffix(self.dtype)?);
                (name, Tile::plain(pass, d, self.dtype), self.sizes()?)
            }
        };
        let blocks = [positions.div_ceil(tile.positions), heads, self.sequences];
        start(self.gpu, &name, &tile, blocks, &[tensors, &sizes].concat())
    }

    fn start(&self, pass: &str, tile: &Tile, blocks: [usize; 3], words: &[u64]) -> Result<()> {
        start(self.gpu, &format!("attention_{pass}_{}", suffix(self.dtype)?), tile, blocks, words)
    }
}

/// All of SHAPE_PARAMETERS but dropout.
fn sizes(
    shape: Shape,
    sequences: usize,
    (offsets, valid, bias): (u64, u64, Option<&Tensor>),
    (key_length, before): (usize, usize),
    [queries, keys, values]: [usize; 3],
) -> Vec<u64> {
    let Shape { length, heads, kv_heads, head_width: d, span, scale, soft_cap } = shape;
    let window = if let Span::Window(width) = span { width } else { 0 };
    let (bias, bias_width) = bias.map_or((0, 0), |bias| (bias.pointer(), bias.row_width()));
    let mut words = arguments![offsets, valid, bias, bias_width, sequences, length, key_length, before].to_vec();
    words.extend(arguments![heads, kv_heads, d, queries, keys, values, span != Span::Full, window, scale, soft_cap]);
    words
}

fn start(gpu: &Gpu, name: &str, tile: &Tile, blocks: [usize; 3], words: &[u64]) -> Result<()> {
    let kernel = gpu.kernel(name)?;
    if tile.shared > SHARED {
        gpu.allow_shared(&kernel, tile.shared)?;
    }
    let blocks = blocks.map(|n| n as u32);
    gpu.launch_kernel(&kernel, Grid { blocks, threads: tile.threads, shared: tile.shared }, words)
}

/// The format of sums, statistics and the relative bias.
fn wide(dtype: DType) -> DType {
    if dtype == DType::BF16 { DType::F32 } else { dtype }
}

/// Tensor cores multiply bfloat16 heads of these widths. With dropout, a bias, a cap or another scale, and where not
/// just the positions before a query are to be seen, the plain kernels compute.
fn on_tensor_cores(inputs: &Inputs<'_>, shape: Shape, dtype: DType) -> bool {
    let Shape { head_width, span, scale, soft_cap, .. } = shape;
    let is_usual = scale == 1.0 / (head_width as f64).sqrt() && soft_cap == 0.0;
    let is_causal = span == Span::Causal && matches!(inputs.extent, Extent::Documents(_));
    dtype == DType::BF16
        && is_usual
        && is_causal
        && inputs.dropout.is_none()
        && inputs.bias.is_none()
        && matches!(head_width, 32 | 64 | 128)
}

fn is_side_by_side(inputs: &Inputs<'_>, shape: Shape) -> bool {
    are_side_by_side([inputs.queries, inputs.keys, inputs.values], shape)
}

fn gradients_are_packed(to: &Gradients<'_>, shape: Shape) -> bool {
    are_side_by_side([to.queries, to.keys, to.values], shape)
}

/// Whether these are queries, keys and values of one tensor that has nothing else.
fn are_side_by_side(views: [View<'_>; 3], shape: Shape) -> bool {
    let tensor = views[0].tensor;
    let Ok(expected) = shape.side_by_side(tensor) else { return false };
    views.iter().zip(&expected).all(|(view, expected)| {
        view.tensor.pointer() == tensor.pointer() && (view.first, view.stride()) == (expected.first, expected.stride())
    })
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

/// New rows of sequences, see [`super::cached`]. The kernels know one cache and one position: a launch for each.
pub(super) fn cached(gpu: &Gpu, views: [View<'_>; 3], shape: Shape, cache: &Cache<'_>, out: &Tensor) -> Result<()> {
    let n = cache.positions.len();
    let [rows, context] = [out, cache.keys_values].map(|tensor| View::from(tensor).rows() / n);
    for (sequence, &position) in cache.positions.iter().enumerate() {
        let narrow = |tensor: &Tensor| tensor.narrow(sequence * rows, rows);
        let tensors = [narrow(views[0].tensor)?, narrow(views[1].tensor)?, narrow(views[2].tensor)?];
        let views = [0, 1, 2].map(|i| View { tensor: &tensors[i], ..views[i] });
        let cached = cache.keys_values.narrow(sequence * context, context)?;
        append(gpu, views, shape, (&cached, position, cache.bias), &narrow(out)?)?;
    }
    Ok(())
}

/// New rows of one sequence.
fn append(
    gpu: &Gpu,
    views: [View<'_>; 3],
    shape: Shape,
    (keys_values, position, bias): (&Tensor, usize, Option<&Tensor>),
    out: &Tensor,
) -> Result<()> {
    let (dtype, d) = (out.dtype(), shape.head_width);
    for tensor in views.map(|view| view.tensor).into_iter().chain([keys_values, out]) {
        check_gpu("attention", &[(tensor, dtype, tensor.elem_count())])?;
    }
    if let Some(bias) = bias {
        check_gpu("attention", &[(bias, wide(dtype), bias.elem_count())])?;
    }
    check_width(shape)?;
    let [q, k, v] = views.map(|view| view.pointer());
    let (rows, kv, strides) = (shape.length, shape.kv_width(), views.map(|view| view.stride()));
    if rows == 1 {
        let sizes = sizes(shape, 1, (0, 0, bias), (position + 1, position), strides);
        let words = [&arguments![q, k, v, keys_values, out][..], &sizes, &[0; 5]].concat();
        let size = if dtype == DType::F64 { 8 } else { 4 };
        let tile = Tile { positions: 1, threads: 512, shared: (size * 16 * d) as u32 };
        return start(gpu, &format!("attention_cached_{}", suffix(dtype)?), &tile, [shape.heads, 1, 1], &words);
    }
    let words = arguments![k, v, keys_values, strides[1], strides[2], rows, kv, position];
    gpu.launch_flat("attention_append", dtype, rows * kv, words)?;
    let sizes = sizes(shape, 1, (0, 0, bias), (position + rows, position), [strides[0], 2 * kv, 2 * kv]);
    let keys = View::new(keys_values, 0, kv)?;
    let values = View::new(keys_values, kv, kv)?;
    let log_sum_exp = gpu.scratch(rows * shape.heads * wide(dtype).size_in_bytes())?;
    let reads = arguments![q, keys.pointer(), values.pointer(), out, log_sum_exp.pointer()];
    let tile = Tile::plain("forward", d, dtype);
    let blocks = [rows.div_ceil(tile.positions), shape.heads, 1];
    let words = [&reads[..], &sizes, &[0; 5]].concat();
    start(gpu, &format!("attention_forward_{}", suffix(dtype)?), &tile, blocks, &words)
}

fn check_width(shape: Shape) -> Result<()> {
    match shape.head_width {
        0..=WIDEST => Ok(()),
        d => Err(Error::run(format!(
            "attention: heads of width {d}, on a GPU expected at most {WIDEST}; choose more model.heads"
        ))),
    }
}

/// The kernels find the document of a row by its offset: within a document offsets rise by 1.
fn check_offsets(offsets: &[u32], length: usize) -> Result<()> {
    for sequence in offsets.chunks_exact(length) {
        if let Some(pair) = sequence.windows(2).find(|pair| pair[1] != 0 && pair[1] != pair[0] + 1) {
            return Err(Error::run(format!(
                "attention: position {} follows {}, expected the next one or 0, where a document begins",
                pair[1], pair[0]
            )));
        }
    }
    Ok(())
}
