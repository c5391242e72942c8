//! Every op in plain candle operations with autograd: slow, obvious, and not ours. `ops.rs` compares the kernels with
//! these. candle's fused ops are not used: they have no backward.

use candle_core::{D, Result, Tensor};

/// x W + b.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x.matmul(weight)?.broadcast_add(bias)
}

/// Layer normalisation over the last dimension.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?;
    normal.broadcast_mul(weight)?.broadcast_add(bias)
}

/// GELU, tanh form.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    let cubic = (x.powf(3.0)? * 0.044715)?;
    let inner = ((x + cubic)? * (2.0 / std::f64::consts::PI).sqrt())?;
    (x * 0.5)?.mul(&(inner.tanh()? + 1.0)?)
}

/// Token vectors plus position vectors.
pub fn embedding(ids: &Tensor, positions: &Tensor, tokens: &Tensor, places: &Tensor) -> Result<Tensor> {
    tokens.index_select(ids, 0)? + places.index_select(positions, 0)?
}

/// Causal self-attention. qkv `[sequences, length, 3 · width]` → `[sequences, length, width]`.
pub fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let (sequences, length, triple) = qkv.dims3()?;
    let width = triple / 3;
    let head_width = width / heads;
    let part = |i: usize| {
        let part = qkv.narrow(2, i * width, width)?.reshape((sequences, length, heads, head_width))?;
        part.transpose(1, 2)?.contiguous()
    };
    let (q, k, v) = (part(0)?, part(1)?, part(2)?);
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? / (head_width as f64).sqrt())?;
    let future: Vec<f64> =
        (0..length * length).map(|i| if i % length > i / length { f64::NEG_INFINITY } else { 0.0 }).collect();
    let future = Tensor::from_vec(future, (length, length), qkv.device())?.to_dtype(qkv.dtype())?;
    let scores = scores.broadcast_add(&future)?;
    let shifted = scores.broadcast_sub(&scores.detach().max_keepdim(D::Minus1)?)?.exp()?;
    let probabilities = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
    probabilities.matmul(&v)?.transpose(1, 2)?.reshape((sequences, length, width))
}
