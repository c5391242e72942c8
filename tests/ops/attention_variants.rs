//! Attention as families of models use it: windows, caps, sources, relative bias, columns of any tensors, caches.

use super::{Outcome, TYPES, assert_close, column, engine, on, random, reference, var, zeros};
use candle_core::{DType, Device, Tensor, Var};
use trainyard::base::random::Stream;
use trainyard::ops::attention::{self, Cache, Extent, Gradients, Inputs, Shape, Span};
use trainyard::ops::{self, View, dropout::Mask};

/// One attention: lengths of documents, or rows of a source and how many of them count in each sequence.
struct Case {
    shape: Shape,
    documents: &'static [usize],
    source: Option<(usize, &'static [u32])>,
    /// Positions that the relative bias is for.
    bias: Option<usize>,
}

fn case(shape: Shape, documents: &'static [usize]) -> Case {
    Case { shape, documents, source: None, bias: None }
}

/// Where queries, keys and values are: for each the tensor and its first column, and the widths of the tensors.
struct Layout {
    places: [(usize, usize); 3],
    strides: Vec<usize>,
}

impl Layout {
    fn all(shape: Shape, is_cross: bool) -> Vec<Self> {
        let (q, kv) = (shape.out_width(), shape.kv_width());
        let mut layouts = vec![
            Self { places: [(0, 0), (1, 2), (2, 0)], strides: vec![q + 3, kv + 2, kv] },
            Self { places: [(0, 1), (1, kv + 1), (1, 0)], strides: vec![q + 1, 2 * kv + 1] },
        ];
        if !is_cross {
            layouts.push(Self { places: [(0, kv), (0, kv + q), (0, 0)], strides: vec![2 * kv + q] });
        }
        layouts
    }

    /// Random tensors with `parts` in their places.
    fn tensors(&self, name: &str, parts: [&Tensor; 3]) -> Vec<ops::Tensor> {
        let tensor = |index: usize| {
            let inside = || (0..3).filter(|&part| self.places[part].0 == index);
            let (rows, stride) = (parts[inside().next().unwrap()].dim(0).unwrap(), self.strides[index]);
            let dtype = parts[0].dtype();
            let mut values = values(&random(name, &[rows, stride], dtype));
            for part in inside() {
                let (first, width) = (self.places[part].1, parts[part].dim(1).unwrap());
                for (row, part) in values.chunks_mut(stride).zip(self::values(parts[part]).chunks(width)) {
                    row[first..first + width].copy_from_slice(part);
                }
            }
            on(&Tensor::from_vec(values, (rows, stride), &Device::Cpu).unwrap().to_dtype(dtype).unwrap())
        };
        (0..self.strides.len()).map(tensor).collect()
    }

    fn views<'a>(&self, tensors: &'a [ops::Tensor], shape: Shape) -> [View<'a>; 3] {
        let widths = [shape.out_width(), shape.kv_width(), shape.kv_width()];
        std::array::from_fn(|i| View::new(&tensors[self.places[i].0], self.places[i].1, widths[i]).unwrap())
    }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// The columns of a view.
fn columns(view: View<'_>) -> ops::Tensor {
    let whole = view.tensor.to_cpu().unwrap();
    whole.narrow(1, view.first, view.width).unwrap().force_contiguous().unwrap().into()
}

/// Forward and backward in all layouts.
#[track_caller]
fn equals_reference(case: &Case, dtype: DType) -> Outcome {
    let Case { shape, documents, source, bias } = case;
    let rows: usize = documents.iter().sum();
    let sequences = rows / shape.length;
    let key_rows = source.map_or(rows, |(length, _)| sequences * length);
    let document: Vec<usize> = documents.iter().enumerate().flat_map(|(i, &n)| vec![i; n]).collect();
    let [q, k, v] =
        [("q", rows, shape.out_width()), ("k", key_rows, shape.kv_width()), ("v", key_rows, shape.kv_width())]
            .map(|(name, rows, width)| var(name, &[rows, width], dtype));
    let bias = bias.map(|n| var("bias", &[shape.heads, 2 * n - 1], dtype));
    let sees = |sequence: usize, query: usize, key: usize| match source {
        Some((_, valid)) => key < valid[sequence] as usize,
        None => {
            let document = &document[sequence * shape.length..][..shape.length];
            document[query] == document[key] && reference::sees(shape.span, query, key)
        }
    };
    let expected = reference::any_attention([&q, &k, &v], bias.as_deref(), *shape, sees)?;
    let dout = random("dout", &[rows, shape.out_width()], dtype);
    let grads = (&expected * &dout)?.sum_all()?.backward()?;
    let gradient = |var: &Var| grads.get(var).unwrap().clone();

    let offsets: Vec<u32> = documents.iter().flat_map(|&n| 0..n as u32).collect();
    let (offsets, valid) = (column(&offsets), column(source.map_or(&[0][..], |(_, valid)| valid)));
    let extent = match source {
        Some((length, _)) => Extent::Source { length: *length, valid: &valid, of: None },
        None => Extent::Documents(&offsets),
    };
    let bias_on = bias.as_ref().map(|bias| on(bias));
    for layout in Layout::all(*shape, source.is_some()) {
        let tensors = layout.tensors("others", [&q, &k, &v]);
        let [queries, keys, values] = layout.views(&tensors, *shape);
        let inputs = Inputs { queries, keys, values, extent, bias: bias_on.as_ref(), dropout: None };
        let (out, lse) =
            (on(&random("old out", &[rows, shape.out_width()], dtype)), zeros(&[rows * shape.heads], dtype));
        attention::forward(&engine(), &inputs, *shape, &out, &lse)?;
        assert_close("out", &out, &expected);
        let old = [&q, &k, &v].map(|x| random("old", x.dims(), dtype));
        let dtensors = layout.tensors("others", [&old[0], &old[1], &old[2]]);
        let [dq, dk, dv] = layout.views(&dtensors, *shape);
        let dbias = bias.as_ref().map(|bias| on(&random("old dbias", bias.dims(), dtype)));
        let to = Gradients { queries: dq, keys: dk, values: dv, bias: dbias.as_ref() };
        attention::backward(&engine(), &on(&dout), &inputs, *shape, &out, &lse, &to)?;
        assert_close("dq", &columns(dq), &gradient(&q));
        assert_close("dk", &columns(dk), &gradient(&k));
        assert_close("dv", &columns(dv), &gradient(&v));
        if let (Some(bias), Some(dbias)) = (&bias, &dbias) {
            // added to what was there
            assert_close("dbias", dbias, &(gradient(bias) + random("old dbias", bias.dims(), dtype))?);
        }
        // what lies between the views is not touched
        let same = layout
            .tensors("others", [&columns(dq), &columns(dk), &columns(dv)].map(|x| x.to_cpu().unwrap()).each_ref());
        for (got, expected) in dtensors.iter().zip(&same) {
            assert_eq!(got.to_vec()?, expected.to_vec()?);
        }
    }
    Ok(())
}

/// As Llama and Mistral: grouped heads, whole sequences and packed ones, windows below, at and above lengths.
#[test]
fn grouped_heads_and_windows_equal_their_reference() -> Outcome {
    // Gradients of queries and keys are 0: in f32 what is left of rounding would be compared with it.
    equals_reference(&case(Shape::new(40, 4, 2, 6, Span::Window(1)), &[33, 7, 40]), DType::F64)?;
    for dtype in TYPES {
        for span in [Span::Causal, Span::Window(2), Span::Window(5), Span::Window(33), Span::Window(500)] {
            equals_reference(&case(Shape::new(67, 4, 2, 6, span), &[67, 67]), dtype)?;
            equals_reference(&case(Shape::new(70, 2, 1, 3, span), &[30, 1, 39, 70]), dtype)?;
        }
        equals_reference(&case(Shape::new(200, 2, 2, 16, Span::Window(40)), &[150, 50]), dtype)?;
        equals_reference(&case(Shape::new(70, 3, 3, 5, Span::Full), &[70, 3, 67]), dtype)?;
    }
    Ok(())
}

/// As Gemma 2: a cap and a scale of its own, all before and in a window.
#[test]
fn capped_scores_equal_their_reference() -> Outcome {
    for dtype in TYPES {
        for span in [Span::Causal, Span::Window(20), Span::Full] {
            let shape = Shape { scale: 0.7, soft_cap: 2.0, ..Shape::new(50, 4, 2, 8, span) };
            equals_reference(&case(shape, &[50, 20, 30]), dtype)?;
        }
        let shape = Shape { scale: 1.5, ..Shape::new(9, 2, 2, 7, Span::Causal) };
        equals_reference(&case(shape, &[9]), dtype)?;
    }
    Ok(())
}

/// As BART: queries of one sequence, keys of another, of which not all rows count.
#[test]
fn attention_to_a_source_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (length, documents, source) in [
            (5, &[5, 5, 5][..], (7, &[7, 1, 4][..])),
            (70, &[70, 70], (41, &[41, 33])),
            (40, &[40], (100, &[65])),
            (1, &[1, 1], (40, &[40, 39])),
        ] {
            let shape = Shape::new(length, 4, 2, 6, Span::Full);
            equals_reference(&Case { source: Some(source), ..case(shape, documents) }, dtype)?;
        }
    }
    Ok(())
}

/// As T5: scores without a scale, with a bias by distance, in both directions and causally, with a bias for more
/// positions than there are.
#[test]
fn a_relative_bias_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for span in [Span::Full, Span::Causal, Span::Window(30)] {
            let shape = Shape { scale: 1.0, ..Shape::new(70, 2, 2, 4, span) };
            equals_reference(&Case { bias: Some(70), ..case(shape, &[70, 70]) }, dtype)?;
            equals_reference(&Case { bias: Some(81), ..case(shape, &[33, 37]) }, dtype)?;
            let capped = Shape { soft_cap: 3.0, kv_heads: 1, ..shape };
            equals_reference(&Case { bias: Some(70), ..case(capped, &[70]) }, dtype)?;
        }
        let shape = Shape::new(5, 2, 1, 3, Span::Causal);
        equals_reference(&Case { bias: Some(5), ..case(shape, &[5, 2, 3]) }, dtype)?;
    }
    Ok(())
}

/// A query that sees nothing of its source has no result and no gradients.
#[test]
fn an_empty_source_gives_zeros() -> Outcome {
    for dtype in TYPES {
        let shape = Shape::new(3, 2, 1, 4, Span::Full);
        let [q, k, v] =
            [("q", [6, 8]), ("k", [4, 4]), ("v", [4, 4])].map(|(name, dims)| on(&random(name, &dims, dtype)));
        let valid = column(&[0, 2]);
        let inputs = Inputs {
            queries: View::from(&q),
            keys: View::from(&k),
            values: View::from(&v),
            extent: Extent::Source { length: 2, valid: &valid, of: None },
            bias: None,
            dropout: None,
        };
        let (out, lse) = (on(&random("out", &[6, 8], dtype)), zeros(&[12], dtype));
        attention::forward(&engine(), &inputs, shape, &out, &lse)?;
        let [dq, dk, dv] = [[6, 8], [4, 4], [4, 4]].map(|dims| on(&random("old", &dims, dtype)));
        let to = Gradients { queries: View::from(&dq), keys: View::from(&dk), values: View::from(&dv), bias: None };
        attention::backward(&engine(), &on(&random("dout", &[6, 8], dtype)), &inputs, shape, &out, &lse, &to)?;
        for tensor in [&out, &dq, &dk, &dv] {
            let values = tensor.to_vec()?;
            let (first, second) = values.split_at(values.len() / 2);
            assert!(first.iter().all(|&x| x == 0.0), "{first:?}");
            assert!(second.iter().any(|&x| x != 0.0) && second.iter().all(|x| x.is_finite()), "{second:?}");
        }
    }
    Ok(())
}

/// The cached form, position by position and several at a time, gives the rows of the whole.
#[test]
fn cached_attention_equals_its_reference() -> Outcome {
    let usual = |length, heads, kv_heads, head_width| Shape::new(length, heads, kv_heads, head_width, Span::Causal);
    let cases = [
        (usual(1, 1, 1, 1), None),
        (usual(70, 3, 3, 5), None),
        (usual(13, 4, 1, 16), None),
        (Shape { span: Span::Window(7), ..usual(70, 4, 2, 8) }, None),
        (Shape { span: Span::Window(40), soft_cap: 2.0, scale: 0.6, ..usual(70, 2, 1, 4) }, None),
        (Shape { scale: 1.0, ..usual(45, 2, 2, 3) }, Some(50)),
    ];
    for dtype in TYPES {
        for (shape, bias) in cases {
            for step in [1, 3, 40] {
                cached_equals_reference(shape, bias, step, dtype)?;
            }
        }
    }
    Ok(())
}

fn cached_equals_reference(shape: Shape, bias: Option<usize>, step: usize, dtype: DType) -> Outcome {
    let (length, q, kv) = (shape.length, shape.out_width(), shape.kv_width());
    let qkv = random("qkv", &[length, shape.qkv_width()], dtype);
    let bias = bias.map(|n| random("bias", &[shape.heads, 2 * n - 1], dtype));
    let parts = [qkv.narrow(1, 0, q)?, qkv.narrow(1, q, kv)?, qkv.narrow(1, q + kv, kv)?];
    let sees = |_, query, key| reference::sees(shape.span, query, key);
    let expected = reference::any_attention(parts.each_ref(), bias.as_ref(), shape, sees)?;
    let bias = bias.as_ref().map(on);
    let keys_values = zeros(&[length + 2, 2 * kv], dtype);
    for position in (0..length).step_by(step) {
        let rows = step.min(length - position);
        let new = on(&qkv.narrow(0, position, rows)?.force_contiguous()?);
        let got = zeros(&[rows, q], dtype);
        let cache = Cache { keys_values: &keys_values, positions: &[position], bias: bias.as_ref() };
        attention::cached(&engine(), shape.side_by_side(&new)?, shape, &cache, &got)?;
        assert_close("cached", &got, &expected.narrow(0, position, rows)?.force_contiguous()?);
    }
    Ok(())
}

#[test]
fn attention_refuses_what_it_cannot_do() -> Outcome {
    let shape = Shape::new(4, 2, 2, 3, Span::Causal);
    let (offsets, dtype) = (column(&[0, 1, 2, 3]), DType::F32);
    let [qkv, out, lse] = [&[4, 18][..], &[4, 6], &[1, 2, 4]].map(|dims| zeros(dims, dtype));
    let inputs = Inputs::packed(&qkv, &offsets, shape)?;
    let refuses = |inputs: &Inputs<'_>, shape: Shape, expected: &str| {
        let error = attention::forward(&engine(), inputs, shape, &out, &lse).unwrap_err().to_string();
        assert_eq!(error, format!("attention: {expected}"));
    };
    refuses(&inputs, Shape { kv_heads: 0, ..shape }, "expected heads that 0 heads of keys and values divide, got 2");
    refuses(&inputs, Shape { span: Span::Window(0), ..shape }, "expected a window of at least 1 position, got 0");
    refuses(&inputs, Shape { scale: f64::NAN, ..shape }, "expected a scale and a cap of at least 0, got NaN and 0");
    refuses(&inputs, Shape { length: 3, ..shape }, "4 rows are not a number of sequences of 3");
    refuses(&inputs, Shape { head_width: 2, ..shape }, "expected 4 columns of queries, got 6");
    let few = column(&[0, 1, 2]);
    let fewer = Inputs { extent: Extent::Documents(&few), ..inputs };
    refuses(&fewer, shape, "expected a position for each of 4 rows, got 3");
    let valid = column(&[5]);
    let source = Inputs { extent: Extent::Source { length: 4, valid: &valid, of: None }, ..inputs };
    refuses(&source, shape, "all of a source is seen, without a relative bias");
    refuses(&source, Shape { span: Span::Full, ..shape }, "a source of 5 valid rows among 4");
    let bias = zeros(&[2, 5], dtype);
    let biased = Inputs { bias: Some(&bias), ..inputs };
    refuses(&biased, shape, "expected a relative bias [2, 7] or wider, got [2, 5]");
    let error = Inputs::packed(&out, &offsets, shape).unwrap_err().to_string();
    assert_eq!(error, "attention: expected 18 columns of queries, keys and values, got 6");
    let dqkv = zeros(&[4, 18], dtype);
    let to = Gradients { keys: View::new(&dqkv, 5, 6)?, ..Gradients::packed(&dqkv, shape)? };
    let error = attention::backward(&engine(), &out, &inputs, shape, &out, &lse, &to).unwrap_err().to_string();
    assert_eq!(error, "attention: the gradients of queries and keys share columns");
    let cache = Cache { keys_values: &zeros(&[3, 12], dtype), positions: &[0], bias: None };
    let error = attention::cached(&engine(), shape.side_by_side(&qkv)?, shape, &cache, &out).unwrap_err().to_string();
    assert_eq!(error, "attention: 4 rows at position 0 of a cache of 3");
    Ok(())
}

/// With dropout a source has a mask of its own width: the gradients are those of finite differences.
#[test]
fn dropout_over_a_source_has_the_gradient_of_finite_differences() -> Outcome {
    let shape = Shape::new(5, 2, 1, 3, Span::Full);
    let mask = Mask { stream: Stream::new(3, "dropout"), first_sequence: 1, sites: 2, site: 1, rate: 0.3 };
    let (valid, dout) = (column(&[6, 4]), random("dout", &[10, 6], DType::F64));
    let tensors = [("q", [10, 6]), ("k", [14, 3]), ("v", [14, 3])].map(|(name, dims)| random(name, &dims, DType::F64));
    let run = |tensors: [&Tensor; 3], to: Option<&Gradients<'_>>| -> Result<f64, Box<dyn std::error::Error>> {
        let on_device = tensors.map(on);
        let [queries, keys, values] = on_device.each_ref().map(View::from);
        let extent = Extent::Source { length: 7, valid: &valid, of: None };
        let inputs = Inputs { queries, keys, values, extent, bias: None, dropout: Some(&mask) };
        let (out, lse) = (zeros(&[10, 6], DType::F64), zeros(&[20], DType::F64));
        attention::forward(&engine(), &inputs, shape, &out, &lse)?;
        if let Some(to) = to {
            attention::backward(&engine(), &on(&dout), &inputs, shape, &out, &lse, to)?;
        }
        Ok((out.to_cpu()? * &dout)?.sum_all()?.to_scalar()?)
    };
    let gradients = tensors.each_ref().map(|tensor| zeros(tensor.dims(), DType::F64));
    let [queries, keys, values] = gradients.each_ref().map(View::from);
    run(tensors.each_ref(), Some(&Gradients { queries, keys, values, bias: None }))?;
    for (which, gradient) in gradients.iter().enumerate() {
        for (i, got) in gradient.to_vec()?.into_iter().enumerate().step_by(5) {
            let moved = |by: f64| {
                let mut values = self::values(&tensors[which]);
                values[i] += by;
                let moved = Tensor::from_vec(values, tensors[which].shape(), &Device::Cpu).unwrap();
                let tensor = |index: usize| if index == which { &moved } else { &tensors[index] };
                run(std::array::from_fn(tensor), None).unwrap()
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((got - expected).abs() < 1e-7, "{which}[{i}]: got {got}, expected {expected}");
        }
    }
    Ok(())
}
