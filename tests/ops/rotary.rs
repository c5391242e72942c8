//! Rotary positions.

use super::{Outcome, TYPES, assert_close, column, engine, on, random, reference, shape, var};
use crate::device::device;
use trainyard::ops::attention::Shape;
use trainyard::ops::rotary::{self, Table};

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
            let table = Table::new(41, head_width, THETA, dtype, &device())?;
            let (out, dqkv, positions) = (on(&qkv), on(&dy), column(&positions));
            rotary::forward(&engine(), &out, &positions, shape, &table)?;
            assert_close("out", &out, &expected);
            rotary::backward(&engine(), &dqkv, &positions, shape, &table)?;
            assert_close("dqkv", &dqkv, grads.get(&qkv).unwrap());
            // the inverse rotation
            rotary::backward(&engine(), &out, &positions, shape, &table)?;
            assert_close("back", &out, &qkv);
        }
    }
    Ok(())
}

#[test]
fn rotary_refuses_what_it_cannot_do() -> Outcome {
    let dtype = TYPES[0];
    let error = Table::new(8, 5, THETA, dtype, &device()).unwrap_err().to_string();
    assert_eq!(error, "rotary positions: expected an even width of a head, got 5; choose other heads or width");
    let table = Table::new(8, 4, THETA, dtype, &device())?;
    let qkv = on(&random("qkv", &[1, 12], dtype));
    let error = rotary::forward(&engine(), &qkv, &column(&[8]), shape(1, 1, 4), &table).unwrap_err().to_string();
    assert_eq!(error, "position 8 is outside the model's context of 8");
    let error = rotary::forward(&engine(), &qkv, &column(&[7]), shape(1, 2, 2), &table).unwrap_err().to_string();
    assert_eq!(error, "rotary positions: expected heads of width 4, got 2");
    Ok(())
}
