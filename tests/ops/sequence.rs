//! Operations that look at other rows of a sequence: shifts, convolutions, pools, expansions, linear recurrences.

use super::recurrent::{Documents, around, inside, rows_of};
use super::{Outcome, TYPES, assert_close, engine, on, random, var, zeros};
use candle_core::{DType, Device, Tensor, Var};
use trainyard::ops::pooling::{self, Pool};
use trainyard::ops::{self, Column, Gradient, View, bag, conv, expand, scan, shift};

/// Documents in the middle of sequences, shorter and longer than what is looked back at.
const DOCUMENTS: [Documents<'static>; 3] = [&[&[1]], &[&[3, 4], &[7], &[1, 1, 5]], &[&[6, 1, 12]]];

/// The gradient with respect to `var` of the sum of `expected` ∘ `dout`.
fn gradients(expected: &Tensor, dout: &Tensor, vars: &[&Var]) -> candle_core::Result<Vec<Tensor>> {
    let grads = (expected * dout)?.sum_all()?.backward()?;
    let of = |var: &&Var| grads.get(var).cloned().map_or_else(|| var.zeros_like(), Ok);
    vars.iter().map(of).collect()
}

/// Row `row` of x, or 0.
fn row_of(x: &Tensor, row: Option<usize>) -> candle_core::Result<Tensor> {
    row.map_or_else(|| Tensor::zeros((1, x.dim(1)?), x.dtype(), x.device()), |row| x.narrow(0, row, 1))
}

/// Runs a backward into columns of a wider tensor twice, adding and overwriting; `expected` is the gradient.
fn check_gradient(
    what: &str,
    expected: &Tensor,
    backward: impl Fn(Gradient<'_>) -> Result<(), trainyard::Error>,
) -> Outcome {
    let width = expected.dim(1)?;
    let old = random("old", expected.dims(), expected.dtype());
    let to = around(&old);
    backward(Gradient::add(View::new(&to, 2, width)?))?;
    assert_close(&format!("{what}, added"), &on(&inside(&to, width)), &(expected + old)?);
    backward(Gradient::overwrite(View::new(&to, 2, width)?))?;
    assert_close(what, &on(&inside(&to, width)), expected);
    let (got, before) =
        (to.to_cpu()?.narrow(1, 0, 2)?.force_contiguous()?, around(expected).to_cpu()?.narrow(1, 0, 2)?);
    assert_close("columns before", &on(&got), &before.force_contiguous()?);
    Ok(())
}

/// Runs a forward into columns of a wider tensor.
fn check_forward(
    what: &str,
    expected: &Tensor,
    forward: impl FnOnce(View<'_>) -> Result<(), trainyard::Error>,
) -> Outcome {
    let width = expected.dim(1)?;
    let out = around(&random("old", expected.dims(), expected.dtype()));
    forward(View::new(&out, 2, width)?)?;
    assert_close(what, &on(&inside(&out, width)), expected);
    Ok(())
}

/// Runs single steps over the rows of the only document; `step` gets a row of each input.
fn check_steps(
    what: &str,
    expected: &Tensor,
    inputs: &[&Tensor],
    step: impl Fn(&[ops::Tensor], &ops::Tensor) -> Result<(), trainyard::Error>,
) -> Outcome {
    for row in 0..expected.dim(0)? {
        let inputs: Vec<_> =
            inputs.iter().map(|x| on(&x.narrow(0, row, 1).unwrap().force_contiguous().unwrap())).collect();
        let out = zeros(&[1, expected.dim(1)?], expected.dtype());
        step(&inputs, &out)?;
        assert_close(&format!("{what}, row {row}"), &out, &expected.narrow(0, row, 1)?.force_contiguous()?);
    }
    Ok(())
}

fn for_all(test: impl Fn(Documents<'_>, usize, DType) -> Outcome) -> Outcome {
    for dtype in TYPES {
        for documents in DOCUMENTS {
            for width in [1, 5, 33] {
                test(documents, width, dtype)?;
            }
        }
    }
    Ok(())
}

/// The document that each row belongs to, and the rows of a sequence.
fn numbered(documents: Documents<'_>) -> (Vec<usize>, usize) {
    let lengths = documents.iter().copied().flatten().enumerate();
    let number = lengths.flat_map(|(number, &length)| std::iter::repeat_n(number, length)).collect();
    (number, documents[0].iter().sum())
}

#[test]
fn shifts_equal_their_reference() -> Outcome {
    for_all(|documents, width, dtype| {
        let ((offsets, _), (number, length), engine) = (rows_of(documents, false), numbered(documents), engine());
        let offsets = Column::new(&engine, &offsets)?;
        let (x, dout) = (var("x", &[number.len(), width], dtype), random("dout", &[number.len(), width], dtype));
        let (x_on, dout_on) = (around(&x), around(&dout));
        let (x_view, dout_view) = (View::new(&x_on, 2, width)?, View::new(&dout_on, 2, width)?);
        for by in [0, 1, 3, 50] {
            let source = |row: usize| row.checked_sub(by).filter(|&source| number[source] == number[row]);
            let rows = (0..number.len()).map(|row| row_of(&x, source(row))).collect::<Result<Vec<_>, _>>()?;
            let expected = Tensor::cat(&rows, 0)?;
            check_forward("shift", &expected, |out| shift::forward(&engine, by, x_view, &offsets, length, out))?;
            let dx = gradients(&expected, &dout, &[&x])?.remove(0);
            check_gradient("shift's dx", &dx, |dx| shift::backward(&engine, by, dout_view, &offsets, length, dx))?;
            if number.last() == Some(&0) {
                let state = zeros(&[1, by * width], dtype);
                check_steps("shift", &expected, &[&x], |x, out| shift::step(&engine, by, &x[0], &state, out))?;
            }
        }
        Ok(())
    })
}

#[test]
fn convolutions_equal_their_reference() -> Outcome {
    for_all(|documents, width, dtype| {
        let ((offsets, _), (number, length), engine) = (rows_of(documents, false), numbered(documents), engine());
        let (offsets, rows) = (Column::new(&engine, &offsets)?, number.len());
        let (x, dout) = (var("x", &[rows, width], dtype), random("dout", &[rows, width], dtype));
        let (x_on, dout_on) = (around(&x), around(&dout));
        let (x_view, dout_view) = (View::new(&x_on, 2, width)?, View::new(&dout_on, 2, width)?);
        for kernel in [1, 2, 4] {
            let (weight, bias) = (var("w", &[width, kernel], dtype), var("b", &[width], dtype));
            let mut expected = Vec::new();
            for row in 0..rows {
                let mut sum = bias.reshape((1, width))?;
                for back in (0..kernel).filter(|&back| back <= row && number[row - back] == number[row]) {
                    let tap = weight.narrow(1, kernel - 1 - back, 1)?.t()?;
                    sum = (sum + (x.narrow(0, row - back, 1)? * tap)?)?;
                }
                expected.push(sum);
            }
            let expected = Tensor::cat(&expected, 0)?;
            let (w, b) = (on(&weight), on(&bias));
            let forward = |out: View<'_>| conv::forward(&engine, x_view, &w, Some(&b), &offsets, length, out);
            check_forward("conv", &expected, forward)?;
            let expected_grads = gradients(&expected, &dout, &[&x, &weight, &bias])?;
            check_gradient("conv's dx", &expected_grads[0], |dx| {
                conv::backward(&engine, dout_view, x_view, &w, &offsets, length, Some(dx), None, None)
            })?;
            let (dw, db) = (on(&weight), on(&bias));
            conv::backward(&engine, dout_view, x_view, &w, &offsets, length, None, Some(&dw), Some(&db))?;
            assert_close("conv's dweight", &dw, &(&expected_grads[1] + weight.as_tensor())?);
            assert_close("conv's dbias", &db, &(&expected_grads[2] + bias.as_tensor())?);
            if number.last() == Some(&0) {
                let state = zeros(&[1, (kernel - 1) * width], dtype);
                let step = |x: &[ops::Tensor], out: &ops::Tensor| conv::step(&engine, &x[0], &w, Some(&b), &state, out);
                check_steps("conv", &expected, &[&x], step)?;
            }
        }
        Ok(())
    })
}

/// Ranges that leave rows out at both ends and between them, and an empty one.
#[test]
fn pools_and_expansions_equal_their_references() -> Outcome {
    let ranges: [(usize, &[u32]); 4] =
        [(1, &[0, 1]), (9, &[0, 3, 3, 1, 5, 4]), (12, &[1, 2, 3, 0, 4, 5]), (700, &[0, 300, 300, 399])];
    for dtype in TYPES {
        for (rows, ranges) in ranges {
            for width in [1, 33] {
                pools_equal_references(rows, ranges, width, dtype)?;
            }
        }
    }
    Ok(())
}

fn pools_equal_references(rows: usize, ranges: &[u32], width: usize, dtype: DType) -> Outcome {
    let (engine, groups) = (engine(), ranges.len() / 2);
    let on_device = Column::new(&engine, ranges)?;
    let (x, dout) = (var("x", &[rows, width], dtype), random("dout", &[groups, width], dtype));
    let (x_on, dout_on) = (around(&x), around(&dout));
    let (x_view, dout_view) = (View::new(&x_on, 2, width)?, View::new(&dout_on, 2, width)?);
    for pool in [Pool::First, Pool::Last, Pool::Mean, Pool::Sum] {
        let taken = ranges.chunks(2).map(|range| -> candle_core::Result<Tensor> {
            let (first, n) = (range[0] as usize, range[1] as usize);
            match pool {
                _ if n == 0 => row_of(&x, None),
                Pool::First => x.narrow(0, first, 1),
                Pool::Last => x.narrow(0, first + n - 1, 1),
                Pool::Mean => x.narrow(0, first, n)?.mean_keepdim(0),
                Pool::Sum => x.narrow(0, first, n)?.sum_keepdim(0),
            }
        });
        let expected = Tensor::cat(&taken.collect::<Result<Vec<_>, _>>()?, 0)?;
        let what = format!("{pool:?} of {ranges:?}");
        check_forward(&what, &expected, |out| pooling::forward(&engine, pool, x_view, &on_device, out))?;
        let dx = gradients(&expected, &dout, &[&x])?.remove(0);
        check_gradient(&what, &dx, |dx| pooling::backward(&engine, pool, dout_view, &on_device, dx))?;
    }
    // the vectors of `dout` to the rows of their ranges
    let vectors = Var::from_tensor(&dout)?;
    let group = |row: usize| ranges.chunks(2).position(|range| (range[0]..range[0] + range[1]).contains(&(row as u32)));
    let expected = (0..rows).map(|row| row_of(&vectors, group(row))).collect::<Result<Vec<_>, _>>()?;
    let expected = Tensor::cat(&expected, 0)?;
    check_forward("expand", &expected, |out| expand::forward(&engine, dout_view, &on_device, out))?;
    let dx = gradients(&expected, &x, &[&vectors])?.remove(0);
    check_gradient("expand's dx", &dx, |dx| expand::backward(&engine, x_view, &on_device, dx))
}

/// Tokens that are there several times, rows in no range, an empty range, and sums that depend on their order.
#[test]
fn bags_equal_their_reference() -> Outcome {
    let ranges: [(usize, &[u32]); 4] =
        [(1, &[0, 1]), (9, &[0, 3, 3, 1, 5, 4]), (12, &[1, 2, 3, 0, 4, 5]), (700, &[0, 300, 300, 399])];
    let engine = engine();
    for dtype in TYPES {
        for (rows, ranges) in ranges {
            for columns in [1, 5, 400] {
                let index: Vec<u32> = (0..rows as u32).map(|row| row * row % 7 * 31 % columns).collect();
                let weights: Vec<f32> = (0..rows).map(|row| 0.1 + (row % 9) as f32 / 7.0).collect();
                let (index_on, weights_on) = (Column::new(&engine, &index)?, Column::new(&engine, &weights)?);
                let ranges_on = Column::new(&engine, ranges)?;
                for weights_on in [None, Some(&weights_on)] {
                    let tokens = bag::Tokens { index: &index_on, weights: weights_on };
                    let mut expected = vec![0.0_f64; ranges.len() / 2 * columns as usize];
                    for (k, range) in ranges.chunks(2).enumerate() {
                        for row in range[0] as usize..(range[0] + range[1]) as usize {
                            let weight = weights_on.map_or(1.0, |_| f64::from(weights[row]));
                            expected[k * columns as usize + index[row] as usize] += weight;
                        }
                    }
                    let expected = Tensor::from_vec(expected, (ranges.len() / 2, columns as usize), &Device::Cpu)?;
                    let out = on(&expected.to_dtype(dtype)?.ones_like()?);
                    bag::forward(&engine, tokens, &ranges_on, &out)?;
                    assert_close("bag", &out, &expected);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn ranges_outside_of_the_rows_are_errors() -> Outcome {
    let (engine, x, out) = (engine(), zeros(&[9, 2], DType::F32), zeros(&[2, 2], DType::F32));
    for (ranges, got) in
        [([0, 3, 8, 2], "rows 8..8 + 2 after row 3 of 9"), ([0, 3, 2, 2], "rows 2..2 + 2 after row 3 of 9")]
    {
        let error = pooling::forward(&engine, Pool::Mean, &x, &Column::new(&engine, &ranges)?, &out).unwrap_err();
        assert_eq!(error.to_string(), format!("pool: expected ranges in order within the rows, got {got}"));
    }
    let error = expand::forward(&engine, &x, &Column::new(&engine, &[0, 1])?, &out).unwrap_err();
    assert_eq!(error.to_string(), "expand: expected 1 vectors of 2, got 9 of 2");
    Ok(())
}

#[test]
fn linear_recurrences_equal_their_reference() -> Outcome {
    for_all(|documents, width, dtype| {
        let ((offsets, before), (number, length), engine) = (rows_of(documents, false), numbered(documents), engine());
        let (offsets, rows) = (Column::new(&engine, &offsets)?, number.len());
        let (a, b) = (var("a", &[rows, width], dtype), var("b", &[rows, width], dtype));
        let dout = random("dout", &[rows, width], dtype);
        let mut states: Vec<Tensor> = Vec::new();
        for row in 0..rows {
            let before = before[row].map_or_else(|| row_of(&b, None), |before| Ok(states[before].clone()))?;
            states.push((a.narrow(0, row, 1)?.mul(&before)? + b.narrow(0, row, 1)?)?);
        }
        let expected = Tensor::cat(&states, 0)?;
        // a and b are columns of one tensor, as are their gradients
        let both = on(&Tensor::cat(&[a.as_tensor(), b.as_tensor()], 1)?);
        let (a_view, b_view) = (View::new(&both, 0, width)?, View::new(&both, width, width)?);
        check_forward("scan", &expected, |out| scan::forward(&engine, a_view, b_view, &offsets, length, out))?;
        let (h, dout_on) = (around(&expected), around(&dout));
        let (h, dout_view) = (View::new(&h, 2, width)?, View::new(&dout_on, 2, width)?);
        let expected_grads = gradients(&expected, &dout, &[&a, &b])?;
        for (first, adds) in [(0, [false, true]), (1, [true, false])] {
            let to = on(&Tensor::cat(&[b.as_tensor(), a.as_tensor()], 1)?);
            let [da, db] = [0, 1].map(|i| Gradient { view: View::new(&to, i * width, width).unwrap(), adds: adds[i] });
            scan::backward(&engine, dout_view, a_view, &offsets, length, h, da, db)?;
            let got = to.to_cpu()?;
            for (i, (old, adds)) in [&b, &a].into_iter().zip(adds).enumerate() {
                let expected = if adds { (&expected_grads[i] + old.as_tensor())? } else { expected_grads[i].clone() };
                let got = got.narrow(1, i * width, width)?.force_contiguous()?;
                assert_close(&format!("scan's gradient {i}, case {first}"), &on(&got), &expected);
            }
        }
        if number.last() == Some(&0) {
            let state = zeros(&[1, width], dtype);
            let step = |x: &[ops::Tensor], out: &ops::Tensor| scan::step(&engine, &x[0], &x[1], &state, out);
            check_steps("scan", &expected, &[&a, &b], step)?;
        }
        Ok(())
    })
}
