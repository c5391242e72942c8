//! Attention on the CPU: one task per head of queries, or per head of keys and values.

use super::head::{Columns, Wanted};
use super::operands::{Operands, Part, tensors};
use super::parts::{Parts, targets};
use super::{Gradients, Inputs, Shape};
use crate::Result;
use crate::cpu::{with_slice_lists, with_type};
use crate::pool::Scratch;
use crate::{Engine, Float, Tensor, View, Write};

pub(super) use super::decode::cached;

pub(super) fn forward(
    engine: &Engine,
    inputs: &Inputs<'_>,
    shape: Shape,
    out: &Tensor,
    log_sum_exp: &Tensor,
) -> Result<()> {
    let reads = tensors(inputs);
    let Shape { length, heads, head_width: d, .. } = shape;
    let (writes, [target]) = targets([View { tensor: out, first: 0, width: heads * d }], [length])?;
    let writes = [writes[0], log_sum_exp];
    with_type!(inputs.queries.tensor, T => with_slice_lists::<T>(&reads, &writes, |reads, mut writes| {
        let Some(log_sum_exp) = writes.pop() else { return Ok(()) };
        let operands = Operands::new(inputs, shape, &reads);
        let results = Parts::new(writes, [target], operands.sequences, heads);
        let tasks = log_sum_exp.chunks_exact_mut(length).take(results.len() * heads).enumerate();
        engine.for_each(tasks, |(index, log_sum_exp)| {
            let (sequence, head) = (index / heads, index % heads);
            let qkv = operands.qkv(sequence, head);
            let mut out = engine.scratch::<T>(length * d);
            for stretch in operands.stretches(sequence) {
                let rows = stretch.queries.clone();
                let qkv = starting_at(&qkv, [rows.start, stretch.keys.start, stretch.keys.start]);
                let head = operands.head(engine, (sequence, head), &stretch);
                head.forward(qkv, &mut out[rows.start * d..rows.end * d], &mut log_sum_exp[rows]);
            }
            results[sequence].finish(head, out, d, |_, head| (head, 0));
        });
        Ok(())
    }))
}

/// Without the rows before these.
fn starting_at<'a, T, const N: usize>(columns: &[Columns<'a, T>; N], rows: [usize; N]) -> [Columns<'a, T>; N] {
    std::array::from_fn(|i| columns[i].starting_at(rows[i]))
}

pub(super) fn backward(
    engine: &Engine,
    dout: &Tensor,
    inputs: &Inputs<'_>,
    shape: Shape,
    out: &Tensor,
    log_sum_exp: &Tensor,
    gradients: &Gradients<'_>,
) -> Result<()> {
    let mut reads = vec![dout, out, log_sum_exp];
    reads.extend(tensors(inputs));
    let Shape { length, heads, kv_heads, head_width: d, .. } = shape;
    let key_length = inputs.key_length(shape);
    let views = [gradients.queries, gradients.keys, gradients.values];
    let (mut writes, targets) = targets(views, [length, key_length, key_length])?;
    writes.extend(gradients.bias);
    with_type!(inputs.queries.tensor, T => with_slice_lists::<T>(&reads, &writes, |reads, mut writes| {
        let dbias = gradients.bias.and_then(|_| writes.pop());
        let operands = Operands::new(inputs, shape, &reads[3..]);
        let results = Parts::new(writes, targets, operands.sequences, kv_heads);
        let kept = Kept {
            out: [reads[0], reads[1]].map(|x| Part::new(x, View::from(out), length)),
            log_sum_exp: reads[2],
        };
        let width = dbias.as_ref().map_or(0, |_| operands.bias_width());
        let mut biases = engine.scratch::<T>(operands.sequences * heads * width);
        let group = shape.group();
        let n = results.len() * kv_heads;
        let tasks = (0..n).zip(cut(&mut biases, group * width, n));
        engine.for_each(tasks, |(index, dbias)| {
            let (sequence, kv_head) = (index / kv_heads, index % kv_heads);
            let part = backward_group(engine, &operands, (sequence, kv_head), &kept, dbias);
            results[sequence].finish(kv_head, part, d, |target, column| match target {
                0 => (column / group, column % group * length),
                _ => (column, group * length + (target - 1) * key_length),
            });
        });
        let Some(dbias) = dbias else { return Ok(()) };
        for sums in biases.chunks_exact(heads * width) {
            dbias.iter_mut().zip(sums).for_each(|(total, &sum)| *total += sum);
        }
        Ok(())
    }))
}

/// What the forward left, and the gradient of its result.
struct Kept<'a, T> {
    /// Gradient and result.
    out: [Part<'a, T>; 2],
    log_sum_exp: &'a [T],
}

/// `n` pieces of `size` elements.
fn cut<T>(elements: &mut [T], size: usize, n: usize) -> Vec<&mut [T]> {
    match size {
        0 => (0..n).map(|_| Default::default()).collect(),
        _ => elements.chunks_exact_mut(size).take(n).collect(),
    }
}

/// The gradients of the query heads of `kv_head`, one matrix `[length, d]` a head, of its keys and of its values, in
/// one sequence. Those of keys and values are summed over the query heads in their order. `dbias` `[group, width]`
/// becomes that of the relative bias; empty: none is wanted.
fn backward_group<'e, T: Float>(
    engine: &'e Engine,
    operands: &Operands<'_, T>,
    (sequence, kv_head): (usize, usize),
    kept: &Kept<'_, T>,
    dbias: &mut [T],
) -> Scratch<'e, T> {
    let Shape { length, heads, head_width: d, .. } = operands.shape;
    let (group, key_length) = (operands.shape.group(), operands.key_length);
    let mut parts = engine.scratch::<T>((group * length + 2 * key_length) * d);
    let (dqueries, dkeys_values) = parts.split_at_mut(group * length * d);
    let (dkeys, dvalues) = dkeys_values.split_at_mut(key_length * d);
    dbias.fill(T::ZERO);
    let mut dbias = cut(dbias, dbias.len() / group, group);
    for (i, dqueries) in dqueries.chunks_exact_mut(length * d).enumerate() {
        let head = kv_head * group + i;
        let out = kept.out.map(|out| out.columns(sequence, head, d));
        let qkv = operands.qkv(sequence, head);
        let write = if i == 0 { Write::Overwrite } else { Write::Add };
        for stretch in operands.stretches(sequence) {
            let (rows, keys) = (stretch.queries.clone(), stretch.keys.clone());
            if i == 0 && keys.end < key_length && rows.end == length {
                // rows of a source that no query sees
                dkeys[keys.end * d..].fill(T::ZERO);
                dvalues[keys.end * d..].fill(T::ZERO);
            }
            let dqueries = &mut dqueries[rows.start * d..rows.end * d];
            let [dkeys, dvalues] = [&mut *dkeys, &mut *dvalues].map(|x| &mut x[keys.start * d..keys.end * d]);
            let qkv = starting_at(&qkv, [rows.start, keys.start, keys.start]);
            let out = starting_at(&out, [rows.start; 2]);
            let log_sum_exp = &kept.log_sum_exp[(sequence * heads + head) * length..][rows];
            let to = Wanted { dqueries, dkeys, dvalues, dbias: &mut *dbias[i], write };
            operands.head(engine, (sequence, head), &stretch).backward(qkv, out, log_sum_exp, to);
        }
    }
    parts
}
