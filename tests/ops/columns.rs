//! Operations on columns of wider matrices: the same numbers as on whole tensors, and the columns next to them
//! untouched.

use super::{Outcome, TYPES, engine, on, random, reference};
use crate::device::{self, values};
use candle_core::{DType, Device, Tensor, Var};
use trainyard::ops::activation::{self, Activation};
use trainyard::ops::{self, Assign, View, add, columns, gated, mul, scale, soft_cap};

/// What other columns hold.
const OTHER: f64 = 7.0;

/// A matrix that holds another one in some of its columns.
pub struct Wide {
    tensor: ops::Tensor,
    first: usize,
    width: usize,
}

impl Wide {
    /// Columns around it: addresses that loads of 16 bytes take, and others; none.
    pub const AROUND: [(usize, usize); 3] = [(8, 24), (3, 2), (0, 0)];

    pub fn new(inner: &Tensor, (before, after): (usize, usize)) -> Self {
        let (rows, width) = inner.dims2().unwrap();
        let other = |n: usize| Tensor::full(OTHER, (rows, n), &Device::Cpu).unwrap().to_dtype(inner.dtype()).unwrap();
        let parts = [&other(before), inner, &other(after)];
        let parts: Vec<_> = parts.into_iter().filter(|part| part.elem_count() > 0).collect();
        let tensor = on(&Tensor::cat(&parts, 1).unwrap().force_contiguous().unwrap());
        Self { tensor, first: before, width }
    }

    pub fn view(&self) -> View<'_> {
        View::new(&self.tensor, self.first, self.width).unwrap()
    }

    /// Its numbers are `expected`, to the rounding of their type, and the others are as before.
    #[track_caller]
    pub fn assert_close(&self, what: &str, expected: &Tensor) {
        let limit = match self.tensor.dtype() {
            DType::BF16 => 8e-3,
            DType::F32 => 1e-5,
            _ => 1e-12,
        };
        let expected: Vec<f64> = expected.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let largest = expected.iter().fold(1e-2_f64, |largest, x| largest.max(x.abs()));
        let stride = self.tensor.row_width();
        for (row, got) in values(&self.tensor).chunks(stride).enumerate() {
            for (j, &got) in got.iter().enumerate() {
                match j.checked_sub(self.first).filter(|&j| j < self.width) {
                    None => assert_eq!(got, OTHER, "{what}: column {j} of row {row} was written"),
                    Some(j) => {
                        let expected = expected[row * self.width + j];
                        let far = (got - expected).abs() / largest;
                        assert!(far < limit, "{what}[{row}, {j}]: got {got}, expected {expected}");
                    }
                }
            }
        }
    }
}

/// Shapes with whole loads of 16 bytes and without.
const SHAPES: [(usize, usize); 4] = [(1, 1), (5, 24), (37, 7), (300, 64)];

/// Types of activations, with the limit that their rounding sets: on the CPU there are no bfloat16.
fn types() -> Vec<DType> {
    let bf16 = [DType::BF16].into_iter().filter(|_| !device::is_cpu());
    TYPES.into_iter().chain(bf16).collect()
}

/// Random numbers of a type, and what they are exactly.
pub fn exact(name: &str, shape: &[usize], dtype: DType) -> (Tensor, Var) {
    let stored = random(name, shape, dtype);
    let exact = Var::from_tensor(&stored.to_dtype(DType::F64).unwrap()).unwrap();
    (stored, exact)
}

/// Runs `test(rows, width, type, columns around)` for all cases.
fn for_cases(test: impl Fn(usize, usize, DType, (usize, usize)) -> Outcome) -> Outcome {
    for dtype in types() {
        for (rows, width) in SHAPES {
            for around in Wide::AROUND {
                test(rows, width, dtype, around)?;
            }
        }
    }
    Ok(())
}

#[test]
fn activations_of_columns() -> Outcome {
    for_cases(|rows, width, dtype, around| {
        let ((x, exact_x), (dy, exact_dy)) = (exact("x", &[rows, width], dtype), exact("dy", &[rows, width], dtype));
        let [wide_x, wide_dy] = [&x, &dy].map(|tensor| Wide::new(tensor, around));
        for function in Activation::ALL {
            let expected = reference::activation(function, &exact_x)?;
            let grads = (&expected * exact_dy.as_tensor())?.sum_all()?.backward()?;
            let [out, dx, in_place] = [&dy, &x, &dy].map(|tensor| Wide::new(tensor, around));
            activation::forward(&engine(), function, wide_x.view(), out.view())?;
            out.assert_close("out", &expected);
            activation::backward(&engine(), function, wide_x.view(), wide_dy.view(), dx.view())?;
            dx.assert_close("dx", grads.get(&exact_x).unwrap());
            activation::backward(&engine(), function, wide_x.view(), in_place.view(), in_place.view())?;
            in_place.assert_close("dx in place", grads.get(&exact_x).unwrap());
        }
        Ok(())
    })
}

#[test]
fn gates_of_columns() -> Outcome {
    for_cases(|rows, width, dtype, around| {
        let ((x, exact_x), (dy, exact_dy)) =
            (exact("x", &[rows, 2 * width], dtype), exact("dy", &[rows, width], dtype));
        let (wide_x, wide_dy) = (Wide::new(&x, around), Wide::new(&dy, around));
        for function in Activation::ALL {
            let expected = reference::gated(function, &exact_x)?;
            let grads = (&expected * exact_dy.as_tensor())?.sum_all()?.backward()?;
            let (out, dx) = (Wide::new(&dy, around), Wide::new(&x, around));
            gated::forward(&engine(), function, wide_x.view(), out.view())?;
            out.assert_close("out", &expected);
            gated::backward(&engine(), function, wide_x.view(), wide_dy.view(), dx.view())?;
            dx.assert_close("dx", grads.get(&exact_x).unwrap());
        }
        Ok(())
    })
}

#[test]
fn products_and_scales_of_columns() -> Outcome {
    for_cases(|rows, width, dtype, around| {
        let [(x, exact_x), (y, exact_y), (old, exact_old)] =
            ["x", "y", "old"].map(|name| exact(name, &[rows, width], dtype));
        let [wide_x, wide_y] = [&x, &y].map(|tensor| Wide::new(tensor, around));
        let product = (exact_x.as_tensor() * exact_y.as_tensor())?;
        for assign in [Assign::Set, Assign::Add] {
            let after = |change: &Tensor| {
                if assign == Assign::Add { change + exact_old.as_tensor() } else { Ok(change.clone()) }
            };
            let [out, scaled] = [(); 2].map(|()| Wide::new(&old, around));
            mul::forward(&engine(), wide_x.view(), wide_y.view(), out.view(), assign)?;
            out.assert_close("product", &after(&product)?);
            scale::forward(&engine(), wide_x.view(), -1.75, scaled.view(), assign)?;
            scaled.assert_close("scaled", &after(&(exact_x.as_tensor() * -1.75)?)?);
            let in_place = Wide::new(&x, around);
            scale::forward(&engine(), in_place.view(), 0.5, in_place.view(), assign)?;
            let factor = if assign == Assign::Add { 1.5 } else { 0.5 };
            in_place.assert_close("scaled in place", &(exact_x.as_tensor() * factor)?);
        }
        Ok(())
    })
}

#[test]
fn soft_caps_of_columns() -> Outcome {
    for_cases(|rows, width, dtype, around| {
        let ((x, exact_x), (dy, exact_dy)) = (exact("x", &[rows, width], dtype), exact("dy", &[rows, width], dtype));
        let (wide_x, wide_dy) = (Wide::new(&x, around), Wide::new(&dy, around));
        for cap in [0.7, 30.0] {
            let expected = reference::soft_cap(&exact_x, cap)?;
            let grads = (&expected * exact_dy.as_tensor())?.sum_all()?.backward()?;
            let [out, dx, in_place, dx_in_place] = [&dy, &x, &x, &dy].map(|tensor| Wide::new(tensor, around));
            soft_cap::forward(&engine(), wide_x.view(), cap, out.view())?;
            out.assert_close("out", &expected);
            soft_cap::forward(&engine(), in_place.view(), cap, in_place.view())?;
            in_place.assert_close("out in place", &expected);
            soft_cap::backward(&engine(), out.view(), cap, wide_dy.view(), dx.view())?;
            soft_cap::backward(&engine(), out.view(), cap, dx_in_place.view(), dx_in_place.view())?;
            // in bfloat16 the slope is that of the rounded result
            if dtype != DType::BF16 {
                dx.assert_close("dx", grads.get(&exact_x).unwrap());
                dx_in_place.assert_close("dx in place", grads.get(&exact_x).unwrap());
            }
        }
        Ok(())
    })
}

#[test]
fn columns_are_copied_and_added() -> Outcome {
    for_cases(|rows, width, dtype, around| {
        let [(x, exact_x), (old, exact_old)] = ["x", "old"].map(|name| exact(name, &[rows, width], dtype));
        // Each to and from what is laid out otherwise.
        for other in Wide::AROUND {
            let (from, to) = (Wide::new(&x, around), Wide::new(&old, other));
            columns::add(&engine(), from.view(), to.view())?;
            to.assert_close("added", &(exact_x.as_tensor() + exact_old.as_tensor())?);
            columns::copy(&engine(), from.view(), to.view())?;
            to.assert_close("copied", &exact_x);
        }
        // The stream and its branches on a GPU.
        let other = match dtype {
            DType::BF16 => DType::F32,
            DType::F32 if !device::is_cpu() => DType::BF16,
            _ => return Ok(()),
        };
        let (from, to) = (Wide::new(&x, around), Wide::new(&old.to_dtype(other)?, around));
        columns::add(&engine(), from.view(), to.view())?;
        let old = old.to_dtype(other)?.to_dtype(DType::F64)?;
        let limit = |tensor: &Tensor| tensor.to_dtype(DType::BF16)?.to_dtype(DType::F64);
        let expected = (exact_x.as_tensor() + old)?;
        to.assert_close("added", &if other == DType::BF16 { limit(&expected)? } else { expected });
        columns::copy(&engine(), from.view(), to.view())?;
        to.assert_close("copied", &exact_x);
        scale::forward(&engine(), from.view(), 3.0, to.view(), Assign::Set)?;
        to.assert_close("scaled", &(exact_x.as_tensor() * 3.0)?);
        Ok(())
    })
}

#[test]
fn branches_of_columns_are_added() -> Outcome {
    for_cases(|rows, width, dtype, around| {
        let stream = if dtype == DType::BF16 { DType::F32 } else { dtype };
        let ((x, exact_x), (y, exact_y)) = (exact("x", &[rows, width], stream), exact("y", &[rows, width], dtype));
        let out = Wide::new(&x, around);
        let (x, y) = (Wide::new(&x, around), Wide::new(&y, around));
        add::forward(&engine(), x.view(), y.view(), out.view())?;
        out.assert_close("sum", &(exact_x.as_tensor() + exact_y.as_tensor())?);
        Ok(())
    })
}
