//! Recurrent layers and operations along sequences on bfloat16 activations, which only a GPU has, with gradients of
//! weights in f32: compared with the references in f64 on the same rounded inputs.

use super::bf16::{ROUNDED_ONCE, SUMMED_IN_F32, assert_close, bf16, engine, f32, rounded, var};
use super::recurrent::{KINDS, reference, rows_of};
use super::{Outcome, zeros};
use crate::device;
use candle_core::{DType, Tensor};
use trainyard::ops::pooling::{self, Pool};
use trainyard::ops::recurrent::{self, Gradients, Recurrence, Weights};
use trainyard::ops::{Column, Gradient, conv, scan, shift};

/// Results that are rounded to bfloat16 several times on the way.
const ROUNDED_OFTEN: f64 = 2e-2;

#[test]
fn recurrent_layers_in_bf16() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    let (documents, inputs, hidden): (&[&[usize]], _, _) = (&[&[3, 4], &[7]], 8, 16);
    for kind in KINDS {
        for reverse in [false, true] {
            let ((offsets, before), gates) = (rows_of(documents, reverse), kind.gates() * hidden);
            let (x, dout) = (var("x", &[14, inputs]), rounded("dout", &[14, hidden]));
            let weights =
                [var("i", &[gates, inputs]), var("h", &[gates, hidden]), var("bi", &[gates]), var("bh", &[gates])];
            weights.iter().take(2).for_each(|weight| weight.set(&(weight.as_tensor() * 0.125).unwrap()).unwrap());
            let expected = reference(kind, &x, &weights, &before)?;
            let grads = (&expected * &dout)?.sum_all()?.backward()?;
            let (recurrence, engine) = (Recurrence { kind, length: 7, reverse }, engine());
            let [w_ih, w_hh, b_ih, b_hh] = weights.each_ref().map(|weight| bf16(weight));
            let given = Weights { w_ih: &w_ih, w_hh: &w_hh, b_ih: Some(&b_ih), b_hh: Some(&b_hh) };
            let (offsets, x_on, dx) = (Column::new(&engine, &offsets)?, bf16(&x), zeros(&[14, inputs], DType::BF16));
            let (out, kept) = (zeros(&[14, hidden], DType::BF16), zeros(&[14, kind.kept() * hidden], DType::BF16));
            recurrent::forward(&engine, recurrence, &x_on, given, &offsets, &out, &kept)?;
            assert_close("out", &out, &expected, ROUNDED_OFTEN);
            let sums = weights.each_ref().map(|weight| f32(&weight.zeros_like().unwrap()));
            let [w_ih, w_hh, b_ih, b_hh] = &sums;
            let sums_on = Gradients { w_ih: Some(w_ih), w_hh: Some(w_hh), b_ih: Some(b_ih), b_hh: Some(b_hh) };
            let (dout, to) = (bf16(&dout), Some(Gradient::overwrite(&dx)));
            recurrent::backward(&engine, recurrence, &dout, &x_on, given, &offsets, &out, &kept, to, sums_on)?;
            assert_close("dx", &dx, grads.get(&x).unwrap(), ROUNDED_OFTEN);
            for (weight, sum) in weights.iter().zip(&sums) {
                assert_close(&format!("{kind:?}"), sum, grads.get(weight).unwrap(), ROUNDED_OFTEN);
            }
        }
    }
    Ok(())
}

#[test]
fn operations_along_sequences_in_bf16() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    let (rows, width, engine) = (40, 24, engine());
    let offsets: Vec<u32> = (0..rows as u32).collect();
    let offsets = Column::new(&engine, &offsets)?;
    let (x, dout) = (var("x", &[rows, width]), rounded("dout", &[rows, width]));
    let (x_on, dout_on, out) = (bf16(&x), bf16(&dout), zeros(&[rows, width], DType::BF16));
    let moved = |x: &Tensor| Tensor::cat(&[x.narrow(0, 0, 1)?.zeros_like()?, x.narrow(0, 0, rows - 1)?], 0);
    shift::forward(&engine, 1, &x_on, &offsets, rows, &out)?;
    assert_close("shift", &out, &moved(&x)?, 1e-9);
    let (weight, bias) = (var("w", &[width, 2]), var("b", &[width]));
    let taps = |i: usize| weight.narrow(1, i, 1)?.t();
    let expected = (x.broadcast_mul(&taps(1)?)? + moved(&x)?.broadcast_mul(&taps(0)?)?)?.broadcast_add(&bias)?;
    let grads = (&expected * &dout)?.sum_all()?.backward()?;
    let (w, b) = (bf16(&weight), bf16(&bias));
    conv::forward(&engine, &x_on, &w, Some(&b), &offsets, rows, &out)?;
    assert_close("conv", &out, &expected, ROUNDED_ONCE);
    let (dw, db) = (zeros(&[width, 2], DType::F32), zeros(&[width], DType::F32));
    let dx = Some(Gradient::overwrite(&out));
    conv::backward(&engine, &dout_on, &x_on, &w, &offsets, rows, dx, Some(&dw), Some(&db))?;
    assert_close("conv dx", &out, grads.get(&x).unwrap(), ROUNDED_ONCE);
    assert_close("conv dweight", &dw, grads.get(&weight).unwrap(), SUMMED_IN_F32);
    assert_close("conv dbias", &db, grads.get(&bias).unwrap(), SUMMED_IN_F32);
    let mean = zeros(&[1, width], DType::BF16);
    pooling::forward(&engine, Pool::Mean, &x_on, &Column::new(&engine, &[0, rows as u32])?, &mean)?;
    assert_close("mean", &mean, &x.mean_keepdim(0)?, ROUNDED_ONCE);
    let a = (rounded("a", &[rows, width]) * 0.25)?;
    let mut state = x.narrow(0, 0, 1)?.zeros_like()?;
    let step = |row: usize| -> candle_core::Result<Tensor> {
        state = ((a.narrow(0, row, 1)? * &state)? + x.narrow(0, row, 1)?)?;
        Ok(state.clone())
    };
    let expected = Tensor::cat(&(0..rows).map(step).collect::<Result<Vec<_>, _>>()?, 0)?;
    scan::forward(&engine, &bf16(&a), &x_on, &offsets, rows, &out)?;
    assert_close("scan", &out, &expected, ROUNDED_ONCE);
    Ok(())
}
