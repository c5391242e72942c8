//! Differences of layout between llama.cpp's tensors and transformers'.

use super::family::Family;
use crate::Result;
use candle_core::Tensor;

/// How a tensor of a GGUF file becomes one of transformers, and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The same numbers in the same order.
    Same,
    /// Rows of so many heads: rotary embeddings turn neighbours here, halves of a head there.
    Heads(usize),
    /// The weight of a norm, stored plus 1.
    PlusOne,
    /// `[out, in]` here, `[in, out]` there.
    Transposed,
    /// A table of positions that has so many rows more there, in front.
    Positions(usize),
}

impl Layout {
    /// The layout of the tensor that is called `name` in a GGUF file; the numbers of heads are those of queries and of
    /// keys.
    pub fn of(family: &Family, name: &str, heads: usize, kv_heads: usize) -> Self {
        let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
        let part = stem.rsplit('.').next().unwrap_or(stem);
        match part {
            "attn_q" if family.interleaved => Self::Heads(heads),
            "attn_k" if family.interleaved => Self::Heads(kv_heads),
            _ if family.is_norm_plus_one && part.ends_with("norm") && kind == "weight" => Self::PlusOne,
            "position_embd" if family.first_position > 0 => Self::Positions(family.first_position),
            _ if family.is_transposed && kind == "weight" && stem.starts_with("blk.") && !part.ends_with("norm") => {
                Self::Transposed
            }
            _ => Self::Same,
        }
    }

    /// The shape in transformers of a tensor with `shape` in a GGUF file.
    pub fn shape(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Self::Transposed, [rows, columns]) => vec![*columns, *rows],
            (Self::Positions(n), [rows, columns]) => vec![rows + n, *columns],
            _ => shape.to_vec(),
        }
    }

    /// Whether a tensor of `shape` can have this layout.
    pub fn fits(self, shape: &[usize]) -> bool {
        match self {
            Self::Heads(heads) => heads > 0 && shape[0].is_multiple_of(2 * heads),
            Self::Transposed | Self::Positions(_) => shape.len() == 2,
            Self::Same | Self::PlusOne => true,
        }
    }

    /// Makes transformers' tensor of one from a GGUF file, which [`Self::fits`].
    ///
    /// # Errors
    /// No memory.
    pub fn read(self, tensor: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Same => tensor.clone(),
            Self::Heads(heads) => swapped(tensor, heads, |half| (half, 2))?,
            Self::PlusOne => tensor.affine(1.0, -1.0)?,
            Self::Transposed => tensor.t()?.contiguous()?,
            Self::Positions(n) => {
                let front = Tensor::zeros((n, tensor.dim(1)?), tensor.dtype(), tensor.device())?;
                Tensor::cat(&[&front, tensor], 0)?
            }
        })
    }

    /// Makes the tensor of a GGUF file of transformers', whose shape [`Self::fits`].
    ///
    /// # Errors
    /// No memory, or a table of positions without rows in front.
    pub fn write(self, tensor: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Same => tensor.clone(),
            Self::Heads(heads) => swapped(tensor, heads, |half| (2, half))?,
            Self::PlusOne => tensor.affine(1.0, 1.0)?,
            Self::Transposed => tensor.t()?.contiguous()?,
            Self::Positions(n) => tensor.narrow(0, n, tensor.dim(0)?.saturating_sub(n))?.contiguous()?,
        })
    }
}

/// Takes the rows of each head as a matrix, whose size `of_half` says, and transposes it.
fn swapped(tensor: &Tensor, heads: usize, of_half: impl Fn(usize) -> (usize, usize)) -> Result<Tensor> {
    let shape = tensor.shape().clone();
    let rows = shape.dims()[0];
    let (first, second) = of_half(rows / heads / 2);
    let matrices = tensor.reshape((heads, first, second, shape.elem_count() / rows))?;
    Ok(matrices.transpose(1, 2)?.contiguous()?.reshape(shape)?)
}

#[cfg(test)]
mod tests {
    use super::super::family::by_model_type;
    use super::*;
    use candle_core::Device;

    fn rows(values: &[f32], columns: usize) -> Tensor {
        Tensor::from_slice(values, (values.len() / columns, columns), &Device::Cpu).expect("a matrix")
    }

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().and_then(|tensor| tensor.to_vec1()).expect("numbers")
    }

    #[test]
    fn neighbours_become_halves() {
        // two heads of six rows, which llama.cpp stores as (0 3 1 4 2 5)
        let there = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11.];
        let here = [0., 3., 1., 4., 2., 5., 6., 9., 7., 10., 8., 11.];
        let layout = Layout::Heads(2);
        assert_eq!(numbers(&layout.write(&rows(&there, 1)).expect("rows")), here);
        assert_eq!(numbers(&layout.read(&rows(&here, 1)).expect("rows")), there);
        let bias = Tensor::from_slice(&there, 12, &Device::Cpu).expect("a bias");
        let written = layout.write(&bias).expect("rows");
        assert_eq!((written.dims(), numbers(&written)), (&[12][..], here.to_vec()));
    }

    #[test]
    fn every_layout_goes_back() {
        let values: Vec<f32> = (0..24_u8).map(f32::from).collect();
        let tensor = rows(&values, 2);
        for layout in [Layout::Same, Layout::Heads(3), Layout::PlusOne, Layout::Transposed, Layout::Positions(2)] {
            let read = layout.read(&tensor).expect("it fits");
            assert_eq!(read.dims(), layout.shape(tensor.dims()), "{layout:?}");
            assert_eq!(numbers(&layout.write(&read).expect("it fits")), values, "{layout:?}");
        }
        assert!(!Layout::Heads(5).fits(&[12, 2]) && !Layout::Heads(0).fits(&[12, 2]) && !Layout::Transposed.fits(&[3]));
    }

    #[test]
    fn layouts_of_families() {
        let layout =
            |model_type: &str, name: &str| Layout::of(by_model_type(model_type).expect("a family"), name, 4, 2);
        assert_eq!(layout("llama", "blk.0.attn_q.weight"), Layout::Heads(4));
        assert_eq!(layout("mistral", "blk.0.attn_k.bias"), Layout::Heads(2));
        assert_eq!(layout("qwen2", "blk.0.attn_k.weight"), Layout::Same);
        assert_eq!(layout("gemma3_text", "blk.0.attn_k_norm.weight"), Layout::PlusOne);
        assert_eq!(layout("gemma2", "output_norm.weight"), Layout::PlusOne);
        assert_eq!(layout("gpt2", "blk.0.attn_qkv.weight"), Layout::Transposed);
        assert_eq!(layout("gpt2", "blk.0.attn_norm.weight"), Layout::Same);
        assert_eq!(layout("gpt2", "token_embd.weight"), Layout::Same);
        assert_eq!(layout("roberta", "position_embd.weight"), Layout::Positions(2));
    }
}
