//! Every op in plain candle operations with autograd: slow, obvious, and not ours. `ops.rs` compares the kernels with
//! these. candle's fused ops are not used: they have no backward.

use candle_core::{D, Result, Tensor};
use trainyard::ops::activation::Activation;
use trainyard::ops::attention::{Shape, Span};

/// x W + b.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(weight)?.broadcast_add(bias)
}

/// Layer normalisation over the last dimension.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    rms_norm(&centred, weight, epsilon)?.broadcast_add(bias)
}

/// Root-mean-square normalisation over the last dimension.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + epsilon)?.sqrt()?)?.broadcast_mul(weight)
}

/// GELU, tanh form.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    let cubic = (x.powf(3.0)? * 0.044715)?;
    let inner = ((x + cubic)? * (2.0 / std::f64::consts::PI).sqrt())?;
    (x * 0.5)?.mul(&(inner.tanh()? + 1.0)?)
}

/// GELU, exact form.
pub fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    (x * 0.5)?.mul(&((x / 2.0_f64.sqrt())?.erf()? + 1.0)?)
}

/// 1 / (1 + e⁻ˣ).
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// A function of single numbers.
pub fn activation(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::GeluTanh => gelu_tanh(x),
        Activation::GeluErf => gelu_erf(x),
        Activation::Relu => x.relu(),
        Activation::Silu => x * sigmoid(x)?,
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
    }
}

/// f(gate) · up of `[rows, 2 · hidden]`.
pub fn gated(function: Activation, x: &Tensor) -> Result<Tensor> {
    let parts = x.chunk(2, D::Minus1)?;
    activation(function, &parts[0])? * &parts[1]
}

/// cap · tanh(x / cap).
pub fn soft_cap(x: &Tensor, cap: f64) -> Result<Tensor> {
    (x / cap)?.tanh()? * cap
}

/// Token vectors plus position vectors.
pub fn embedding(ids: &Tensor, positions: &Tensor, tokens: &Tensor, places: &Tensor) -> Result<Tensor> {
    tokens.index_select(ids, 0)? + places.index_select(positions, 0)?
}

/// Rotary positions as Llama on Hugging Face writes them: x cos + rotate_half(x) sin for queries and keys of
/// `qkv` `[rows, (heads + 2 · kv_heads) · d]`.
pub fn rotary(qkv: &Tensor, positions: &[u32], shape: Shape, theta: f64) -> Result<Tensor> {
    let Shape { heads, kv_heads, head_width: d, .. } = shape;
    let (rows, turned) = (positions.len(), heads + kv_heads);
    let angles = |f: fn(f64) -> f64| {
        let angle = |i: usize| f64::from(positions[i / d]) / theta.powf((2 * (i % d % (d / 2))) as f64 / d as f64);
        let values: Vec<f64> = (0..rows * d).map(|i| f(angle(i))).collect();
        Tensor::from_vec(values, (rows, 1, d), qkv.device())?.to_dtype(qkv.dtype())
    };
    let x = qkv.reshape((rows, heads + 2 * kv_heads, d))?;
    let (x, values) = (x.narrow(1, 0, turned)?, x.narrow(1, turned, kv_heads)?);
    let halves = x.chunk(2, 2)?;
    let rotate_half = Tensor::cat(&[&halves[1].neg()?, &halves[0]], 2)?;
    let x = (x.broadcast_mul(&angles(f64::cos)?)? + rotate_half.broadcast_mul(&angles(f64::sin)?)?)?;
    Tensor::cat(&[&x, &values], 1)?.reshape((rows, ()))
}

/// Self-attention of sequences that are one document each.
/// qkv `[sequences · length, (heads + 2 · kv_heads) · d]` → `[sequences · length, heads · d]`.
pub fn attention(qkv: &Tensor, shape: Shape) -> Result<Tensor> {
    let rows = qkv.dim(0)?;
    packed_attention(qkv, &vec![0; rows], shape)
}

/// Self-attention in which a row sees only rows of its own document, `document[row]`.
pub fn packed_attention(qkv: &Tensor, document: &[usize], shape: Shape) -> Result<Tensor> {
    let (q, kv) = (shape.out_width(), shape.kv_heads * shape.head_width);
    let parts = [qkv.narrow(1, 0, q)?, qkv.narrow(1, q, kv)?, qkv.narrow(1, q + kv, kv)?];
    let length = shape.length;
    let sees = |sequence: usize, query: usize, key: usize| {
        let document = &document[sequence * length..][..length];
        document[query] == document[key] && sees(shape.span, query, key)
    };
    any_attention([&parts[0], &parts[1], &parts[2]], None, shape, sees)
}

/// Whether a query sees a key of its document.
pub fn sees(span: Span, query: usize, key: usize) -> bool {
    match span {
        Span::Full => true,
        Span::Causal => key <= query,
        Span::Window(width) => key <= query && query - key < width,
    }
}

/// Attention by a mask of all scores: whether `sees(sequence, query, key)`. Queries `[sequences · length, heads · d]`,
/// keys and values `[sequences · keys, kv_heads · d]`, `bias` `[heads, 2 n - 1]` by key - query + n - 1.
pub fn any_attention(
    [q, k, v]: [&Tensor; 3],
    bias: Option<&Tensor>,
    shape: Shape,
    sees: impl Fn(usize, usize, usize) -> bool,
) -> Result<Tensor> {
    let Shape { length, heads, kv_heads, head_width: d, scale, soft_cap, .. } = shape;
    let sequences = q.dim(0)? / length;
    let keys = k.dim(0)? / sequences;
    let part = |part: &Tensor, n: usize, rows: usize| {
        let part = part.reshape((sequences, rows, n, d))?.transpose(1, 2)?;
        // One head of keys or values for each query head of its group.
        let repeated = part.unsqueeze(2)?.broadcast_as((sequences, n, heads / n, rows, d))?;
        repeated.contiguous()?.reshape((sequences, heads, rows, d))
    };
    let (q, k, v) = (part(q, heads, length)?, part(k, kv_heads, keys)?, part(v, kv_heads, keys)?);
    let mut scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * scale)?;
    if soft_cap > 0.0 {
        scores = ((scores / soft_cap)?.tanh()? * soft_cap)?;
    }
    if let Some(bias) = bias {
        let n = bias.dim(1)? / 2;
        let columns = (0..length * keys).map(|i| (i % keys + n - i / keys) as u32).collect();
        let columns = Tensor::from_vec(columns, length * keys, q.device())?;
        scores = scores.broadcast_add(&bias.index_select(&columns, 1)?.reshape((1, heads, length, keys))?)?;
    }
    let hidden: Vec<f64> = (0..sequences * length * keys)
        .map(|i| (i / length / keys, i / keys % length, i % keys))
        .map(|(sequence, query, key)| if sees(sequence, query, key) { 0.0 } else { f64::NEG_INFINITY })
        .collect();
    let hidden = Tensor::from_vec(hidden, (sequences, 1, length, keys), q.device())?.to_dtype(q.dtype())?;
    scores = scores.broadcast_add(&hidden)?;
    let shifted = scores.broadcast_sub(&scores.detach().max_keepdim(D::Minus1)?)?.exp()?;
    let probabilities = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
    probabilities.matmul(&v)?.transpose(1, 2)?.reshape((sequences * length, heads * d))
}
