//! How the numbers of a block are written.

use crate::{Float, Result, vectorised};
use half::f16;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Numbers of a block: neighbours in a row. The last block of a row may have fewer.
const BLOCK: usize = 64;

/// Bytes of what the codes of a block are multiplied with, a half-precision number.
const SCALE: usize = 2;

/// How the numbers of a block are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlockFormat {
    /// 8 bits each: whole numbers from -127 to 127, times the largest magnitude / 127. 8.25 bits a weight.
    Int8,
    /// 4 bits each: one of 16 quantiles of the normal distribution, times the largest magnitude (`NormalFloat`,
    /// Dettmers et al., arXiv 2305.14314). 4.25 bits a weight.
    Nf4,
}

/// The 16 numbers of `NormalFloat`, of bitsandbytes.
const QUANTILES: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

impl BlockFormat {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::Int8, Self::Nf4];

    /// What a config calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Nf4 => "nf4",
        }
    }

    /// Bytes of the codes of `n` numbers.
    fn code_bytes(self, n: usize) -> usize {
        match self {
            Self::Int8 => n,
            Self::Nf4 => n.div_ceil(2),
        }
    }

    /// Bytes of a row of `columns` numbers.
    pub fn row_bytes(self, columns: usize) -> usize {
        self.code_bytes(columns) + SCALE * columns.div_ceil(BLOCK)
    }

    /// Bytes of a matrix `[rows, columns]`.
    pub fn bytes(self, [rows, columns]: [usize; 2]) -> usize {
        rows * self.row_bytes(columns)
    }

    /// `tensor` `[rows, columns]`, each number rounded to the one that stands for it in a block.
    ///
    /// # Errors
    /// No matrix.
    pub fn rounded(self, tensor: &candle_core::Tensor) -> Result<candle_core::Tensor> {
        let (rows, columns) = tensor.dims2()?;
        let blocks = super::Blocks::zeros(self, [rows, columns]);
        blocks.write(tensor)?;
        let mut values = vec![0_f32; rows * columns];
        blocks.open(|blocks| blocks.decode(0, &mut values));
        Ok(candle_core::Tensor::from_vec(values, (rows, columns), tensor.device())?.to_dtype(tensor.dtype())?)
    }

    /// Writes rows of `columns` numbers.
    pub(super) fn encode(self, values: &[f32], columns: usize, bytes: &mut [u8]) {
        let rows = values.par_chunks(columns.max(1)).zip(bytes.par_chunks_mut(self.row_bytes(columns).max(1)));
        rows.for_each(|(values, mut bytes)| {
            for values in values.chunks(BLOCK) {
                let (block, rest) = std::mem::take(&mut bytes).split_at_mut(SCALE + self.code_bytes(values.len()));
                let (scale, codes) = block.split_at_mut(SCALE);
                scale.copy_from_slice(&self.encode_block(values, codes).to_le_bytes());
                bytes = rest;
            }
        });
    }

    /// Writes the codes of a block; returns what they are multiplied with.
    fn encode_block(self, values: &[f32], codes: &mut [u8]) -> f16 {
        let largest = values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        let most = match self {
            Self::Int8 => 127.0,
            Self::Nf4 => 1.0,
        };
        let scale = f16::from_f32((largest / most).min(f16::MAX.to_f32()));
        let factor = if scale == f16::ZERO { 0.0 } else { scale.to_f32().recip() };
        match self {
            Self::Int8 => {
                for (code, value) in codes.iter_mut().zip(values) {
                    *code = (value * factor).round().clamp(-most, most) as i8 as u8;
                }
            }
            Self::Nf4 => {
                for (code, pair) in codes.iter_mut().zip(values.chunks(2)) {
                    *code = pair.iter().rev().fold(0, |code, value| code << 4 | nearest(value * factor));
                }
            }
        }
        scale
    }

    /// `out` `[rows, columns]` = the numbers of rows.
    pub(super) fn decode<T: Float>(self, bytes: &[u8], columns: usize, out: &mut [T]) {
        let rows = bytes.chunks_exact(self.row_bytes(columns).max(1)).zip(out.chunks_exact_mut(columns.max(1)));
        vectorised(
            #[inline(always)]
            || {
                for (mut bytes, out) in rows {
                    for out in out.chunks_mut(BLOCK) {
                        let (block, rest) = bytes.split_at(SCALE + self.code_bytes(out.len()));
                        let (scale, codes) = block.split_at(SCALE);
                        let scale = f16::from_le_bytes([scale[0], scale[1]]).to_f32();
                        match self {
                            Self::Int8 => decode_int8(scale, codes, out),
                            Self::Nf4 => decode_nf4(scale, codes, out),
                        }
                        bytes = rest;
                    }
                }
            },
        );
    }
}

/// The place of the nearest quantile.
fn nearest(value: f32) -> u8 {
    let borders = QUANTILES.windows(2).map(|pair| f32::midpoint(pair[0], pair[1]));
    borders.filter(|&border| value > border).count() as u8
}

#[inline(always)]
fn decode_int8<T: Float>(scale: f32, codes: &[u8], out: &mut [T]) {
    for (out, &code) in out.iter_mut().zip(codes) {
        *out = T::of(f64::from(f32::from(code as i8) * scale));
    }
}

#[inline(always)]
fn decode_nf4<T: Float>(scale: f32, codes: &[u8], out: &mut [T]) {
    let numbers = QUANTILES.map(|quantile| T::of(f64::from(quantile * scale)));
    for (pair, &code) in out.chunks_mut(2).zip(codes) {
        pair[0] = numbers[usize::from(code & 15)];
        if let Some(second) = pair.get_mut(1) {
            *second = numbers[usize::from(code >> 4)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix whose rows have whole blocks and one cut short.
    fn matrix(columns: usize) -> Vec<f32> {
        (0..3 * columns).map(|i| ((i * 37 % 101) as f32 - 50.0) / 40.0 * (1.0 + (i / columns) as f32)).collect()
    }

    fn round_trip(format: BlockFormat, values: &[f32], columns: usize) -> Vec<f32> {
        let mut bytes = vec![0; values.len() / columns * format.row_bytes(columns)];
        format.encode(values, columns, &mut bytes);
        let mut out = vec![0.0; values.len()];
        format.decode(&bytes, columns, &mut out);
        out
    }

    /// Half a step of the largest of each block, and what half precision loses of the step.
    #[test]
    fn each_number_is_the_nearest_of_its_block() {
        for columns in [1, 5, 64, 130] {
            let values = matrix(columns);
            for (format, step) in [(BlockFormat::Int8, 0.5 / 127.0), (BlockFormat::Nf4, 0.1520)] {
                let out = round_trip(format, &values, columns);
                for (values, out) in values.chunks(columns).zip(out.chunks(columns)) {
                    for (values, out) in values.chunks(BLOCK).zip(out.chunks(BLOCK)) {
                        let largest = values.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
                        let worst = values.iter().zip(out).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                        assert!(worst <= largest * (step + 1e-3), "{format:?} {columns}: {worst} of {largest}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_block_holds_is_held_exactly() {
        let values: Vec<f32> = QUANTILES.iter().cycle().take(128).map(|quantile| quantile * 0.5).collect();
        assert_eq!(round_trip(BlockFormat::Nf4, &values, 64), values);
        let values: Vec<f32> = (0..64).map(|i| if i == 0 { 127.0 } else { i as f32 - 32.0 }).collect();
        assert_eq!(round_trip(BlockFormat::Int8, &values, 64), values);
        for format in BlockFormat::ALL {
            assert!(round_trip(format, &[0.0; 70], 70).iter().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn sizes_are_a_quarter_and_an_eighth() {
        assert_eq!(BlockFormat::Int8.bytes([10, 640]), 10 * (640 + 20));
        assert_eq!(BlockFormat::Nf4.bytes([10, 640]), 10 * (320 + 20));
        assert_eq!(BlockFormat::Nf4.bytes([1, 65]), 33 + 4);
    }
}
