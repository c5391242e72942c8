//! Attention, whole and position by position.

use super::{Outcome, TYPES, assert_close, column, engine, on, random, reference, shape, var, zeros};
use candle_core::{DType, Device, Tensor};
use trainyard::base::random::Stream;
use trainyard::ops::attention::{self, Gradients, Inputs, Shape, Span};
use trainyard::ops::{self, dropout};

#[test]
fn attention_equals_its_reference() -> Outcome {
    // (sequences, length, heads, kv_heads, head_width): lengths below, at and across the blocks of queries
    let shapes = [(1, 1, 1, 1, 1), (2, 7, 3, 3, 5), (3, 64, 2, 1, 8), (1, 200, 4, 2, 16), (2, 67, 4, 1, 3)];
    for dtype in TYPES {
        for (sequences, length, heads, kv_heads, head_width) in shapes {
            for span in [Span::Causal, Span::Full] {
                equals_reference(Shape::new(length, heads, kv_heads, head_width, span), sequences, dtype)?;
            }
        }
    }
    Ok(())
}

/// Sequences of several documents, with bounds inside, at and across the blocks of queries, a document of one row, and
/// another division in each sequence.
#[test]
fn no_query_sees_a_key_of_another_document() -> Outcome {
    let lengths: [&[&[usize]]; 3] = [&[&[3, 4], &[7]], &[&[1, 31, 1, 37], &[32, 38], &[69, 1]], &[&[100, 60, 1, 39]]];
    for dtype in TYPES {
        for documents in lengths {
            for (heads, kv_heads, head_width) in [(3, 3, 5), (4, 2, 16), (2, 1, 8)] {
                for span in [Span::Causal, Span::Full] {
                    let length = documents[0].iter().sum();
                    let documents = documents.iter().copied().flatten().copied();
                    packed_equals_reference(Shape::new(length, heads, kv_heads, head_width, span), documents, dtype)?;
                }
            }
        }
    }
    Ok(())
}

fn equals_reference(shape: Shape, sequences: usize, dtype: DType) -> Outcome {
    packed_equals_reference(shape, std::iter::repeat_n(shape.length, sequences), dtype)
}

/// Forward and backward over documents of these `lengths`, which fill whole sequences.
fn packed_equals_reference(shape: Shape, lengths: impl Iterator<Item = usize>, dtype: DType) -> Outcome {
    let (mut positions, mut document) = (Vec::new(), Vec::new());
    for (index, length) in lengths.enumerate() {
        positions.extend(0..length as u32);
        document.resize(positions.len(), index);
    }
    let (rows, width) = (positions.len(), shape.out_width());
    let qkv = var("qkv", &[rows, shape.qkv_width()], dtype);
    let dout = random("dout", &[rows, width], dtype);
    let expected = reference::packed_attention(&qkv, &document, shape)?;
    let grads = (&expected * &dout)?.sum_all()?.backward()?;
    let (out, qkv_on) = (on(&random("old out", &[rows, width], dtype)), on(&qkv));
    let lse = zeros(&[rows / shape.length, shape.heads, shape.length], dtype);
    let positions = column(&positions);
    let inputs = Inputs::packed(&qkv_on, &positions, shape)?;
    attention::forward(&engine(), &inputs, shape, &out, &lse)?;
    assert_close("out", &out, &expected);
    let dqkv = on(&random("old", &[rows, shape.qkv_width()], dtype));
    attention::backward(&engine(), &on(&dout), &inputs, shape, &out, &lse, &Gradients::packed(&dqkv, shape)?)?;
    assert_close("dqkv", &dqkv, grads.get(&qkv).unwrap());
    Ok(())
}

/// Large scores, and rows of scores that are all equal: the exponentials neither overflow nor vanish.
#[test]
fn attention_is_right_for_extreme_scores() -> Outcome {
    for dtype in TYPES {
        for factor in [0.0, 30.0] {
            let shape = shape(70, 2, 16);
            let positions: Vec<u32> = (0..70).collect();
            let qkv = (random("qkv", &[70, shape.qkv_width()], dtype) * factor)?;
            let (out, lse) = (zeros(&[70, 32], dtype), zeros(&[1, 2, 70], dtype));
            let (qkv_on, positions) = (on(&qkv), column(&positions));
            attention::forward(&engine(), &Inputs::packed(&qkv_on, &positions, shape)?, shape, &out, &lse)?;
            let expected = reference::attention(&qkv, shape)?;
            let far = ((out.to_cpu()? - expected)?.abs()?.max_all()?.to_dtype(DType::F64)?).to_scalar::<f64>()?;
            assert!(far <= factor * 1e-3, "off by {far}");
        }
    }
    Ok(())
}

/// With dropout there is no reference: the gradient is compared with finite differences under the same mask.
#[test]
fn attention_with_dropout_has_the_gradient_of_finite_differences() -> Outcome {
    for (kv_heads, span) in [(2, Span::Causal), (1, Span::Causal), (1, Span::Full), (2, Span::Window(3))] {
        for documents in [[9, 0], [4, 5]] {
            dropout_gradient(Shape { kv_heads, span, ..shape(9, 2, 3) }, documents)?;
        }
    }
    Ok(())
}

/// Two sequences of the same documents; the masks of all their rows differ.
fn dropout_gradient(shape: Shape, documents: [u32; 2]) -> Outcome {
    let positions: Vec<u32> = [documents, documents].concat().into_iter().flat_map(|length| 0..length).collect();
    let (rows, width, qkv_width) = (2 * shape.length, shape.out_width(), shape.qkv_width());
    let mask = dropout::Mask { stream: Stream::new(3, "dropout"), first_sequence: 1, sites: 4, site: 1, rate: 0.3 };
    let dout = random("dout", &[rows, width], DType::F64);
    let (positions, dout_on) = (column(&positions), on(&dout));
    let value = |qkv: &Tensor| -> Result<(f64, ops::Tensor, ops::Tensor), Box<dyn std::error::Error>> {
        let (out, lse) = (zeros(&[rows, width], DType::F64), zeros(&[2, shape.heads, shape.length], DType::F64));
        let qkv = on(qkv);
        let inputs = Inputs { dropout: Some(&mask), ..Inputs::packed(&qkv, &positions, shape)? };
        attention::forward(&engine(), &inputs, shape, &out, &lse)?;
        Ok(((out.to_cpu()? * &dout)?.sum_all()?.to_scalar()?, out, lse))
    };
    let qkv = random("qkv", &[rows, qkv_width], DType::F64);
    let (_, out, lse) = value(&qkv)?;
    let plain = zeros(&[rows, width], DType::F64);
    let qkv_on = on(&qkv);
    let inputs = Inputs::packed(&qkv_on, &positions, shape)?;
    attention::forward(&engine(), &inputs, shape, &plain, &lse.zeros_like()?)?;
    assert!((out.to_cpu()? - plain.to_cpu()?)?.abs()?.max_all()?.to_scalar::<f64>()? > 0.1, "the mask did nothing");
    let dqkv = zeros(&[rows, qkv_width], DType::F64);
    let (inputs, to) = (Inputs { dropout: Some(&mask), ..inputs }, Gradients::packed(&dqkv, shape)?);
    attention::backward(&engine(), &dout_on, &inputs, shape, &out, &lse, &to)?;
    let (flat, gradient) = (qkv.flatten_all()?.to_vec1::<f64>()?, dqkv.to_vec()?);
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
