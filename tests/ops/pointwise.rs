//! Activations, embedding and dropout.

use super::{Outcome, TYPES, assert_close, column, engine, on, random, reference, var, zeros};
use crate::device::values;
use candle_core::{DType, Device, Tensor, Var};
use trainyard::base::random::Stream;
use trainyard::ops::{dropout, embedding, gelu, gelu::Gelu, swiglu};

#[test]
fn gelu_equals_its_reference() -> Outcome {
    type Reference = fn(&Tensor) -> candle_core::Result<Tensor>;
    let forms: [(Gelu, Reference); 2] = [(Gelu::Tanh, reference::gelu_tanh), (Gelu::Erf, reference::gelu_erf)];
    for (form, reference) in forms {
        for dtype in TYPES {
            for n in [1, 63, 40_001] {
                let x = Var::from_tensor(&(random("gelu", &[n], dtype) * 3.0)?)?;
                let dy = random("dy", &[n], dtype);
                let expected = reference(&x)?;
                let grads = (&expected * &dy)?.sum_all()?.backward()?;
                let out = zeros(&[n], dtype);
                gelu::forward(&engine(), form, &on(&x), &out)?;
                assert_close("out", &out, &expected);
                let dx = on(&dy);
                gelu::backward(&engine(), form, &on(&x), &dx)?;
                assert_close("dx", &dx, grads.get(&x).unwrap());
            }
        }
    }
    Ok(())
}

/// As torch.nn.functional.gelu gives them: Φ and its approximation differ.
#[test]
fn the_forms_of_gelu_differ_as_they_should() -> Outcome {
    let x = Tensor::new(&[-3.0, -0.5, 1.0, 2.0_f64], &Device::Cpu)?;
    for (form, expected) in [
        (Gelu::Erf, [-0.00404969409489031, -0.15426876936299344, 0.841344746068543, 1.9544997361036416]),
        (Gelu::Tanh, [-0.0036373920817729943, -0.15428599017485606, 0.8411919906082768, 1.954597694087775]),
    ] {
        let out = zeros(&[4], DType::F64);
        gelu::forward(&engine(), form, &on(&x), &out)?;
        assert_close("out", &out, &Tensor::new(&expected, &Device::Cpu)?);
    }
    Ok(())
}

#[test]
fn swiglu_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (rows, hidden) in [(1, 1), (3, 7), (37, 16), (130, 257), (3, 9001)] {
            let x = Var::from_tensor(&(random("x", &[rows, 2 * hidden], dtype) * 3.0)?)?;
            let dy = random("dy", &[rows, hidden], dtype);
            let expected = reference::swiglu(&x)?;
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let (out, dx) = (zeros(&[rows, hidden], dtype), on(&random("old", &[rows, 2 * hidden], dtype)));
            swiglu::forward(&engine(), &on(&x), &out)?;
            assert_close("out", &out, &expected);
            swiglu::backward(&engine(), &on(&x), &on(&dy), &dx)?;
            assert_close("dx", &dx, grads.get(&x).unwrap());
        }
        // e^-x overflows
        let (x, out) =
            (Tensor::new(&[[-1000.0, 1000.0, 2.0, 2.0]], &Device::Cpu)?.to_dtype(dtype)?, zeros(&[1, 2], dtype));
        swiglu::forward(&engine(), &on(&x), &out)?;
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
        embedding::forward(&engine(), &ids, &tokens_on, Some((&at, &places_on)), &out)?;
        assert_close("out", &out, &expected);
        let (dtokens, dplaces) = (zeros(&[vocab, width], dtype), zeros(&[context, width], dtype));
        embedding::backward(&engine(), &ids, &dy_on, &dtokens, Some((&at, &dplaces)))?;
        assert_close("dtokens", &dtokens, grads.get(&tokens).unwrap());
        assert_close("dplaces", &dplaces, grads.get(&places).unwrap());
        // without positions
        let expected = tokens.index_select(&ids_tensor, 0)?;
        embedding::forward(&engine(), &ids, &tokens_on, None, &out)?;
        assert_close("out", &out, &expected);
        let again = zeros(&[vocab, width], dtype);
        embedding::backward(&engine(), &ids, &dy_on, &again, None)?;
        assert_close("dtokens", &again, grads.get(&tokens).unwrap());
        // in any order
        let unordered = zeros(&[vocab, width], dtype);
        embedding::backward(&engine().deterministic(false), &ids, &dy_on, &unordered, None)?;
        assert_close("dtokens", &unordered, grads.get(&tokens).unwrap());
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
