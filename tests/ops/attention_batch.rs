//! Attention of sequences that are written together: each is as alone.

use super::{Outcome, TYPES, assert_close, column, engine, on, random, zeros};
use candle_core::Tensor;
use trainyard::ops::attention::{self, Cache, Extent, Gradients, Inputs, Shape, Span};
use trainyard::ops::{View, columns};

/// Sequences at positions of their own, one row and several at a time.
#[test]
fn caches_of_sequences_are_apart() -> Outcome {
    let (context, positions) = (12, [0, 7, 3]);
    for dtype in TYPES {
        for (length, span) in [(1, Span::Causal), (1, Span::Window(4)), (4, Span::Causal), (4, Span::Window(4))] {
            let shape = Shape::new(length, 4, 2, 6, span);
            let (q, kv, rows) = (shape.out_width(), shape.kv_width(), 3 * length);
            let bias = on(&random("bias", &[4, 2 * context - 1], dtype));
            let new = random("new", &[rows, shape.qkv_width()], dtype);
            let old = random("old", &[3 * context, 2 * kv], dtype);
            let (keys_values, out, all) = (on(&old), zeros(&[rows, q], dtype), on(&new));
            let cache = Cache { keys_values: &keys_values, positions: &positions, bias: Some(&bias) };
            attention::cached(&engine(), shape.side_by_side(&all)?, shape, &cache, &out)?;
            for (sequence, position) in positions.into_iter().enumerate() {
                let part = |x: &Tensor, n: usize| x.narrow(0, sequence * n, n)?.force_contiguous();
                let (keys_values_alone, expected) = (on(&part(&old, context)?), zeros(&[length, q], dtype));
                let alone = on(&part(&new, length)?);
                let cache = Cache { keys_values: &keys_values_alone, positions: &[position], bias: Some(&bias) };
                attention::cached(&engine(), shape.side_by_side(&alone)?, shape, &cache, &expected)?;
                let got = part(&out.to_cpu()?, length)?.into();
                assert_close("out", &got, &expected.to_cpu()?);
                let got = part(&keys_values.to_cpu()?, context)?.into();
                assert_close("cache", &got, &keys_values_alone.to_cpu()?);
            }
        }
    }
    Ok(())
}

/// Sequences that see one source, as hypotheses about one text do.
#[test]
fn sequences_may_share_sources() -> Outcome {
    let (length, of) = (5, [1, 0, 1, 1]);
    for dtype in TYPES {
        for rows in [1, 3] {
            let shape = Shape::new(rows, 4, 2, 6, Span::Full);
            let (q, kv) = (shape.out_width(), shape.kv_width());
            let valid = column(&[5, 3]);
            let keys_values = random("keys and values", &[2 * length, 2 * kv], dtype);
            let new = random("queries", &[4 * rows, q], dtype);
            let (queries, source) = (on(&new), on(&keys_values));
            let (out, lse) = (zeros(&[4 * rows, q], dtype), zeros(&[4, 4, rows], dtype));
            let extent = Extent::Source { length, valid: &valid, of: Some(&of) };
            let (keys, values) = (View::new(&source, 0, kv)?, View::new(&source, kv, kv)?);
            let queries = View::from(&queries);
            let inputs = Inputs { queries, keys, values, extent, bias: None, dropout: None };
            attention::forward(&engine(), &inputs, shape, &out, &lse)?;
            for (sequence, source) in of.into_iter().enumerate() {
                let part = |x: &Tensor, i: usize, n: usize| x.narrow(0, i * n, n)?.force_contiguous();
                let queries = on(&part(&new, sequence, rows)?);
                let source_alone = on(&part(&keys_values, source as usize, length)?);
                let valid = [[5], [3]][source as usize];
                let valid = column(&valid);
                let alone = Inputs {
                    queries: View::from(&queries),
                    keys: View::new(&source_alone, 0, kv)?,
                    values: View::new(&source_alone, kv, kv)?,
                    extent: Extent::Source { length, valid: &valid, of: None },
                    ..inputs
                };
                let (expected, lse) = (zeros(&[rows, q], dtype), zeros(&[1, 4, rows], dtype));
                attention::forward(&engine(), &alone, shape, &expected, &lse)?;
                assert_close("out", &part(&out.to_cpu()?, sequence, rows)?.into(), &expected.to_cpu()?);
            }
            let to = Gradients { queries, keys, values, bias: None };
            let error = attention::backward(&engine(), &out, &inputs, shape, &out, &lse, &to).unwrap_err().to_string();
            assert_eq!(error, "attention: sources that sequences share have no gradients");
        }
    }
    Ok(())
}

#[test]
fn shared_sources_and_caches_must_fit() -> Outcome {
    let shape = Shape::new(1, 2, 2, 3, Span::Full);
    let dtype = TYPES[0];
    let [q, kv, out, lse] = [&[3, 6][..], &[8, 6], &[3, 6], &[3, 2, 1]].map(|dims| zeros(dims, dtype));
    let valid = column(&[4, 4]);
    let refuses = |of: &[u32], expected: &str| {
        let extent = Extent::Source { length: 4, valid: &valid, of: Some(of) };
        let [queries, keys] = [&q, &kv].map(View::from);
        let inputs = Inputs { queries, keys, values: keys, extent, bias: None, dropout: None };
        let error = attention::forward(&engine(), &inputs, shape, &out, &lse).unwrap_err().to_string();
        assert_eq!(error, format!("attention: {expected}"));
    };
    refuses(&[0, 1], "expected the source's length for each of 3 sequences, got 2");
    refuses(&[0, 1, 2], "source 2 of 2");
    let qkv = zeros(&[3, 18], dtype);
    let cache = Cache { keys_values: &zeros(&[10, 12], dtype), positions: &[0, 5], bias: None };
    let causal = Shape { span: Span::Causal, ..shape };
    let error = attention::cached(&engine(), causal.side_by_side(&qkv)?, causal, &cache, &out).unwrap_err().to_string();
    assert_eq!(error, "attention: 3 rows are not equally many of 2 sequences");
    Ok(())
}

#[test]
fn rows_are_copied_within_a_matrix() -> Outcome {
    for dtype in TYPES {
        let x = on(&random("x", &[6, 3], dtype));
        let mut expected = x.to_vec()?;
        columns::copy_rows(&x, 0, 3, 2)?;
        expected.copy_within(0..6, 9);
        assert_eq!(x.to_vec()?, expected);
        for (from, to, n) in [(0, 5, 2), (5, 0, 2), (0, 1, 2)] {
            let error = columns::copy_rows(&x, from, to, n).unwrap_err().to_string();
            assert_eq!(error, format!("columns: {n} rows from {from} to {to} of 6"));
        }
    }
    Ok(())
}
