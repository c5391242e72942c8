//! Each kernel compared with its reference in plain candle ops: values and gradients, f32 and f64, odd shapes.

mod attention;
mod attention_batch;
mod attention_variants;
mod bf16;
mod columns;
mod crf;
mod linear;
mod norms;
mod pointwise;
pub(crate) mod recurrent;
mod relative_bias;
mod rotary;
mod sequence;
mod sequence_bf16;
mod threads;

use crate::device::{self, on, zeros};
use crate::reference;
use candle_core::{DType, Device, Tensor, Var};
use trainyard::base::random::Stream;
use trainyard::ops::activation::{self, Activation};
use trainyard::ops::attention::{Shape, Span};
use trainyard::ops::{self, Column, Engine, Precision, add, columns as ops_columns};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn engine() -> Engine {
    device::engine(Precision::F32)
}

/// One number per row, where the tests compute.
fn column(numbers: &[u32]) -> Column<'_, u32> {
    Column::new(&engine(), numbers).unwrap()
}

fn random(name: &str, shape: &[usize], dtype: DType) -> Tensor {
    let n = shape.iter().product();
    let values: Vec<f64> = Stream::new(7, name).normals(n).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap().force_contiguous().unwrap()
}

fn var(name: &str, shape: &[usize], dtype: DType) -> Var {
    Var::from_tensor(&random(name, shape, dtype)).unwrap()
}

/// A causal shape with as many query heads as key and value heads.
fn shape(length: usize, heads: usize, head_width: usize) -> Shape {
    Shape::new(length, heads, heads, head_width, Span::Causal)
}

/// Largest difference, relative to the largest expected value (at least 1e-2: tails cancel), is below 1e-5 (f32) or
/// 1e-12 (f64).
#[track_caller]
fn assert_close(what: &str, got: &ops::Tensor, expected: &Tensor) {
    let limit = if got.dtype() == DType::F32 { 1e-5 } else { 1e-12 };
    let flat = |x: &Tensor| x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
    let (got, expected) = (got.to_vec().unwrap(), flat(expected));
    assert_eq!(got.len(), expected.len(), "{what}: sizes differ");
    let scale = expected.iter().fold(1e-2_f64, |a, b| a.max(b.abs()));
    for (i, (a, b)) in got.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() / scale < limit, "{what}[{i}]: got {a}, expected {b}");
    }
}

const TYPES: [DType; 2] = [DType::F32, DType::F64];

#[test]
fn kernels_refuse_what_they_cannot_do() -> Outcome {
    let (f32s, f64s) = (zeros(&[4], DType::F32), zeros(&[4], DType::F64));
    assert!(add::forward(&engine(), &f32s, &f32s, &f64s).is_err());
    let error = activation::forward(&engine(), Activation::Relu, &zeros(&[2, 4], DType::F32), &f32s).unwrap_err();
    assert_eq!(error.to_string(), "activation: expected rows and columns [1, 4], got [2, 4]");
    if device::is_cpu() {
        let integers = zeros(&[4], DType::U32);
        let error = add::copy(&integers, &zeros(&[4], DType::U32)).unwrap_err();
        assert_eq!(error.to_string(), "training needs f32 or f64 tensors, got U32");
        let transposed = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?.t()?.into();
        let out = zeros(&[3, 2], DType::F32);
        assert!(activation::forward(&engine(), Activation::Relu, &transposed, &out).is_err());
        // a lock on what is read and written at once would never be released
        let error = ops_columns::copy(&engine(), &out, &out).unwrap_err().to_string();
        assert_eq!(error, "a kernel was given a tensor to write that it also reads, or writes twice");
    } else {
        let on_cpu = Tensor::zeros(4, DType::F32, &Device::Cpu)?.into();
        let error = add::forward(&engine(), &on_cpu, &f32s, &f32s).unwrap_err();
        assert_eq!(error.to_string(), "add: a kernel of the GPU was given a tensor on the CPU");
    }
    Ok(())
}
