//! Recurrent layers: values and gradients against plain candle operations, values of PyTorch, single steps.

use super::{Outcome, TYPES, assert_close, engine, on, random, var, zeros};
use candle_core::{DType, Device, Tensor, Var};
use std::path::Path;
use trainyard::ops::recurrent::{self, Gradients, Kind, Recurrence, Weights};
use trainyard::ops::{self, Column, Gradient, View};

pub(super) const KINDS: [Kind; 4] = [Kind::Tanh, Kind::Relu, Kind::Gru, Kind::Lstm];

/// Document lengths of each sequence.
pub(super) type Documents<'a> = &'a [&'a [usize]];

/// Offsets of all rows, and the row before each of them in the order of time.
pub(super) fn rows_of(documents: Documents<'_>, reverse: bool) -> (Vec<u32>, Vec<Option<usize>>) {
    let (mut offsets, mut before) = (Vec::new(), Vec::new());
    for &length in documents.iter().copied().flatten() {
        let first = offsets.len();
        offsets.extend(0..length as u32);
        for row in first..first + length {
            before.push(match reverse {
                false => (row > first).then(|| row - 1),
                true => (row + 1 < first + length).then_some(row + 1),
            });
        }
    }
    (offsets, before)
}

pub(crate) fn sigmoid(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// With derivative 0 at 0, as PyTorch has it; candle's own has 1.
pub(crate) fn relu(x: &Tensor) -> candle_core::Result<Tensor> {
    x * x.gt(0.0)?.to_dtype(x.dtype())?.detach()
}

/// Row by row, with autograd. Weights: w_ih, w_hh, b_ih, b_hh.
pub(crate) fn reference(
    kind: Kind,
    x: &Tensor,
    weights: &[Var; 4],
    before: &[Option<usize>],
) -> candle_core::Result<Tensor> {
    let [w_ih, w_hh, b_ih, b_hh] = weights;
    let hidden = w_hh.dim(1)?;
    let nothing = Tensor::zeros((1, hidden), x.dtype(), x.device())?;
    let mut states: Vec<Option<(Tensor, Tensor)>> = vec![None; before.len()];
    while states.iter().any(Option::is_none) {
        for (row, before) in before.iter().enumerate() {
            let state = match before {
                None => (nothing.clone(), nothing.clone()),
                Some(before) => match &states[*before] {
                    None => continue,
                    Some(state) => state.clone(),
                },
            };
            let a = x.narrow(0, row, 1)?.matmul(&w_ih.t()?)?.broadcast_add(b_ih)?.chunk(kind.gates(), 1)?;
            let u = state.0.matmul(&w_hh.t()?)?.broadcast_add(b_hh)?.chunk(kind.gates(), 1)?;
            let sum = |i: usize| &a[i] + &u[i];
            states[row] = Some(match kind {
                Kind::Tanh => (sum(0)?.tanh()?, nothing.clone()),
                Kind::Relu => (relu(&sum(0)?)?, nothing.clone()),
                Kind::Gru => {
                    let (r, z) = (sigmoid(&sum(0)?)?, sigmoid(&sum(1)?)?);
                    let n = (&a[2] + (r * &u[2])?)?.tanh()?;
                    (((1.0 - &z)? * n)?.add(&(z * state.0)?)?, nothing.clone())
                }
                Kind::Lstm => {
                    let (i, f, o) = (sigmoid(&sum(0)?)?, sigmoid(&sum(1)?)?, sigmoid(&sum(3)?)?);
                    let c = ((f * state.1)? + (i * sum(2)?.tanh()?)?)?;
                    ((o * c.tanh()?)?, c)
                }
            });
        }
    }
    Tensor::cat(&states.into_iter().flatten().map(|(h, _)| h).collect::<Vec<_>>(), 0)
}

/// Columns 2.. of a tensor that is three columns wider, with numbers around them.
pub(super) fn around(x: &Tensor) -> ops::Tensor {
    let (rows, width) = x.dims2().unwrap();
    let wide = random("around", &[rows, width + 3], x.dtype()).slice_assign(&[0..rows, 2..2 + width], x).unwrap();
    on(&wide)
}

/// The same columns of a tensor.
pub(super) fn inside(tensor: &ops::Tensor, width: usize) -> Tensor {
    tensor.to_cpu().unwrap().narrow(1, 2, width).unwrap().force_contiguous().unwrap()
}

fn equals_reference(
    kind: Kind,
    (inputs, hidden): (usize, usize),
    documents: Documents<'_>,
    reverse: bool,
    dtype: DType,
) -> Outcome {
    let (offsets, before) = rows_of(documents, reverse);
    let (rows, length, gates) = (offsets.len(), documents[0].iter().sum(), kind.gates() * hidden);
    let x = var("x", &[rows, inputs], dtype);
    let shapes: [(&str, &[usize]); 4] =
        [("w_ih", &[gates, inputs]), ("w_hh", &[gates, hidden]), ("b_ih", &[gates]), ("b_hh", &[gates])];
    let scaled =
        |(name, shape): (&str, &[usize])| Var::from_tensor(&(random(name, shape, dtype) * 0.7).unwrap()).unwrap();
    let weights = shapes.map(scaled);
    let dout = random("dout", &[rows, hidden], dtype);
    let expected = reference(kind, &x, &weights, &before)?;
    let grads = (&expected * &dout)?.sum_all()?.backward()?;

    let (recurrence, engine) = (Recurrence { kind, length, reverse }, engine());
    let on_device = weights.each_ref().map(|tensor| on(tensor));
    let [w_ih, w_hh, b_ih, b_hh] = &on_device;
    let given = Weights { w_ih, w_hh, b_ih: Some(b_ih), b_hh: Some(b_hh) };
    let offsets = Column::new(&engine, &offsets)?;
    let (x_on, out, dout_on) = (around(&x), around(&dout), around(&dout));
    let (x_view, out_view) = (View::new(&x_on, 2, inputs)?, View::new(&out, 2, hidden)?);
    let kept = on(&random("old", &[rows, kind.kept() * hidden], dtype));
    recurrent::forward(&engine, recurrence, x_view, given, &offsets, out_view, &kept)?;
    let what = format!("{kind:?} {inputs}x{hidden}, {documents:?}, reverse {reverse}");
    assert_close(&format!("{what}: out"), &on(&inside(&out, hidden)), &expected);

    let (old, sums) = (around(&x), on_device.each_ref().map(|tensor| tensor.zeros_like().unwrap()));
    let [dw_ih, dw_hh, db_ih, db_hh] = &sums;
    let gradients = Gradients { w_ih: Some(dw_ih), w_hh: Some(dw_hh), b_ih: Some(b_ih), b_hh: Some(b_hh) };
    let gradients = Gradients { b_ih: Some(db_ih), b_hh: Some(db_hh), ..gradients };
    let dout_view = View::new(&dout_on, 2, hidden)?;
    let dx = Gradient::add(View::new(&old, 2, inputs)?);
    recurrent::backward(&engine, recurrence, dout_view, x_view, given, &offsets, out_view, &kept, Some(dx), gradients)?;
    let of_x = grads.get(&x).unwrap();
    assert_close(&format!("{what}: added dx"), &on(&inside(&old, inputs)), &(of_x + x.as_tensor())?);
    for (i, sum) in sums.iter().enumerate() {
        assert_close(&format!("{what}: weight {i}"), sum, grads.get(&weights[i]).unwrap());
    }
    // once more: the gradients of weights are added to, that of x overwritten
    recurrent::forward(&engine, recurrence, x_view, given, &offsets, out_view, &kept)?;
    let dx = Gradient::overwrite(View::new(&old, 2, inputs)?);
    recurrent::backward(&engine, recurrence, dout_view, x_view, given, &offsets, out_view, &kept, Some(dx), gradients)?;
    assert_close(&format!("{what}: dx"), &on(&inside(&old, inputs)), of_x);
    for (i, sum) in sums.iter().enumerate() {
        assert_close(&format!("{what}: twice weight {i}"), sum, &(grads.get(&weights[i]).unwrap() * 2.0)?);
    }
    // what lies around the columns is as it was
    let untouched = |tensor: &ops::Tensor, like: &Tensor| -> Outcome {
        let (width, got, old) = (like.dim(1)?, tensor.to_cpu()?, around(like).to_cpu()?);
        for (first, n) in [(0, 2), (2 + width, 1)] {
            let [got, old] = [&got, &old].map(|x| x.narrow(1, first, n).unwrap().force_contiguous().unwrap());
            assert_close("around", &on(&got), &old);
        }
        Ok(())
    };
    untouched(&out, &dout)?;
    untouched(&old, &x)
}

/// Documents in the middle of sequences, of one row, and other ones in each sequence; more sequences than a thread
/// takes at a time.
#[test]
fn recurrent_layers_equal_their_references() -> Outcome {
    let shapes: [((usize, usize), Documents<'_>); 4] = [
        ((1, 1), &[&[1]]),
        ((3, 5), &[&[3, 4], &[7], &[1, 1, 5]]),
        ((7, 18), &[&[2, 3], &[5], &[4, 1], &[5], &[1, 4], &[5], &[3, 2], &[5], &[5]]),
        ((20, 33), &[&[6, 1]]),
    ];
    for dtype in TYPES {
        for kind in KINDS {
            for (sizes, documents) in shapes {
                for reverse in [false, true] {
                    equals_reference(kind, sizes, documents, reverse, dtype)?;
                }
            }
        }
    }
    Ok(())
}

/// Steps from row to row give the rows of the whole, for several sequences at a time.
#[test]
fn single_steps_equal_the_whole() -> Outcome {
    for dtype in TYPES {
        for kind in KINDS {
            for (n, length, inputs, hidden) in [(1, 3, 2, 1), (3, 4, 5, 17), (9, 2, 4, 6)] {
                let (rows, gates, engine) = (n * length, kind.gates() * hidden, engine());
                let x = random("x", &[rows, inputs], dtype);
                let (w_ih, w_hh) =
                    (on(&random("i", &[gates, inputs], dtype)), on(&random("h", &[gates, hidden], dtype)));
                let b_hh = on(&random("b", &[gates], dtype));
                let weights = Weights { w_ih: &w_ih, w_hh: &w_hh, b_ih: None, b_hh: Some(&b_hh) };
                let (out, kept) = (zeros(&[rows, hidden], dtype), zeros(&[rows, kind.kept() * hidden], dtype));
                let offsets: Vec<u32> = (0..rows).map(|row| (row % length) as u32).collect();
                let recurrence = Recurrence { kind, length, reverse: false };
                let x_on = on(&x);
                recurrent::forward(&engine, recurrence, &x_on, weights, &Column::new(&engine, &offsets)?, &out, &kept)?;
                let whole = out.to_cpu()?.reshape((n, length, hidden))?;
                let state = zeros(&[n, kind.states() * hidden], dtype);
                for t in 0..length {
                    let row = x.reshape((n, length, inputs))?.narrow(1, t, 1)?.squeeze(1)?.force_contiguous()?;
                    let got = zeros(&[n, hidden], dtype);
                    recurrent::step(&engine, kind, &on(&row), weights, &state, &got)?;
                    assert_close("step", &got, &whole.narrow(1, t, 1)?.squeeze(1)?.force_contiguous()?);
                }
            }
        }
    }
    Ok(())
}

/// The same bits on one thread and on several, with more sequences than threads and fewer.
#[test]
fn recurrent_layers_do_not_depend_on_threads() -> Outcome {
    for dtype in TYPES {
        for kind in [Kind::Gru, Kind::Lstm] {
            for (n, length) in [(1, 9), (5, 4), (61, 3)] {
                let (inputs, hidden, engine) = (19, 40, engine());
                let (rows, gates) = (n * length, kind.gates() * hidden);
                let x = on(&random("x", &[rows, inputs], dtype));
                let (w_ih, w_hh) =
                    (on(&random("i", &[gates, inputs], dtype)), on(&random("h", &[gates, hidden], dtype)));
                let (weights, dout) = (
                    Weights { w_ih: &w_ih, w_hh: &w_hh, b_ih: None, b_hh: None },
                    on(&random("d", &[rows, hidden], dtype)),
                );
                let offsets: Vec<u32> = (0..rows).map(|row| (row % length) as u32).collect();
                let recurrence = Recurrence { kind, length, reverse: false };
                let run = || -> Result<Vec<Vec<f64>>, trainyard::Error> {
                    let (out, kept) = (zeros(&[rows, hidden], dtype), zeros(&[rows, kind.kept() * hidden], dtype));
                    let offsets = Column::new(&engine, &offsets)?;
                    let (dw_ih, dw_hh, dx) = (w_ih.zeros_like()?, w_hh.zeros_like()?, x.zeros_like()?);
                    let gradients = Gradients { w_ih: Some(&dw_ih), w_hh: Some(&dw_hh), b_ih: None, b_hh: None };
                    recurrent::forward(&engine, recurrence, &x, weights, &offsets, &out, &kept)?;
                    let to = Some(Gradient::overwrite(&dx));
                    recurrent::backward(&engine, recurrence, &dout, &x, weights, &offsets, &out, &kept, to, gradients)?;
                    [&out, &dx, &dw_ih, &dw_hh].into_iter().map(|tensor| tensor.to_vec()).collect()
                };
                let on_threads =
                    |n: usize| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(run);
                let expected = on_threads(1)?;
                assert!(on_threads(2)? == expected && on_threads(5)? == expected, "{kind:?}, {n} sequences");
            }
        }
    }
    Ok(())
}

/// Layers of `torch.nn` in both directions; the numbers are from peers/recurrent_torch.py.
#[test]
fn recurrent_layers_equal_pytorch() -> Outcome {
    let path = Path::new(&crate::device::manifest_dir()).join("golden/recurrent.json");
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    for case in cases["cases"].as_array().unwrap() {
        let tensor = |value: &serde_json::Value| -> Tensor {
            let rows: Vec<&Vec<_>> = value.as_array().unwrap().iter().filter_map(|row| row.as_array()).collect();
            let flat = |list: &Vec<serde_json::Value>| list.iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
            match rows.is_empty() {
                true => {
                    Tensor::from_vec(flat(value.as_array().unwrap()), value.as_array().unwrap().len(), &Device::Cpu)
                }
                false => Tensor::from_vec(
                    rows.iter().flat_map(|row| flat(row)).collect::<Vec<_>>(),
                    (rows.len(), rows[0].len()),
                    &Device::Cpu,
                ),
            }
            .unwrap()
        };
        let kind = match case["kind"].as_str().unwrap() {
            "RNN_TANH" => Kind::Tanh,
            "RNN_RELU" => Kind::Relu,
            "GRU" => Kind::Gru,
            _ => Kind::Lstm,
        };
        let length = case["length"].as_u64().unwrap() as usize;
        let (engine, x, dout) = (engine(), on(&tensor(&case["x"])), on(&tensor(&case["dout"])));
        let (rows, hidden) = (x.dim(0)?, dout.row_width() / 2);
        let offsets: Vec<u32> = (0..rows).map(|row| (row % length) as u32).collect();
        let offsets = Column::new(&engine, &offsets)?;
        let (out, dx) = (zeros(&[rows, 2 * hidden], DType::F64), zeros(&[rows, x.row_width()], DType::F64));
        for (first, direction, reverse) in [(0, "forward", false), (hidden, "reverse", true)] {
            let (given, expected) = (&case["weights"][direction], &case["gradients"][direction]);
            let weights = ["w_ih", "w_hh", "b_ih", "b_hh"].map(|name| on(&tensor(&given[name])));
            let sums = weights.each_ref().map(|weight| weight.zeros_like().unwrap());
            let [w_ih, w_hh, b_ih, b_hh] = &weights;
            let weights = Weights { w_ih, w_hh, b_ih: Some(b_ih), b_hh: Some(b_hh) };
            let [w_ih, w_hh, b_ih, b_hh] = &sums;
            let gradients = Gradients { w_ih: Some(w_ih), w_hh: Some(w_hh), b_ih: Some(b_ih), b_hh: Some(b_hh) };
            let (recurrence, kept) =
                (Recurrence { kind, length, reverse }, zeros(&[rows, kind.kept() * hidden], DType::F64));
            let (view, dout) = (View::new(&out, first, hidden)?, View::new(&dout, first, hidden)?);
            recurrent::forward(&engine, recurrence, &x, weights, &offsets, view, &kept)?;
            let dx = Some(Gradient::add(&dx));
            recurrent::backward(&engine, recurrence, dout, &x, weights, &offsets, view, &kept, dx, gradients)?;
            for (name, sum) in ["w_ih", "w_hh", "b_ih", "b_hh"].iter().zip(&sums) {
                assert_close(&format!("{kind:?} {direction} {name}"), sum, &tensor(&expected[*name]));
            }
        }
        assert_close(&format!("{kind:?} out"), &out, &tensor(&case["out"]));
        assert_close(&format!("{kind:?} dx"), &dx, &tensor(&case["dx"]));
    }
    Ok(())
}

/// Sizes that do not go together are errors and no panics.
#[test]
fn recurrent_layers_refuse_sizes_that_do_not_fit() -> Outcome {
    let engine = engine();
    let float = |shape: &[usize]| zeros(shape, DType::F32);
    let (x, w_ih, w_hh, out, kept) = (float(&[6, 3]), float(&[8, 3]), float(&[8, 2]), float(&[6, 2]), float(&[6, 10]));
    let weights = Weights { w_ih: &w_ih, w_hh: &w_hh, b_ih: None, b_hh: None };
    let offsets = [0, 1, 2, 0, 1, 2];
    let offsets = Column::new(&engine, &offsets)?;
    let recurrence = |length: usize| Recurrence { kind: Kind::Lstm, length, reverse: false };
    recurrent::forward(&engine, recurrence(3), &x, weights, &offsets, &out, &kept)?;
    let error = recurrent::forward(&engine, recurrence(4), &x, weights, &offsets, &out, &kept).unwrap_err();
    assert_eq!(error.to_string(), "recurrence: 6 rows are no sequences of 4 rows");
    let error = recurrent::forward(&engine, recurrence(3), &x, weights, &offsets, &kept, &kept).unwrap_err();
    assert_eq!(error.to_string(), "recurrence: expected elements of w_ih to be 120, got 24");
    let error = recurrent::step(&engine, Kind::Lstm, &x, weights, &out, &out).unwrap_err();
    assert_eq!(error.to_string(), "recurrence: expected elements of the state to be 24, got 12");
    Ok(())
}
