//! Each kernel against its reference in plain candle ops: values and gradients, f32 and f64, odd shapes.

use crate::reference;
use candle_core::{DType, Device, Tensor, Var};
use trainyard::ops::{
    Engine, Precision, add, attention, dropout, embedding, gelu, layer_norm, linear, linear::Layout, update,
};
use trainyard::random::Stream;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn engine() -> Engine {
    Engine::new(Precision::F32)
}

fn random(name: &str, shape: &[usize], dtype: DType) -> Tensor {
    let n = shape.iter().product();
    let values: Vec<f64> = Stream::new(7, name).normals(n).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap().force_contiguous().unwrap()
}

fn var(name: &str, shape: &[usize], dtype: DType) -> Var {
    Var::from_tensor(&random(name, shape, dtype)).unwrap()
}

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()
}

/// Largest difference, relative to the largest expected value (at least 1e-2: tails cancel), is below 1e-5 (f32) or
/// 1e-12 (f64).
#[track_caller]
fn assert_close(what: &str, got: &Tensor, expected: &Tensor) {
    let limit = if got.dtype() == DType::F32 { 1e-5 } else { 1e-12 };
    let flat = |x: &Tensor| x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
    let (got, expected) = (flat(got), flat(expected));
    assert_eq!(got.len(), expected.len(), "{what}: sizes differ");
    let scale = expected.iter().fold(1e-2_f64, |a, b| a.max(b.abs()));
    for (i, (a, b)) in got.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() / scale < limit, "{what}[{i}]: got {a}, expected {b}");
    }
}

fn shape(length: usize, heads: usize, width: usize) -> attention::Shape {
    attention::Shape { length, heads, kv_heads: heads, head_width: width / heads, span: attention::Span::Causal }
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
            linear::forward(&engine(), &x, (&w, Layout::InOut), Some(&b), None, &out)?;
            assert_close("out", &out, &expected);
            let (dx, dw, db) =
                (random("old", &[rows, n_in], dtype), zeros(&[n_in, n_out], dtype), zeros(&[n_out], dtype));
            linear::backward(&engine(), &dy, &x, (&w, Layout::InOut), &dx, &dw, Some(&db))?;
            assert_close("dx", &dx, grads.get(&x).unwrap());
            assert_close("dw", &dw, grads.get(&w).unwrap());
            assert_close("db", &db, grads.get(&b).unwrap());
            // weights' gradients are added to, not replaced
            linear::backward(&engine(), &dy, &x, (&w, Layout::InOut), &dx, &dw, Some(&db))?;
            assert_close("2 dw", &dw, &(grads.get(&w).unwrap() * 2.0)?);
        }
    }
    Ok(())
}

#[test]
fn layer_norm_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (rows, width) in [(1, 2), (3, 5), (129, 48), (40, 1000)] {
            let x = var("x", &[rows, width], dtype);
            let (w, b) = (var("w", &[width], dtype), var("b", &[width], dtype));
            let dy = random("dy", &[rows, width], dtype);
            let expected = reference::layer_norm(&x, &w, &b)?;
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let (out, stats) = (zeros(&[rows, width], dtype), zeros(&[rows, 2], dtype));
            layer_norm::forward(&engine(), &x, &w, &b, 1e-5, &out, &stats)?;
            assert_close("out", &out, &expected);
            let before = random("before", &[rows, width], dtype);
            let (dx, dw, db) = (before.copy()?, zeros(&[width], dtype), zeros(&[width], dtype));
            layer_norm::backward(&engine(), &dy, &x, &w, &stats, &dx, &dw, &db)?;
            assert_close("dx", &dx, &(before + grads.get(&x).unwrap())?);
            assert_close("dw", &dw, grads.get(&w).unwrap());
            assert_close("db", &db, grads.get(&b).unwrap());
        }
    }
    Ok(())
}

#[test]
fn gelu_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for n in [1, 63, 40_001] {
            let x = Var::from_tensor(&(random("x", &[n], dtype) * 3.0)?)?;
            let dy = random("dy", &[n], dtype);
            let expected = reference::gelu(&x)?;
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let out = zeros(&[n], dtype);
            gelu::forward(&engine(), gelu::Gelu::Tanh, &x, &out)?;
            assert_close("out", &out, &expected);
            let dx = dy.copy()?;
            gelu::backward(&engine(), gelu::Gelu::Tanh, &x, &dx)?;
            assert_close("dx", &dx, grads.get(&x).unwrap());
        }
    }
    Ok(())
}

#[test]
fn embedding_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        let (vocab, context, width) = (11, 6, 9);
        let ids: Vec<u32> = (0..18).map(|i| (i * i * 5 + i) % 11).collect();
        let at: Vec<u32> = (0..18).map(|i| i % 6).collect();
        let (tokens, places) = (var("tokens", &[vocab, width], dtype), var("places", &[context, width], dtype));
        let dy = random("dy", &[18, width], dtype);
        let (ids_tensor, at_tensor) =
            (Tensor::new(ids.as_slice(), &Device::Cpu)?, Tensor::new(at.as_slice(), &Device::Cpu)?);
        let expected = reference::embedding(&ids_tensor, &at_tensor, &tokens, &places)?;
        let grads = (&expected * &dy)?.sum_all()?.backward()?;
        let out = zeros(&[18, width], dtype);
        embedding::forward(&engine(), &ids, &tokens, Some((&at, &places)), &out)?;
        assert_close("out", &out, &expected);
        let (dtokens, dplaces) = (zeros(&[vocab, width], dtype), zeros(&[context, width], dtype));
        embedding::backward(&engine(), &ids, &dy, &dtokens, Some((&at, &dplaces)))?;
        assert_close("dtokens", &dtokens, grads.get(&tokens).unwrap());
        assert_close("dplaces", &dplaces, grads.get(&places).unwrap());
    }
    Ok(())
}

#[test]
fn attention_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (sequences, length, heads, head_width) in [(1, 1, 1, 1), (2, 7, 3, 5), (3, 64, 2, 8), (1, 200, 2, 16)] {
            let width = heads * head_width;
            let rows = sequences * length;
            let qkv = var("qkv", &[sequences, length, 3 * width], dtype);
            let dout = random("dout", &[sequences, length, width], dtype);
            let expected = reference::attention(&qkv, heads)?;
            let grads = (&expected * &dout)?.sum_all()?.backward()?;
            let shape = shape(length, heads, width);
            let (out, lse) = (zeros(&[rows, width], dtype), zeros(&[sequences, heads, length], dtype));
            attention::forward(&engine(), &qkv, shape, None, &out, &lse)?;
            assert_close("out", &out, &expected);
            let dqkv = random("old", &[rows, 3 * width], dtype);
            attention::backward(&engine(), &dout, &qkv, &out, &lse, shape, None, &dqkv)?;
            assert_close("dqkv", &dqkv, grads.get(&qkv).unwrap());
            // the cached form, position by position, gives the same rows
            let cache = zeros(&[length, 2 * width], dtype);
            for position in 0..length {
                let row = qkv.narrow(0, 0, 1)?.narrow(1, position, 1)?.force_contiguous()?;
                let got = zeros(&[1, width], dtype);
                attention::cached(&engine(), &row, shape, position, &cache, &got)?;
                assert_close("cached", &got, &expected.narrow(0, 0, 1)?.narrow(1, position, 1)?.force_contiguous()?);
            }
        }
    }
    Ok(())
}

/// With dropout there is no reference to copy: the gradient is checked against finite differences under the same mask.
#[test]
fn attention_with_dropout_has_the_gradient_of_finite_differences() -> Outcome {
    let (length, heads, width) = (9, 2, 6);
    let shape = shape(length, heads, width);
    let mask = dropout::Mask { stream: Stream::new(3, "dropout"), site: 5, rate: 0.3 };
    let dout = random("dout", &[2 * length, width], DType::F64);
    let value = |qkv: &Tensor| -> Result<(f64, Tensor, Tensor), Box<dyn std::error::Error>> {
        let (out, lse) = (zeros(&[2 * length, width], DType::F64), zeros(&[2, heads, length], DType::F64));
        attention::forward(&engine(), qkv, shape, Some(&mask), &out, &lse)?;
        Ok(((&out * &dout)?.sum_all()?.to_scalar()?, out, lse))
    };
    let qkv = random("qkv", &[2 * length, 3 * width], DType::F64);
    let (_, out, lse) = value(&qkv)?;
    let plain = zeros(&[2 * length, width], DType::F64);
    attention::forward(&engine(), &qkv, shape, None, &plain, &lse.copy()?)?;
    assert!((&out - &plain)?.abs()?.max_all()?.to_scalar::<f64>()? > 0.1, "the mask did nothing");
    let dqkv = zeros(&[2 * length, 3 * width], DType::F64);
    attention::backward(&engine(), &dout, &qkv, &out, &lse, shape, Some(&mask), &dqkv)?;
    let (flat, gradient) = (qkv.flatten_all()?.to_vec1::<f64>()?, dqkv.flatten_all()?.to_vec1::<f64>()?);
    for i in (0..flat.len()).step_by(7) {
        let moved = |by: f64| {
            let mut values = flat.clone();
            values[i] += by;
            value(&Tensor::from_vec(values, qkv.shape(), &Device::Cpu).unwrap()).unwrap().0
        };
        let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((gradient[i] - expected).abs() < 1e-7, "dqkv[{i}]: got {}, expected {expected}", gradient[i]);
    }
    Ok(())
}

#[test]
fn dropout_keeps_the_mean_and_repeats_its_mask() -> Outcome {
    let mask = dropout::Mask { stream: Stream::new(3, "dropout"), site: 1, rate: 0.25 };
    let x = Tensor::ones(100_003, DType::F32, &Device::Cpu)?.force_contiguous()?;
    let again = x.copy()?;
    dropout::apply(&engine(), &x, &mask)?;
    dropout::apply(&engine(), &again, &mask)?;
    let values = x.to_vec1::<f32>()?;
    assert_eq!(values, again.to_vec1::<f32>()?);
    let zeros = values.iter().filter(|&&x| x == 0.0).count() as f64 / values.len() as f64;
    assert!((zeros - 0.25).abs() < 0.01, "share of zeros {zeros}");
    assert!(values.iter().all(|&x| x == 0.0 || (x - 4.0 / 3.0).abs() < 1e-6));
    Ok(())
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() -> Outcome {
    let run = |threads: usize| -> Vec<Vec<f32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dtype = DType::F32;
            let (x, w) = (random("x", &[513, 96], dtype), random("w", &[96, 288], dtype));
            let (b, qkv) = (random("b", &[288], dtype), zeros(&[513, 288], dtype));
            linear::forward(&engine(), &x, (&w, Layout::InOut), Some(&b), None, &qkv).unwrap();
            let shape = shape(171, 4, 96);
            let (out, lse) = (zeros(&[513, 96], dtype), zeros(&[3, 4, 171], dtype));
            attention::forward(&engine(), &qkv, shape, None, &out, &lse).unwrap();
            let (dqkv, dx, dw, db) =
                (zeros(&[513, 288], dtype), zeros(&[513, 96], dtype), zeros(&[96, 288], dtype), zeros(&[288], dtype));
            attention::backward(&engine(), &x, &qkv, &out, &lse, shape, None, &dqkv).unwrap();
            linear::backward(&engine(), &dqkv, &x, (&w, Layout::InOut), &dx, &dw, Some(&db)).unwrap();
            let norm = update::sum_of_squares(&engine(), &dw).unwrap() as f32;
            [&out, &dqkv, &dx, &dw, &db]
                .iter()
                .map(|t| t.flatten_all().unwrap().to_vec1().unwrap())
                .chain([vec![norm]])
                .collect()
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
    Ok(())
}

#[test]
fn kernels_refuse_what_they_cannot_do() -> Outcome {
    let (f32s, f64s) = (zeros(&[4], DType::F32), zeros(&[4], DType::F64));
    assert!(add::forward(&engine(), &f32s, &f32s, &f64s).is_err());
    let integers = Tensor::zeros(4, DType::U32, &Device::Cpu)?;
    let error = add::copy(&integers, &integers.copy()?).unwrap_err();
    assert_eq!(error.to_string(), "training needs f32 or f64 tensors, got U32");
    let transposed = zeros(&[2, 3], DType::F32).t()?;
    assert!(gelu::forward(&engine(), gelu::Gelu::Tanh, &transposed, &zeros(&[3, 2], DType::F32)).is_err());
    Ok(())
}
