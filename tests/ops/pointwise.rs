//! Activations, embedding and dropout.

use super::{Outcome, TYPES, assert_close, column, engine, on, random, reference, var, zeros};
use crate::device::values;
use candle_core::{DType, Device, Tensor, Var};
use trainyard::base::random::Stream;
use trainyard::ops::activation::{self, Activation};
use trainyard::ops::embedding::{self, Lookup};
use trainyard::ops::{dropout, gated};

#[test]
fn activations_equal_their_references() -> Outcome {
    for function in Activation::ALL {
        for dtype in TYPES {
            for n in [1, 63, 40_001] {
                let x = Var::from_tensor(&(random("activation", &[n], dtype) * 3.0)?)?;
                let dy = random("dy", &[n], dtype);
                let expected = reference::activation(function, &x)?;
                let grads = (&expected * &dy)?.sum_all()?.backward()?;
                let (out, dx) = (zeros(&[n], dtype), zeros(&[n], dtype));
                activation::forward(&engine(), function, &on(&x), &out)?;
                assert_close("out", &out, &expected);
                activation::backward(&engine(), function, &on(&x), &on(&dy), &dx)?;
                assert_close("dx", &dx, grads.get(&x).unwrap());
                let in_place = on(&dy);
                activation::backward(&engine(), function, &on(&x), &in_place, &in_place)?;
                assert_eq!(values(&in_place), values(&dx), "{function:?} in place");
            }
        }
    }
    Ok(())
}

/// As torch.nn.functional gives them: the forms of GELU differ, and far out nothing overflows.
#[test]
fn activations_are_those_of_torch() -> Outcome {
    let x = Tensor::new(&[-1000.0, -3.0, -0.5, 0.0, 1.0, 2.0, 1000.0_f64], &Device::Cpu)?;
    for (function, expected) in [
        (
            Activation::GeluErf,
            [0.0, -0.00404969409489031, -0.15426876936299344, 0.0, 0.841344746068543, 1.9544997361036416, 1000.0],
        ),
        (
            Activation::GeluTanh,
            [0.0, -0.0036373920817729943, -0.15428599017485606, 0.0, 0.8411919906082768, 1.954597694087775, 1000.0],
        ),
        (Activation::Relu, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1000.0]),
        (
            Activation::Silu,
            [0.0, -0.14227761953270035, -0.1887703343990727, 0.0, 0.7310585786300049, 1.7615941559557646, 1000.0],
        ),
        (
            Activation::Tanh,
            [-1.0, -0.9950547536867305, -0.46211715726000973, 0.0, 0.7615941559557649, 0.9640275800758169, 1.0],
        ),
        (
            Activation::Sigmoid,
            [0.0, 0.04742587317756678, 0.3775406687981454, 0.5, 0.7310585786300049, 0.8807970779778823, 1.0],
        ),
    ] {
        for dtype in TYPES {
            let (out, dx) = (zeros(&[7], dtype), zeros(&[7], dtype));
            activation::forward(&engine(), function, &on(&x.to_dtype(dtype)?), &out)?;
            assert_close("out", &out, &Tensor::new(&expected, &Device::Cpu)?);
            let ones = on(&Tensor::ones(7, dtype, &Device::Cpu)?.force_contiguous()?);
            activation::backward(&engine(), function, &on(&x.to_dtype(dtype)?), &ones, &dx)?;
            assert!(values(&dx).iter().all(|slope| slope.is_finite()), "{function:?} {dx:?}");
            if function == Activation::Relu {
                assert_eq!(values(&dx), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
            }
        }
    }
    Ok(())
}

/// What is tiny keeps its digits, and NaN stays.
#[test]
fn a_small_tanh_keeps_its_digits() -> Outcome {
    let x: Vec<f32> = (0..4000).map(|i| 1e-7 * 1.005_f32.powi(i)).flat_map(|x| [x, -x]).collect();
    let out = zeros(&[x.len()], DType::F32);
    activation::forward(&engine(), Activation::Tanh, &on(&Tensor::new(x.as_slice(), &Device::Cpu)?), &out)?;
    for (x, got) in x.iter().zip(values(&out)) {
        let expected = f64::from(*x).tanh();
        assert!((got / expected - 1.0).abs() < 4e-7, "tanh({x}) is {got}, expected {expected}");
    }
    for function in Activation::ALL {
        let (nan, out) = (on(&Tensor::new(&[f32::NAN], &Device::Cpu)?), zeros(&[1], DType::F32));
        activation::forward(&engine(), function, &nan, &out)?;
        assert!(values(&out)[0].is_nan(), "{function:?}");
    }
    Ok(())
}

#[test]
fn gated_activations_equal_their_references() -> Outcome {
    for (function, shapes) in Activation::ALL.map(|function| match function {
        Activation::Silu => (function, [(1, 1), (3, 7), (37, 16), (130, 257), (3, 9001)].as_slice()),
        _ => (function, [(3, 7), (37, 16)].as_slice()),
    }) {
        for (&(rows, hidden), dtype) in shapes.iter().flat_map(|shape| TYPES.map(|dtype| (shape, dtype))) {
            let x = Var::from_tensor(&(random("x", &[rows, 2 * hidden], dtype) * 3.0)?)?;
            let dy = random("dy", &[rows, hidden], dtype);
            let expected = reference::gated(function, &x)?;
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let (out, dx) = (zeros(&[rows, hidden], dtype), on(&random("old", &[rows, 2 * hidden], dtype)));
            gated::forward(&engine(), function, &on(&x), &out)?;
            assert_close("out", &out, &expected);
            gated::backward(&engine(), function, &on(&x), &on(&dy), &dx)?;
            assert_close("dx", &dx, grads.get(&x).unwrap());
        }
    }
    // e^-x overflows
    for dtype in TYPES {
        let (x, out) =
            (Tensor::new(&[[-1000.0, 1000.0, 2.0, 2.0]], &Device::Cpu)?.to_dtype(dtype)?, zeros(&[1, 2], dtype));
        gated::forward(&engine(), Activation::Silu, &on(&x), &out)?;
        assert_close("out", &out, &Tensor::new(&[[0.0, 2000.0]], &Device::Cpu)?);
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
        let (ids, at) = (column(&ids), column(&at));
        let [tokens_on, places_on, dy_on] = [&tokens, &places, &dy].map(on);
        embedding::forward(&engine(), &[Lookup::new(&ids, &tokens_on), Lookup::new(&at, &places_on)], &out)?;
        assert_close("out", &out, &expected);
        let (dtokens, dplaces) = (zeros(&[vocab, width], dtype), zeros(&[context, width], dtype));
        embedding::backward(&engine(), &dy_on, &[Lookup::new(&ids, &dtokens), Lookup::new(&at, &dplaces)])?;
        assert_close("dtokens", &dtokens, grads.get(&tokens).unwrap());
        assert_close("dplaces", &dplaces, grads.get(&places).unwrap());
        // without positions
        let expected = tokens.index_select(&ids_tensor, 0)?;
        embedding::forward(&engine(), &[Lookup::new(&ids, &tokens_on)], &out)?;
        assert_close("out", &out, &expected);
        let again = zeros(&[vocab, width], dtype);
        embedding::backward(&engine(), &dy_on, &[Lookup::new(&ids, &again)])?;
        assert_close("dtokens", &again, grads.get(&tokens).unwrap());
        // in any order
        let unordered = zeros(&[vocab, width], dtype);
        embedding::backward(&engine().deterministic(false), &dy_on, &[Lookup::new(&ids, &unordered)])?;
        assert_close("dtokens", &unordered, grads.get(&tokens).unwrap());
    }
    Ok(())
}

/// Tokens, positions that begin at 2 as in OPT and RoBERTa, and token types, whose gradient nobody wants.
#[test]
fn three_tables_are_summed() -> Outcome {
    for dtype in TYPES {
        for width in [9, 16] {
            let ids: Vec<u32> = (0..18).map(|i| (i * i * 5 + i) % 11).collect();
            let at: Vec<u32> = (0..18).map(|i| i % 6).collect();
            let types: Vec<u32> = (0..18).map(|i| i / 9).collect();
            let tables = [("tokens", 11), ("places", 8), ("types", 2)];
            let tables = tables.map(|(name, n)| var(name, &[n, width], dtype));
            let dy = random("dy", &[18, width], dtype);
            let shifted: Vec<u32> = at.iter().map(|at| at + 2).collect();
            let mut expected = Tensor::zeros((18, width), dtype, &Device::Cpu)?;
            for (table, index) in tables.iter().zip([&ids, &shifted, &types]) {
                expected = (expected + table.index_select(&Tensor::new(index.as_slice(), &Device::Cpu)?, 0)?)?;
            }
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let (ids, at, types) = (column(&ids), column(&at), column(&types));
            let held = [on(&tables[0]), on(&tables[1]), on(&tables[2])];
            let (out, dy) = (zeros(&[18, width], dtype), on(&dy));
            let forward = [
                Lookup::new(&ids, &held[0]),
                Lookup { offset: 2, ..Lookup::new(&at, &held[1]) },
                Lookup::new(&types, &held[2]),
            ];
            embedding::forward(&engine(), &forward, &out)?;
            assert_close("out", &out, &expected);
            for deterministic in [true, false] {
                let (dtokens, dplaces) = (zeros(&[11, width], dtype), zeros(&[8, width], dtype));
                let gradients = [Lookup::new(&ids, &dtokens), Lookup { offset: 2, ..Lookup::new(&at, &dplaces) }];
                embedding::backward(&engine().deterministic(deterministic), &dy, &gradients)?;
                assert_close("dtokens", &dtokens, grads.get(&tables[0]).unwrap());
                assert_close("dplaces", &dplaces, grads.get(&tables[1]).unwrap());
            }
            let four = [forward[0], forward[1], forward[2], forward[0]];
            let error = embedding::forward(&engine(), &four, &out).unwrap_err().to_string();
            assert_eq!(error, "embedding: 4 tables, expected 1 to 3");
        }
    }
    Ok(())
}

/// Six sequences of 35 elements at once, and the same in batches of 2 and 4.
#[test]
fn the_mask_of_a_sequence_does_not_depend_on_its_batch() -> Outcome {
    let mask = |first_sequence| dropout::Mask {
        stream: Stream::new(3, "dropout"),
        first_sequence,
        sites: 4,
        site: 1,
        rate: 0.25,
    };
    for length in [35, 64] {
        let masked = |sequences: usize, first: u64| -> Result<Vec<f64>, Box<dyn std::error::Error>> {
            let x = on(&Tensor::ones(sequences * length, DType::F32, &Device::Cpu)?.force_contiguous()?);
            dropout::apply(&engine(), &x, sequences, &mask(first))?;
            Ok(values(&x))
        };
        let whole = masked(6, 5)?;
        assert_eq!(whole, [masked(2, 5)?, masked(4, 7)?].concat());
        let sequences: std::collections::BTreeSet<String> =
            whole.chunks(length).map(|values| format!("{values:?}")).collect();
        assert_eq!(sequences.len(), 6, "sequences share a mask");
    }
    Ok(())
}

#[test]
fn dropout_keeps_the_mean_and_repeats_its_mask() -> Outcome {
    let mask = dropout::Mask { stream: Stream::new(3, "dropout"), first_sequence: 0, sites: 4, site: 1, rate: 0.25 };
    let ones = Tensor::ones(100_003, DType::F32, &Device::Cpu)?.force_contiguous()?;
    let (x, again) = (on(&ones), on(&ones));
    dropout::apply(&engine(), &x, 1, &mask)?;
    dropout::apply(&engine(), &again, 1, &mask)?;
    let values = values(&x);
    assert_eq!(values, again.to_vec()?);
    let zeros = values.iter().filter(|&&x| x == 0.0).count() as f64 / values.len() as f64;
    assert!((zeros - 0.25).abs() < 0.01, "share of zeros {zeros}");
    assert!(values.iter().all(|&x| x == 0.0 || (x - 4.0 / 3.0).abs() < 1e-6));
    Ok(())
}
