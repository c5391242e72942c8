//! Linear layers: both layouts of the weight, columns of wider matrices, gradients that are added or not wanted.

use super::columns::Wide;
use super::{Outcome, TYPES, assert_close, engine, on, random, reference, var, zeros};
use candle_core::Tensor;
use trainyard::ops::linear::{self, Layout, Transform};
use trainyard::ops::{Assign, View};

const SHAPES: [(usize, usize, usize); 4] = [(1, 1, 1), (3, 5, 7), (65, 33, 130), (700, 17, 96)];

#[test]
fn linear_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (rows, n_in, n_out) in SHAPES {
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
            let backward = || {
                let dx = Some((View::from(&dx), Assign::Set));
                linear::backward(&engine(), &on(&dy), &x_on, (&w_on, Layout::InOut), dx, Some(&dw), Some(&db))
            };
            backward()?;
            assert_close("dx", &dx, grads.get(&x).unwrap());
            assert_close("dw", &dw, grads.get(&w).unwrap());
            assert_close("db", &db, grads.get(&b).unwrap());
            // weights' gradients are added to, not replaced
            backward()?;
            assert_close("2 dw", &dw, &(grads.get(&w).unwrap() * 2.0)?);
        }
    }
    Ok(())
}

#[test]
fn linear_of_columns_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for ((rows, n_in, n_out), around) in SHAPES.into_iter().flat_map(|shape| Wide::AROUND.map(|a| (shape, a))) {
            for layout in [Layout::InOut, Layout::OutIn] {
                let (x, w) = (var("x", &[rows, n_in], dtype), var("w", &[n_in, n_out], dtype));
                let b = var("b", &[n_out], dtype);
                let [dy, residual] = ["dy", "residual"].map(|name| random(name, &[rows, n_out], dtype));
                let old = random("old", &[rows, n_in], dtype);
                let expected = (reference::linear(&x, &w, &b)? + &residual)?;
                let grads = (&expected * &dy)?.sum_all()?.backward()?;
                let stored = if layout == Layout::InOut { w.copy()? } else { w.t()?.force_contiguous()? };
                let (w_on, b_on) = (on(&stored), on(&b));
                let [x_on, dx] = [x.as_tensor(), &old].map(|tensor| Wide::new(tensor, around));
                let [out, sum, dy_on] = [&dy, &residual, &dy].map(|tensor| Wide::new(tensor, around));
                let weight = (&w_on, layout);
                linear::forward(&engine(), x_on.view(), weight, Some(&b_on), Some(sum.view()), out.view())?;
                out.assert_close("out", &expected);
                linear::forward(&engine(), x_on.view(), weight, None, None, out.view())?;
                out.assert_close("product", &x.matmul(&w)?);
                // only what is asked for, added
                let change = Some((dx.view(), Assign::Add));
                linear::backward(&engine(), dy_on.view(), x_on.view(), weight, change, None, None)?;
                let expected = grads.get(&x).unwrap();
                dx.assert_close("dx", &(expected + &old)?);
                let change = Some((dx.view(), Assign::Set));
                let db = zeros(&[n_out], dtype);
                linear::backward(&engine(), dy_on.view(), x_on.view(), weight, change, None, Some(&db))?;
                dx.assert_close("dx", expected);
                assert_close("db", &db, grads.get(&b).unwrap());
                let dw = zeros(stored.dims(), dtype);
                linear::backward(&engine(), dy_on.view(), x_on.view(), weight, None, Some(&dw), None)?;
                let expected = grads.get(&w).unwrap();
                let expected = if layout == Layout::InOut { expected.clone() } else { expected.t()? };
                assert_close("dw", &dw, &expected);
            }
        }
    }
    Ok(())
}

#[test]
fn logits_are_scaled_and_capped() -> Outcome {
    for dtype in TYPES {
        let (rows, width, vocab) = (3, 17, 41);
        let (hidden, weight) = (random("hidden", &[rows, width], dtype), random("weight", &[vocab, width], dtype));
        let bias = random("bias", &[vocab], dtype);
        let plain = hidden.matmul(&weight.t()?)?;
        let biased = plain.broadcast_add(&bias)?;
        let capped = |x: &Tensor, scale: f64, cap: f64| reference::soft_cap(&(x * scale)?, cap);
        let bias = on(&bias);
        let cases = [
            (None, Transform::NONE, plain.clone()),
            (Some(&bias), Transform { scale: 0.25, soft_cap: None }, (&biased * 0.25)?),
            (None, Transform { scale: 1.0, soft_cap: Some(2.0) }, capped(&plain, 1.0, 2.0)?),
            (Some(&bias), Transform { scale: -0.5, soft_cap: Some(3.0) }, capped(&biased, -0.5, 3.0)?),
        ];
        for (bias, transform, expected) in cases {
            let out = zeros(&[rows, vocab], dtype);
            linear::logits(&engine(), &on(&hidden), &on(&weight), bias, transform, &out)?;
            assert_close("logits", &out, &expected);
        }
    }
    Ok(())
}

#[test]
fn wrong_sizes_are_errors() {
    let dtype = TYPES[0];
    let (x, w, out) = (zeros(&[4, 6], dtype), zeros(&[6, 5], dtype), zeros(&[4, 8], dtype));
    let error = linear::forward(&engine(), &x, (&w, Layout::InOut), None, None, &out).unwrap_err();
    assert_eq!(error.to_string(), "linear: expected rows and columns [4, 5], got [4, 8]");
    let columns = View::new(&out, 1, 5).unwrap();
    let residual = zeros(&[4, 5], dtype);
    let error = linear::forward(&engine(), &x, (&w, Layout::InOut), None, Some((&residual).into()), columns);
    assert_eq!(error.unwrap_err().to_string(), "linear: rows 5 and 8 elements apart are not added");
}
