//! Each kernel compared with its reference in plain candle ops: values and gradients, f32 and f64, odd shapes.

mod attention;
mod attention_variants;
mod bf16;
mod norms;
mod pointwise;
mod relative_bias;
mod rotary;
mod threads;

use crate::device::{self, on, zeros};
use crate::reference;
use candle_core::{DType, Device, Tensor, Var};
use trainyard::base::random::Stream;
use trainyard::ops::attention::{Shape, Span};
use trainyard::ops::{self, Column, Engine, Precision, add, gelu, gelu::Gelu, linear, linear::Layout};

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
fn linear_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (rows, n_in, n_out) in [(1, 1, 1), (3, 5, 7), (65, 33, 130), (700, 17, 96)] {
            let (x, w) = (var("x", &[rows, n_in], dtype), var("w", &[n_in, n_out], dtype));
            let (b, dy) = (var("b", &[n_out], dtype), random("dy", &[rows, n_out], dtype));
            let expected = reference::linear(&x, &w, &b)?;
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let out = zeros(&[rows, n_out], dtype);
            let [x_on, w_on, b_on] = [&x, &w, &b].map(|tensor| on(tensor));
            linear::forward(&engine(), &x_on, (&w_on, Layout::InOut), Some(&b_on), None, &out)?;
            assert_close("out", &out, &expected);
            let (dx, dw, db) =
                (on(&random("old", &[rows, n_in], dtype)), zeros(&[n_in, n_out], dtype), zeros(&[n_out], dtype));
            linear::backward(&engine(), &on(&dy), &x_on, (&w_on, Layout::InOut), &dx, &dw, Some(&db))?;
            assert_close("dx", &dx, grads.get(&x).unwrap());
            assert_close("dw", &dw, grads.get(&w).unwrap());
            assert_close("db", &db, grads.get(&b).unwrap());
            // weights' gradients are added to, not replaced
            linear::backward(&engine(), &on(&dy), &x_on, (&w_on, Layout::InOut), &dx, &dw, Some(&db))?;
            assert_close("2 dw", &dw, &(grads.get(&w).unwrap() * 2.0)?);
        }
    }
    Ok(())
}

#[test]
fn kernels_refuse_what_they_cannot_do() -> Outcome {
    let (f32s, f64s) = (zeros(&[4], DType::F32), zeros(&[4], DType::F64));
    assert!(add::forward(&engine(), &f32s, &f32s, &f64s).is_err());
    if device::is_cpu() {
        let integers = zeros(&[4], DType::U32);
        let error = add::copy(&integers, &zeros(&[4], DType::U32)).unwrap_err();
        assert_eq!(error.to_string(), "training needs f32 or f64 tensors, got U32");
        let transposed = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?.t()?.into();
        assert!(gelu::forward(&engine(), Gelu::Tanh, &transposed, &zeros(&[3, 2], DType::F32)).is_err());
    } else {
        let on_cpu = Tensor::zeros(4, DType::F32, &Device::Cpu)?.into();
        let error = add::forward(&engine(), &on_cpu, &f32s, &f32s).unwrap_err();
        assert_eq!(error.to_string(), "add: a kernel of the GPU was given a tensor on the CPU");
    }
    Ok(())
}
