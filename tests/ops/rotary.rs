//! Rotary positions.

use super::{Outcome, TYPES, assert_close, column, engine, on, random, reference, shape, var};
use crate::device::device;
use candle_core::{DType, Tensor};
use trainyard::ops::attention::Shape;
use trainyard::ops::rotary::{self, Angles, Frequencies, Table};
use trainyard::ops::{self, View};

const THETA: f64 = 10_000.0;

#[test]
fn rotary_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (rows, heads, kv_heads, head_width) in [(1, 1, 1, 2), (7, 3, 3, 6), (67, 4, 2, 16), (150, 4, 1, 64)] {
            let shape = Shape { kv_heads, ..shape(rows, heads, head_width) };
            let positions: Vec<u32> = (0..rows as u32).map(|i| i * 7 % 41).collect();
            let qkv = var("qkv", &[rows, shape.qkv_width()], dtype);
            let dy = random("dy", &[rows, shape.qkv_width()], dtype);
            let expected = reference::rotary(&qkv, &positions, shape, THETA)?;
            let grads = (&expected * &dy)?.sum_all()?.backward()?;
            let table = Table::new(41, &Angles::new(head_width, THETA), dtype, &device())?;
            let (out, dqkv, positions) = (on(&qkv), on(&dy), column(&positions));
            let turned = |tensor| View::new(tensor, 0, shape.out_width() + shape.kv_width());
            rotary::forward(&engine(), turned(&out)?, &positions, &table)?;
            assert_close("out", &out, &expected);
            rotary::backward(&engine(), turned(&dqkv)?, &positions, &table)?;
            assert_close("dqkv", &dqkv, grads.get(&qkv).unwrap());
            // the inverse rotation
            rotary::backward(&engine(), turned(&out)?, &positions, &table)?;
            assert_close("back", &out, &qkv);
        }
    }
    Ok(())
}

/// Part of each head, neighbours as pairs, frequencies of a list, a factor, and columns in the middle of a tensor.
#[test]
fn rotary_variants_equal_their_reference() -> Outcome {
    let frequencies = [1.0, 0.37, 0.02, 0.001];
    for dtype in TYPES {
        for (head_width, rotary_width, first) in [(8, 8, 0), (11, 8, 3), (16, 8, 4)] {
            for (interleaved, factor) in [(false, 1.0), (true, 1.0), (false, 1.3), (true, 0.8)] {
                let frequencies = Frequencies::List(&frequencies);
                let angles = Angles { head_width, rotary_width, frequencies, factor, interleaved };
                variant(&angles, first, dtype)?;
            }
        }
        for interleaved in [false, true] {
            let angles = Angles { rotary_width: 6, interleaved, ..Angles::new(10, 100.0) };
            variant(&angles, 1, dtype)?;
        }
    }
    Ok(())
}

/// Three heads from column `first` on of a tensor with two columns more.
fn variant(angles: &Angles<'_>, first: usize, dtype: DType) -> Outcome {
    let (rows, width) = (23, 3 * angles.head_width);
    let positions: Vec<u32> = (0..rows as u32).map(|i| i * 5 % 19).collect();
    let x = var("x", &[rows, first + width + 2], dtype);
    let dy = random("dy", &[rows, first + width + 2], dtype);
    let heads = rotated(&x.narrow(1, first, width)?, &positions, angles)?;
    let expected = Tensor::cat(&[&x.narrow(1, 0, first)?, &heads, &x.narrow(1, first + width, 2)?], 1)?;
    let grads = (&expected * &dy)?.sum_all()?.backward()?;
    let table = Table::new(19, angles, dtype, &device())?;
    let (out, dx, positions): (ops::Tensor, ops::Tensor, _) = (on(&x), on(&dy), column(&positions));
    rotary::forward(&engine(), View::new(&out, first, width)?, &positions, &table)?;
    assert_close("out", &out, &expected);
    rotary::backward(&engine(), View::new(&dx, first, width)?, &positions, &table)?;
    assert_close("dx", &dx, grads.get(&x).unwrap());
    Ok(())
}

/// Each element of each head by itself: x cos ± partner sin.
fn rotated(x: &Tensor, positions: &[u32], angles: &Angles<'_>) -> candle_core::Result<Tensor> {
    let Angles { head_width, rotary_width, factor, interleaved, .. } = *angles;
    let half = rotary_width / 2;
    // (pair, partner, sign of the partner)
    let place = |i: usize| match interleaved {
        true => (i / 2, i ^ 1, if i.is_multiple_of(2) { -1.0 } else { 1.0 }),
        false if i < half => (i, i + half, -1.0),
        false => (i - half, i - half, 1.0),
    };
    let frequency = |pair: usize| match angles.frequencies {
        Frequencies::List(list) => list[pair],
        Frequencies::Theta(theta) => 1.0 / theta.powf(2.0 * pair as f64 / rotary_width as f64),
    };
    let column = |values: Vec<f64>| Tensor::from_vec(values, (positions.len(), 1), x.device())?.to_dtype(x.dtype());
    let mut columns = Vec::new();
    for k in 0..x.dim(1)? {
        let (head, i) = (k / head_width * head_width, k % head_width);
        let value = x.narrow(1, k, 1)?;
        if i >= rotary_width {
            columns.push(value);
            continue;
        }
        let (pair, partner, sign) = place(i);
        let angle = |position: &u32| f64::from(*position) * frequency(pair);
        let cosine = column(positions.iter().map(|position| angle(position).cos() * factor).collect())?;
        let sine = column(positions.iter().map(|position| angle(position).sin() * factor * sign).collect())?;
        columns.push(((value * cosine)? + (x.narrow(1, head + partner, 1)? * sine)?)?);
    }
    Tensor::cat(&columns, 1)
}

#[test]
fn rotary_refuses_what_it_cannot_do() -> Outcome {
    let dtype = TYPES[0];
    let table = |angles: &Angles<'_>| Table::new(8, angles, dtype, &device());
    let refuses = |angles: &Angles<'_>, expected: &str| {
        assert_eq!(table(angles).unwrap_err().to_string(), format!("rotary positions: {expected}"));
    };
    refuses(&Angles::new(5, THETA), "expected an even width of a head, got 5; choose other heads or width");
    refuses(
        &Angles { rotary_width: 6, ..Angles::new(4, THETA) },
        "expected a rotary width from 2 to the heads' 4, got 6",
    );
    refuses(
        &Angles { frequencies: Frequencies::List(&[1.0]), ..Angles::new(4, THETA) },
        "expected 2 frequencies for a rotary width of 4, got 1",
    );
    let table = table(&Angles::new(4, THETA))?;
    let qkv = on(&random("qkv", &[1, 12], dtype));
    let turn = |positions: &[u32], width: usize| {
        rotary::forward(&engine(), View::new(&qkv, 0, width)?, &column(positions), &table)
    };
    assert_eq!(turn(&[8], 8).unwrap_err().to_string(), "position 8 is outside the model's context of 8");
    let error = turn(&[7], 6).unwrap_err().to_string();
    assert_eq!(error, "rotary positions: expected heads of width 4, got 6 columns");
    assert_eq!(turn(&[7, 7], 8).unwrap_err().to_string(), "rotary positions: 2 positions for 1 rows");
    Ok(())
}
