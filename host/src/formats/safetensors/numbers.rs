//! Numbers as bytes: from the types of files to those that are computed with, and back.

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};

/// The type of numbers in a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 32 bits.
    F32,
    /// 16 bits, IEEE 754: from 6e-8 to 65504.
    F16,
    /// 16 bits, the upper half of 32.
    Bf16,
    /// 64 bits.
    F64,
}

impl Format {
    /// Every type, by the names that a user and a file give it.
    pub const ALL: [(&'static str, &'static str, Self); 4] =
        [("f32", "F32", Self::F32), ("f16", "F16", Self::F16), ("bf16", "BF16", Self::Bf16), ("f64", "F64", Self::F64)];

    /// The type with this name in a file; none for types that no weight is read from.
    pub fn of_file(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, file, _)| *file == name).map(|(.., format)| *format)
    }

    /// Its name in a file.
    pub fn in_file(self) -> &'static str {
        Self::ALL.iter().find(|(.., format)| *format == self).map_or("F32", |(_, file, _)| file)
    }

    /// Its name in `config.json` of transformers.
    pub fn in_config(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::F64 => "float64",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Numbers of a tensor while it is read: of 32 bits, which hold those of 16 exactly, or of 64.
pub(super) enum Numbers {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Numbers {
    /// No numbers yet, with room for `n` from a file's type.
    pub fn new(format: Format, n: usize) -> Self {
        match format {
            Format::F64 => Self::Double(Vec::with_capacity(n)),
            _ => Self::Single(Vec::with_capacity(n)),
        }
    }

    /// Appends the numbers that these bytes are.
    pub fn push(&mut self, format: Format, bytes: &[u8]) {
        match (self, format) {
            (Self::Single(numbers), Format::F16) => {
                numbers.extend(words(bytes).map(|word| f16::from_le_bytes(word).to_f32()));
            }
            (Self::Single(numbers), Format::Bf16) => {
                numbers.extend(words(bytes).map(|word| bf16::from_le_bytes(word).to_f32()));
            }
            (Self::Single(numbers), _) => numbers.extend(words(bytes).map(f32::from_le_bytes)),
            (Self::Double(numbers), _) => numbers.extend(words(bytes).map(f64::from_le_bytes)),
        }
    }

    /// How many are not finite, with the index of the first and its value.
    pub fn not_finite(&self) -> Option<(usize, usize, f64)> {
        let (n, first) = match self {
            Self::Single(numbers) => strange(numbers.iter().map(|&x| f64::from(x))),
            Self::Double(numbers) => strange(numbers.iter().copied()),
        };
        first.map(|(index, value)| (n, index, value))
    }

    /// A tensor of these numbers.
    ///
    /// # Errors
    /// Another number of them than the shape has.
    pub fn tensor(self, shape: &[usize]) -> candle_core::Result<Tensor> {
        match self {
            Self::Single(numbers) => Tensor::from_vec(numbers, shape, &Device::Cpu),
            Self::Double(numbers) => Tensor::from_vec(numbers, shape, &Device::Cpu),
        }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}

fn strange(numbers: impl Iterator<Item = f64>) -> (usize, Option<(usize, f64)>) {
    let (mut n, mut first) = (0, None);
    for (index, value) in numbers.enumerate().filter(|(_, value)| !value.is_finite()) {
        n += 1;
        first = first.or(Some((index, value)));
    }
    (n, first)
}

/// The bytes of a tensor's numbers in `format`.
///
/// # Errors
/// A finite number that the format does not hold; the error is that number.
pub(super) fn to_bytes(tensor: &Tensor, format: Format) -> candle_core::Result<Result<Vec<u8>, f64>> {
    let flat = tensor.flatten_all()?;
    let mut bytes = Vec::with_capacity(flat.elem_count() * format.bytes());
    if flat.dtype() == DType::F64 {
        let numbers: Vec<f64> = flat.to_vec1()?;
        return Ok(append(&numbers, format, &mut bytes).map(|()| bytes));
    }
    let numbers: Vec<f32> = flat.to_dtype(DType::F32)?.to_vec1()?;
    let appended = match format {
        Format::F32 => {
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            Ok(())
        }
        _ => numbers.chunks(1 << 16).try_for_each(|numbers| {
            let wide: Vec<f64> = numbers.iter().map(|&number| f64::from(number)).collect();
            append(&wide, format, &mut bytes)
        }),
    };
    Ok(appended.map(|()| bytes))
}

fn append(numbers: &[f64], format: Format, bytes: &mut Vec<u8>) -> Result<(), f64> {
    let too_large = |number: f64, rounded: f64| number.is_finite() && !rounded.is_finite();
    for &number in numbers {
        let rounded = match format {
            Format::F64 => {
                bytes.extend(number.to_le_bytes());
                number
            }
            Format::F32 => {
                bytes.extend((number as f32).to_le_bytes());
                f64::from(number as f32)
            }
            Format::F16 => {
                bytes.extend(f16::from_f64(number).to_le_bytes());
                f16::from_f64(number).to_f64()
            }
            Format::Bf16 => {
                bytes.extend(bf16::from_f64(number).to_le_bytes());
                bf16::from_f64(number).to_f64()
            }
        };
        if too_large(number, rounded) {
            return Err(number);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(values: &[f64], format: Format) -> Vec<f64> {
        let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu).expect("tensor");
        let bytes = to_bytes(&tensor, format).expect("numbers").expect("in range");
        assert_eq!(bytes.len(), values.len() * format.bytes());
        let mut numbers = Numbers::new(format, values.len());
        bytes.chunks(8).for_each(|bytes| numbers.push(format, bytes));
        let tensor = numbers.tensor(&[values.len()]).expect("tensor");
        tensor.to_dtype(DType::F64).and_then(|tensor| tensor.to_vec1()).expect("numbers")
    }

    #[test]
    fn every_format_comes_back_rounded() {
        // the values after rounding are those of Python: struct.pack("<e", x), for bfloat16 its f32 rounded to even
        let values = [0.1, -1.0, 65504.0, std::f64::consts::PI, 0.0, -2e-6, 1.0 / 3.0, 7.0];
        assert_eq!(there_and_back(&values, Format::F64), values);
        let single = [0.1_f32, -1.0, 65504.0, std::f32::consts::PI, 0.0, -2e-6, 1.0 / 3.0, 7.0].map(f64::from);
        assert_eq!(there_and_back(&values, Format::F32), single);
        let half = [0.0999755859375, -1.0, 65504.0, 3.140625, 0.0, -2.0265579223632812e-06, 0.333251953125, 7.0];
        assert_eq!(there_and_back(&values, Format::F16), half);
        let brain = [0.10009765625, -1.0, 65536.0, 3.140625, 0.0, -1.996_755_599_975_586e-6, 0.333984375, 7.0];
        assert_eq!(there_and_back(&values, Format::Bf16), brain);
    }

    #[test]
    fn what_a_format_cannot_hold_is_named() {
        let tensor = Tensor::new(&[1.0_f64, 70_000.0], &Device::Cpu).expect("tensor");
        assert_eq!(to_bytes(&tensor, Format::F16).expect("numbers").err(), Some(70_000.0));
        assert!(to_bytes(&tensor, Format::Bf16).expect("numbers").is_ok());
    }

    #[test]
    fn what_is_not_finite_is_counted() {
        let mut numbers = Numbers::new(Format::F32, 3);
        let bytes: Vec<u8> = [1.0_f32, f32::NEG_INFINITY, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        numbers.push(Format::F32, &bytes);
        assert_eq!(numbers.not_finite(), Some((2, 1, f64::NEG_INFINITY)));
    }
}
