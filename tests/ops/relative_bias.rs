//! The relative bias of T5. Rows of distances: `tests/peers/t5_buckets.py`.

use super::{Outcome, TYPES, assert_close, engine, on, random, var, zeros};
use crate::device::device;
use candle_core::Tensor;
use trainyard::ops::relative_bias::{self, Buckets};

/// The longest distance before a query first, as runs of distances that have one row: (row, number of distances).
type Runs = &'static [(u32, usize)];

const USUAL: Runs = &[
    (15, 209),
    (14, 27),
    (13, 18),
    (12, 14),
    (11, 9),
    (10, 7),
    (9, 4),
    (8, 4),
    (7, 1),
    (6, 1),
    (5, 1),
    (4, 1),
    (3, 1),
    (2, 1),
    (1, 1),
    (0, 1),
    (17, 1),
    (18, 1),
    (19, 1),
    (20, 1),
    (21, 1),
    (22, 1),
    (23, 1),
    (24, 4),
    (25, 4),
    (26, 7),
    (27, 9),
    (28, 14),
    (29, 18),
    (30, 27),
    (31, 209),
];
const USUAL_CAUSAL: Runs = &[
    (31, 187),
    (30, 14),
    (29, 12),
    (28, 10),
    (27, 10),
    (26, 8),
    (25, 7),
    (24, 6),
    (23, 6),
    (22, 5),
    (21, 4),
    (20, 4),
    (19, 3),
    (18, 3),
    (17, 2),
    (16, 3),
    (15, 1),
    (14, 1),
    (13, 1),
    (12, 1),
    (11, 1),
    (10, 1),
    (9, 1),
    (8, 1),
    (7, 1),
    (6, 1),
    (5, 1),
    (4, 1),
    (3, 1),
    (2, 1),
    (1, 1),
    (0, 300),
];
const SMALL: Runs = &[(3, 14), (2, 4), (1, 1), (0, 1), (5, 1), (6, 4), (7, 14)];
const SMALL_CAUSAL: Runs = &[(7, 8), (6, 4), (5, 2), (4, 2), (3, 1), (2, 1), (1, 1), (0, 20)];

/// (length, rows of the table, both directions, max_distance, runs)
const CASES: [(usize, usize, bool, usize, Runs); 4] = [
    (300, 32, true, 128, USUAL),
    (300, 32, false, 128, USUAL_CAUSAL),
    (20, 8, true, 16, SMALL),
    (20, 8, false, 16, SMALL_CAUSAL),
];

#[test]
fn relative_bias_equals_its_reference() -> Outcome {
    for dtype in TYPES {
        for (length, n, bidirectional, max_distance, runs) in CASES {
            let rows: Vec<u32> = runs.iter().flat_map(|&(row, times)| std::iter::repeat_n(row, times)).collect();
            let rows = Tensor::new(rows, &candle_core::Device::Cpu)?;
            let (heads, width) = (3, 2 * length - 1);
            let table = var("table", &[n, heads], dtype);
            let expected = table.index_select(&rows, 0)?.t()?.contiguous()?;
            let dbias = random("dbias", &[heads, width], dtype);
            let grads = (&expected * &dbias)?.sum_all()?.backward()?;
            let buckets = Buckets::new(length, n, bidirectional, max_distance, &device())?;
            let bias = zeros(&[heads, width], dtype);
            relative_bias::forward(&engine(), &buckets, &on(&table), &bias)?;
            assert_close("bias", &bias, &expected);
            let (old, dtable) = (random("old", &[n, heads], dtype), on(&random("old", &[n, heads], dtype)));
            relative_bias::backward(&engine(), &buckets, &on(&dbias), &dtable)?;
            assert_close("dtable", &dtable, &(grads.get(&table).unwrap() + old)?);
        }
    }
    Ok(())
}

#[test]
fn relative_bias_refuses_what_it_cannot_do() -> Outcome {
    let error = Buckets::new(4, 3, true, 128, &device()).unwrap_err().to_string();
    let expected = "relative bias: expected at least 4 buckets and a max_distance above 0, got 3 and 128";
    assert_eq!(error, expected);
    assert!(Buckets::new(4, 32, false, 16, &device()).is_err());
    assert!(Buckets::new(0, 32, false, 128, &device()).is_err());
    let buckets = Buckets::new(4, 8, false, 16, &device())?;
    assert_eq!(buckets.width(), 7);
    let (table, bias) = (zeros(&[8, 2], TYPES[0]), zeros(&[2, 5], TYPES[0]));
    let error = relative_bias::forward(&engine(), &buckets, &table, &bias).unwrap_err().to_string();
    assert_eq!(error, "relative bias: expected a table [8, heads] and a bias [heads, 7], got [8, 2] and [2, 5]");
    Ok(())
}
