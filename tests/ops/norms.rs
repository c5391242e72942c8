//! Layer and RMS norm.

use super::columns::{Wide, exact};
use super::{Outcome, TYPES, assert_close, engine, on, random, reference, var, zeros};
use crate::device;
use candle_core::{DType, Tensor};
use trainyard::ops::{Assign, Gain, layer_norm, rms_norm};

const SHAPES: [(usize, usize); 6] = [(1, 2), (3, 5), (7, 1), (129, 48), (40, 1000), (5, 16_300)];

#[test]
fn layer_norm_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (rows, width) in SHAPES.into_iter().filter(|&(_, width)| width > 1) {
            let x = var("x", &[rows, width], dtype);
            let (w, b) = (var("w", &[width], dtype), var("b", &[width], dtype));
            let dy = random("dy", &[rows, width], dtype);
            let expected = reference::layer_norm(&x, &w, &b, 1e-5)?;
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let (out, stats) = (zeros(&[rows, width], dtype), zeros(&[rows, 2], dtype));
            let [x_on, w_on, b_on] = [&x, &w, &b].map(|tensor| on(tensor));
            layer_norm::forward(&engine(), &x_on, Some(&w_on), Some(&b_on), 1e-5, &out, &stats)?;
            assert_close("out", &out, &expected);
            let before = random("before", &[rows, width], dtype);
            let (dx, dw, db) = (on(&before), zeros(&[width], dtype), zeros(&[width], dtype));
            let (change, parameters) = (Some(((&dx).into(), Assign::Add)), [Some(&dw), Some(&db)]);
            layer_norm::backward(&engine(), &on(&dy), &x_on, Some(&w_on), &stats, change, parameters)?;
            assert_close("dx", &dx, &(before + grads.get(&x).unwrap())?);
            assert_close("dw", &dw, grads.get(&w).unwrap());
            assert_close("db", &db, grads.get(&b).unwrap());
        }
    }
    Ok(())
}

#[test]
fn rms_norm_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (rows, width) in SHAPES {
            for epsilon in [1e-6, 0.5] {
                let (x, w) = (var("x", &[rows, width], dtype), var("w", &[width], dtype));
                let dy = random("dy", &[rows, width], dtype);
                let expected = reference::rms_norm(&x, &w, epsilon)?;
                let grads = (&expected * &dy)?.sum_all()?.backward()?;
                let (out, scale) = (zeros(&[rows, width], dtype), zeros(&[rows, 1], dtype));
                let [x_on, w_on] = [&x, &w].map(|tensor| on(tensor));
                let gain = Some(Gain::from(&w_on));
                rms_norm::forward(&engine(), &x_on, gain, epsilon, &out, &scale)?;
                assert_close("out", &out, &expected);
                let (before, old) = (random("before", &[rows, width], dtype), random("old", &[width], dtype));
                let (dx, dw) = (on(&before), on(&old));
                let change = Some(((&dx).into(), Assign::Add));
                rms_norm::backward(&engine(), &on(&dy), &x_on, gain, &scale, change, Some(&dw))?;
                assert_close("dx", &dx, &(before + grads.get(&x).unwrap())?);
                assert_close("dw", &dw, &(old + grads.get(&w).unwrap())?);
            }
        }
    }
    Ok(())
}

/// Rows, chunks of a row, elements of a chunk: qwen3's heads, odd ones, rows in one piece.
const CHUNKS: [(usize, usize, usize); 5] = [(5, 3, 8), (130, 4, 64), (7, 5, 3), (33, 1, 40), (3, 2, 1100)];

/// Types of x and of y, and of everything else.
fn types() -> Vec<(DType, DType, DType)> {
    let of_gpu = [(DType::F32, DType::BF16, DType::F32), (DType::BF16, DType::BF16, DType::F32)];
    let of_gpu = of_gpu.into_iter().filter(|_| !device::is_cpu());
    TYPES.into_iter().map(|dtype| (dtype, dtype, dtype)).chain(of_gpu).collect()
}

#[test]
fn chunks_of_columns_are_normalised_on_their_own() -> Outcome {
    for (shape, types) in CHUNKS.into_iter().flat_map(|shape| types().into_iter().map(move |types| (shape, types))) {
        for (around, offset) in Wide::AROUND.into_iter().zip([0.0, 1.0, -0.5]) {
            // with a weight and without, added and set
            for (has_weight, assign) in [(true, Assign::Add), (true, Assign::Set), (false, Assign::Set)] {
                let case = Case { shape, types, around, has_weight, assign };
                case.rms_norm(offset)?;
                if case.line() > 1 {
                    case.layer_norm()?;
                }
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Case {
    shape: (usize, usize, usize),
    types: (DType, DType, DType),
    around: (usize, usize),
    has_weight: bool,
    assign: Assign,
}

impl Case {
    fn size(self) -> [usize; 2] {
        let (rows, chunks, width) = self.shape;
        [rows, chunks * width]
    }

    /// Elements that are normalised together.
    fn line(self) -> usize {
        if self.has_weight { self.shape.2 } else { self.size()[1] }
    }

    /// Cut into lines.
    fn lines(self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.reshape((x.elem_count() / self.line(), self.line()))
    }

    /// The gradient of x after the backward.
    fn changed(self, old: &Tensor, change: &Tensor) -> candle_core::Result<Tensor> {
        if self.assign == Assign::Add { old + change } else { Ok(change.clone()) }
    }

    fn rms_norm(self, offset: f64) -> Outcome {
        let Self { types: (of_x, of_y, wide), around, has_weight, assign, .. } = self;
        let ([(x, exact_x), (old, exact_old)], (dy, exact_dy)) =
            (["x", "old"].map(|name| exact(name, &self.size(), of_x)), exact("dy", &self.size(), of_y));
        let (weight, exact_weight) = exact("weight", &[self.line()], wide);
        let factor = if has_weight { (exact_weight.as_tensor() + offset)? } else { exact_weight.ones_like()? };
        let expected = reference::rms_norm(&self.lines(&exact_x)?, &factor, 1e-6)?.reshape(&self.size())?;
        let grads = (&expected * exact_dy.as_tensor())?.sum_all()?.backward()?;
        let [x, dx, dy, out] = [&x, &old, &dy, &dy].map(|tensor| Wide::new(tensor, around));
        let (scale, dweight, weight) =
            (zeros(&[exact_x.elem_count() / self.line(), 1], wide), zeros(&[self.line()], wide), on(&weight));
        let gain = has_weight.then_some(Gain { weight: &weight, offset });
        rms_norm::forward(&engine(), x.view(), gain, 1e-6, out.view(), &scale)?;
        out.assert_close("rms norm", &expected);
        let (change, gradient) = (Some((dx.view(), assign)), has_weight.then_some(&dweight));
        rms_norm::backward(&engine(), dy.view(), x.view(), gain, &scale, change, gradient)?;
        dx.assert_close("rms norm dx", &self.changed(&exact_old, grads.get(&exact_x).unwrap())?);
        if has_weight {
            assert_close("rms norm dw", &dweight, grads.get(&exact_weight).unwrap());
            // of the first norm over frozen tables nobody wants more
            rms_norm::backward(&engine(), dy.view(), x.view(), gain, &scale, None, gradient)?;
            assert_close("2 rms norm dw", &dweight, &(grads.get(&exact_weight).unwrap() * 2.0)?);
        }
        Ok(())
    }

    fn layer_norm(self) -> Outcome {
        let Self { types: (of_x, of_y, wide), around, has_weight, assign, .. } = self;
        let ([(x, exact_x), (old, exact_old)], (dy, exact_dy)) =
            (["x", "old"].map(|name| exact(name, &self.size(), of_x)), exact("dy", &self.size(), of_y));
        let [(weight, exact_weight), (bias, exact_bias)] =
            ["weight", "bias"].map(|name| exact(name, &[self.line()], wide));
        let (factor, shift) = match has_weight {
            true => (exact_weight.as_tensor().clone(), exact_bias.as_tensor().clone()),
            false => (exact_weight.ones_like()?, exact_bias.zeros_like()?),
        };
        let expected = reference::layer_norm(&self.lines(&exact_x)?, &factor, &shift, 1e-5)?.reshape(&self.size())?;
        let grads = (&expected * exact_dy.as_tensor())?.sum_all()?.backward()?;
        let [x, dy, out] = [&x, &dy, &dy].map(|tensor| Wide::new(tensor, around));
        let stats = zeros(&[exact_x.elem_count() / self.line(), 2], wide);
        let (of_weight, of_bias) = (on(&weight), on(&bias));
        let [weight, bias] = [&of_weight, &of_bias].map(|parameter| has_weight.then_some(parameter));
        layer_norm::forward(&engine(), x.view(), weight, bias, 1e-5, out.view(), &stats)?;
        out.assert_close("layer norm", &expected);
        let [dweight, dbias] = [(); 2].map(|()| zeros(&[self.line()], wide));
        // one of both frozen, then the other
        let backward = |gradients| {
            let dx = Wide::new(&old, around);
            let change = Some((dx.view(), assign));
            layer_norm::backward(&engine(), dy.view(), x.view(), weight, &stats, change, gradients)?;
            dx.assert_close("layer norm dx", &self.changed(&exact_old, grads.get(&exact_x).unwrap()).unwrap());
            trainyard::Result::Ok(())
        };
        backward([None, has_weight.then_some(&dbias)])?;
        if has_weight {
            backward([Some(&dweight), None])?;
            assert_close("layer norm dw", &dweight, grads.get(&exact_weight).unwrap());
            let gradients = [Some(&dweight), None];
            layer_norm::backward(&engine(), dy.view(), x.view(), weight, &stats, None, gradients)?;
            assert_close("2 layer norm dw", &dweight, &(grads.get(&exact_weight).unwrap() * 2.0)?);
            assert_close("layer norm db", &dbias, grads.get(&exact_bias).unwrap());
        }
        Ok(())
    }
}

#[test]
fn a_weight_that_does_not_divide_a_row_is_an_error() {
    let dtype = TYPES[0];
    let (x, w, out, stats) = (zeros(&[4, 6], dtype), zeros(&[4], dtype), zeros(&[4, 6], dtype), zeros(&[4, 1], dtype));
    let error = rms_norm::forward(&engine(), &x, Some(Gain::from(&w)), 1e-6, &out, &stats).unwrap_err();
    assert_eq!(error.to_string(), "rms norm: a weight of 4 numbers does not divide rows of 6 numbers");
    let w = zeros(&[3], dtype);
    let error = rms_norm::forward(&engine(), &x, Some(Gain::from(&w)), 1e-6, &out, &stats).unwrap_err();
    assert_eq!(error.to_string(), "rms norm: statistics of 4 numbers, expected 8");
}
