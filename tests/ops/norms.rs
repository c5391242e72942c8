//! Layer and RMS norm.

use super::{Outcome, TYPES, assert_close, engine, on, random, reference, var, zeros};
use trainyard::ops::{layer_norm, rms_norm};

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
            layer_norm::forward(&engine(), &x_on, &w_on, &b_on, 1e-5, &out, &stats)?;
            assert_close("out", &out, &expected);
            let before = random("before", &[rows, width], dtype);
            let (dx, dw, db) = (on(&before), zeros(&[width], dtype), zeros(&[width], dtype));
            layer_norm::backward(&engine(), &on(&dy), &x_on, &w_on, &stats, &dx, &dw, &db)?;
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
                rms_norm::forward(&engine(), &x_on, &w_on, epsilon, &out, &scale)?;
                assert_close("out", &out, &expected);
                let (before, old) = (random("before", &[rows, width], dtype), random("old", &[width], dtype));
                let (dx, dw) = (on(&before), on(&old));
                rms_norm::backward(&engine(), &on(&dy), &x_on, &w_on, &scale, &dx, &dw)?;
                assert_close("dx", &dx, &(before + grads.get(&x).unwrap())?);
                assert_close("dw", &dw, &(old + grads.get(&w).unwrap())?);
            }
        }
    }
    Ok(())
}
