//! Operations on bfloat16 activations, which only a GPU has, with a residual stream and parameters in f32: compared
//! with the references in f64 on the same rounded inputs.

use super::{Outcome, column, on, random, reference, zeros};
use crate::device::{self, values};
use candle_core::{DType, Tensor, Var};
use trainyard::base::random::Stream;
use trainyard::ops::activation::{self, Activation};
use trainyard::ops::attention::{self, Extent, Gradients, Inputs, Shape, Span};
use trainyard::ops::{self, Assign, Engine, Gain, Precision, View, add, dropout, layer_norm, linear, linear::Layout};
use trainyard::ops::{gated, rms_norm, rotary};

pub(super) fn engine() -> Engine {
    device::engine(Precision::Bf16)
}

/// Random numbers that bfloat16 holds exactly, in f64.
pub(super) fn rounded(name: &str, shape: &[usize]) -> Tensor {
    random(name, shape, DType::BF16).to_dtype(DType::F64).unwrap()
}

pub(super) fn var(name: &str, shape: &[usize]) -> Var {
    Var::from_tensor(&rounded(name, shape)).unwrap()
}

fn as_type(tensor: &Tensor, dtype: DType) -> ops::Tensor {
    on(&tensor.to_dtype(dtype).unwrap())
}

pub(super) fn bf16(tensor: &Tensor) -> ops::Tensor {
    as_type(tensor, DType::BF16)
}

pub(super) fn f32(tensor: &Tensor) -> ops::Tensor {
    as_type(tensor, DType::F32)
}

/// ‖got - expected‖ / ‖expected‖ is below `limit`: a result that is rounded once to bfloat16 differs by up to 2^-9, and
/// what goes through several such results by a few times that.
#[track_caller]
pub(super) fn assert_close(what: &str, got: &ops::Tensor, expected: &Tensor, limit: f64) {
    let expected: Vec<f64> = expected.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    let got = values(got);
    assert_eq!(got.len(), expected.len(), "{what}: sizes differ");
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let far = norm(&mut got.iter().zip(&expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied()).max(1e-6);
    assert!(far < limit, "{what}: relative distance {far:.1e}");
}

pub(super) const ROUNDED_ONCE: f64 = 3e-3;
pub(super) const SUMMED_IN_F32: f64 = 1e-5;

#[test]
fn linear_rounds_its_results_only() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    for layout in [Layout::InOut, Layout::OutIn] {
        for (rows, n_in, n_out) in [(3, 8, 16), (65, 24, 130), (1, 7, 5)] {
            let (x, w, b) = (var("x", &[rows, n_in]), var("w", &[n_in, n_out]), var("b", &[n_out]));
            let (residual, dy) = (rounded("residual", &[rows, n_out]), rounded("dy", &[rows, n_out]));
            let product = reference::linear(&x, &w, &b)?;
            let grads = (&product * &dy)?.sum_all()?.backward()?;
            let stored = if layout == Layout::InOut { w.copy()? } else { w.t()?.force_contiguous()? };
            let (x_on, w_on, b_on) = (bf16(&x), bf16(&stored), bf16(&b));
            let out = zeros(&[rows, n_out], DType::BF16);
            linear::forward(&engine(), &x_on, (&w_on, layout), Some(&b_on), None, &out)?;
            assert_close("out", &out, &product, ROUNDED_ONCE);
            // onto the residual stream
            let stream = zeros(&[rows, n_out], DType::F32);
            let residual_on = f32(&residual);
            linear::forward(&engine(), &x_on, (&w_on, layout), Some(&f32(&b)), Some((&residual_on).into()), &stream)?;
            assert_close("stream", &stream, &(&product + &residual)?, SUMMED_IN_F32);
            let dx = zeros(&[rows, n_in], DType::BF16);
            let (dw, db) = (zeros(stored.dims(), DType::F32), zeros(&[n_out], DType::F32));
            let set_dx = Some(((&dx).into(), Assign::Set));
            linear::backward(&engine(), &bf16(&dy), &x_on, (&w_on, layout), set_dx, Some(&dw), Some(&db))?;
            let expected = grads.get(&w).unwrap();
            let expected = if layout == Layout::InOut { expected.clone() } else { expected.t()?.force_contiguous()? };
            assert_close("dx", &dx, grads.get(&x).unwrap(), ROUNDED_ONCE);
            assert_close("dw", &dw, &expected, SUMMED_IN_F32);
            assert_close("db", &db, grads.get(&b).unwrap(), SUMMED_IN_F32);
        }
    }
    Ok(())
}

#[test]
fn norms_read_the_stream_and_write_activations() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    for (rows, width) in [(3, 5), (17, 768), (5, 1100)] {
        let (x, w, b) = (var("x", &[rows, width]), var("w", &[width]), var("b", &[width]));
        let (dy, before) = (rounded("dy", &[rows, width]), rounded("before", &[rows, width]));
        let (x_on, w_on, b_on) = (f32(&x), f32(&w), f32(&b));
        let (out, stats) = (zeros(&[rows, width], DType::BF16), zeros(&[rows, 2], DType::F32));
        let (dx, dw, db) = (f32(&before), zeros(&[width], DType::F32), zeros(&[width], DType::F32));
        let expected = reference::layer_norm(&x, &w, &b, 1e-5)?;
        let grads = (&expected * &dy)?.sum_all()?.backward()?;
        layer_norm::forward(&engine(), &x_on, Some(&w_on), Some(&b_on), 1e-5, &out, &stats)?;
        assert_close("layer norm", &out, &expected, ROUNDED_ONCE);
        let (add_dx, parameters) = (Some(((&dx).into(), Assign::Add)), [Some(&dw), Some(&db)]);
        layer_norm::backward(&engine(), &bf16(&dy), &x_on, Some(&w_on), &stats, add_dx, parameters)?;
        assert_close("dx", &dx, &(&before + grads.get(&x).unwrap())?, SUMMED_IN_F32);
        assert_close("dw", &dw, grads.get(&w).unwrap(), SUMMED_IN_F32);
        assert_close("db", &db, grads.get(&b).unwrap(), SUMMED_IN_F32);
        let scale = zeros(&[rows, 1], DType::F32);
        let (dx, dw) = (f32(&before), zeros(&[width], DType::F32));
        let expected = reference::rms_norm(&x, &w, 1e-6)?;
        let grads = (&expected * &dy)?.sum_all()?.backward()?;
        let gain = Some(Gain::from(&w_on));
        rms_norm::forward(&engine(), &x_on, gain, 1e-6, &out, &scale)?;
        assert_close("rms norm", &out, &expected, ROUNDED_ONCE);
        let add_dx = Some(((&dx).into(), Assign::Add));
        rms_norm::backward(&engine(), &bf16(&dy), &x_on, gain, &scale, add_dx, Some(&dw))?;
        assert_close("dx", &dx, &(&before + grads.get(&x).unwrap())?, SUMMED_IN_F32);
        assert_close("dw", &dw, grads.get(&w).unwrap(), SUMMED_IN_F32);
    }
    Ok(())
}

#[test]
fn activations_and_branches() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    let (rows, hidden) = (13, 72);
    let dy = rounded("dy", &[rows, hidden]);
    let out = zeros(&[rows, hidden], DType::BF16);
    for function in Activation::ALL {
        let x = var("x", &[rows, hidden]);
        let expected = reference::activation(function, &x)?;
        let grads = (&expected * &dy)?.sum_all()?.backward()?;
        let dx = bf16(&dy);
        activation::forward(&engine(), function, &bf16(&x), &out)?;
        assert_close("activation", &out, &expected, ROUNDED_ONCE);
        activation::backward(&engine(), function, &bf16(&x), &dx, &dx)?;
        assert_close("activation dx", &dx, grads.get(&x).unwrap(), ROUNDED_ONCE);
        let x = var("gate and up", &[rows, 2 * hidden]);
        let expected = reference::gated(function, &x)?;
        let grads = (&expected * &dy)?.sum_all()?.backward()?;
        let dx = zeros(&[rows, 2 * hidden], DType::BF16);
        gated::forward(&engine(), function, &bf16(&x), &out)?;
        assert_close("gated", &out, &expected, ROUNDED_ONCE);
        gated::backward(&engine(), function, &bf16(&x), &bf16(&dy), &dx)?;
        assert_close("gated dx", &dx, grads.get(&x).unwrap(), ROUNDED_ONCE);
    }
    // a branch onto the stream, the stream's gradient as a branch's, with and without dropout
    let (stream, sum) = (f32(&dy), zeros(&[rows, hidden], DType::F32));
    add::forward(&engine(), &stream, &out, &sum)?;
    assert_close("sum", &sum, &(&dy + out.to_cpu()?.to_dtype(DType::F64)?)?, SUMMED_IN_F32);
    add::copy(&stream, &out)?;
    assert_eq!(values(&out), values(&stream), "these numbers need no rounding");
    let mask = dropout::Mask { stream: Stream::new(3, "dropout"), first_sequence: 2, sites: 4, site: 1, rate: 0.25 };
    dropout::apply_to(&engine(), &stream, &out, 1, &mask)?;
    dropout::apply(&engine(), &stream, 1, &mask)?;
    assert_close("dropout", &out, &stream.to_cpu()?, ROUNDED_ONCE);
    let on_cpu: ops::Tensor = dy.to_dtype(DType::F32)?.force_contiguous()?.into();
    dropout::apply(&Engine::new(Precision::F32), &on_cpu, 1, &mask)?;
    assert_eq!(values(&stream), values(&on_cpu), "the CPU has another mask");
    Ok(())
}

#[test]
fn rotary_turns_activations() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    let shape = Shape::new(19, 4, 2, 16, Span::Causal);
    let positions: Vec<u32> = (0..19).collect();
    let qkv = rounded("qkv", &[19, shape.qkv_width()]);
    let table = rotary::Table::new(19, &rotary::Angles::new(16, 1e4), DType::F32, &device::device())?;
    let out = bf16(&qkv);
    rotary::forward(&engine(), View::new(&out, 0, 6 * 16)?, &column(&positions), &table)?;
    assert_close("rotary", &out, &reference::rotary(&qkv, &positions, shape, 1e4)?, ROUNDED_ONCE);
    Ok(())
}

/// What tensor cores do not compute: windows, caps, sources, a relative bias.
#[test]
fn attention_variants_equal_their_reference() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    let shape = |span| Shape::new(70, 4, 2, 32, span);
    let cases = [
        (shape(Span::Causal), false, false),
        (Shape { soft_cap: 2.0, scale: 0.4, ..shape(Span::Window(20)) }, false, false),
        (Shape { scale: 0.3, ..shape(Span::Full) }, true, false),
        (shape(Span::Full), false, true),
    ];
    for (shape, is_biased, is_cross) in cases {
        let [q, k, v] = ["q", "k", "v"].map(|name| var(name, &[70, if name == "q" { 128 } else { 64 }]));
        let bias = is_biased.then(|| var("bias", &[4, 139]));
        let sees = |_, query, key| if is_cross { key < 50 } else { reference::sees(shape.span, query, key) };
        let expected = reference::any_attention([&q, &k, &v], bias.as_deref(), shape, sees)?;
        let dout = rounded("dout", &[70, 128]);
        let grads = (&expected * &dout)?.sum_all()?.backward()?;
        let [q_on, k_on, v_on, dout_on] = [&*q, &*k, &*v, &dout].map(bf16);
        let offsets: Vec<u32> = (0..70).collect();
        let (offsets, valid, bias_on) = (column(&offsets), column(&[50]), bias.as_ref().map(|bias| f32(bias)));
        let extent =
            if is_cross { Extent::Source { length: 70, valid: &valid, of: None } } else { Extent::Documents(&offsets) };
        let [queries, keys, values] = [&q_on, &k_on, &v_on].map(View::from);
        let inputs = Inputs { queries, keys, values, extent, bias: bias_on.as_ref(), dropout: None };
        let (out, lse) = (zeros(&[70, 128], DType::BF16), zeros(&[280], DType::F32));
        attention::forward(&engine(), &inputs, shape, &out, &lse)?;
        assert_close("out", &out, &expected, 1e-2);
        let [dq, dk, dv] = [128, 64, 64].map(|width| zeros(&[70, width], DType::BF16));
        let dbias = bias.as_ref().map(|_| zeros(&[4, 139], DType::F32));
        let [queries, keys, values] = [&dq, &dk, &dv].map(View::from);
        let to = Gradients { queries, keys, values, bias: dbias.as_ref() };
        attention::backward(&engine(), &dout_on, &inputs, shape, &out, &lse, &to)?;
        for (name, got, input) in [("dq", &dq, &q), ("dk", &dk, &k), ("dv", &dv, &v)] {
            assert_close(name, got, grads.get(input).unwrap(), 1e-2);
        }
        if let (Some(dbias), Some(bias)) = (&dbias, &bias) {
            assert_close("dbias", dbias, grads.get(bias).unwrap(), 1e-2);
        }
    }
    Ok(())
}

/// On tensor cores and without: heads of width 32, 64 and 128 and another one, whole sequences and packed ones.
#[test]
fn attention_on_tensor_cores_equals_its_reference() -> Outcome {
    if device::is_cpu() {
        return Ok(());
    }
    let cases: [(&[usize], usize, usize, usize); 6] = [
        (&[130, 130], 2, 1, 32),
        (&[200], 2, 2, 64),
        (&[70, 1, 129, 200], 4, 2, 64),
        (&[150], 2, 1, 128),
        (&[33, 64, 53], 2, 2, 128),
        (&[70], 3, 3, 24),
    ];
    for (documents, heads, kv_heads, head_width) in cases {
        let rows: usize = documents.iter().sum();
        let length = if rows == 400 || rows == 260 { rows / 2 } else { rows };
        let shape = Shape::new(length, heads, kv_heads, head_width, Span::Causal);
        let positions: Vec<u32> = documents.iter().flat_map(|&length| 0..length as u32).collect();
        let document: Vec<usize> = documents.iter().enumerate().flat_map(|(i, &n)| vec![i; n]).collect();
        let qkv = var("qkv", &[rows, shape.qkv_width()]);
        let dout = rounded("dout", &[rows, shape.out_width()]);
        let expected = reference::packed_attention(&qkv, &document, shape)?;
        let grads = (&expected * &dout)?.sum_all()?.backward()?;
        let (qkv_on, positions) = (bf16(&qkv), column(&positions));
        let out = zeros(&[rows, shape.out_width()], DType::BF16);
        let lse = zeros(&[rows / length, heads, length], DType::F32);
        let inputs = Inputs::packed(&qkv_on, &positions, shape)?;
        attention::forward(&engine(), &inputs, shape, &out, &lse)?;
        assert_close("out", &out, &expected, 1e-2);
        let dqkv = zeros(&[rows, shape.qkv_width()], DType::BF16);
        let to = Gradients::packed(&dqkv, shape)?;
        attention::backward(&engine(), &bf16(&dout), &inputs, shape, &out, &lse, &to)?;
        assert_close("dqkv", &dqkv, grads.get(&qkv).unwrap(), 1e-2);
    }
    Ok(())
}
