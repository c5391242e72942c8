//! Batches of prepared data: rows out of documents of a shard.

use super::shard::Shard;
use crate::rows::{Columns, InputSet, RowInput, Rows};
use std::ops::Range;

/// Row inputs that batches of prepared data carry.
pub const SUPPLIED: InputSet =
    InputSet::of(&[RowInput::Target, RowInput::Weight, RowInput::TargetBytes, RowInput::Position]);

/// A batch without rows, with room for `sequences` windows of `context` tokens.
pub(super) fn empty(sequences: usize, context: usize) -> Rows {
    let n = sequences * context;
    Rows {
        inputs: Vec::with_capacity(n),
        document_position: Vec::with_capacity(n),
        group: Vec::with_capacity(n),
        columns: Columns {
            target: Vec::with_capacity(n),
            weight: Vec::with_capacity(n),
            target_bytes: Vec::with_capacity(n),
            position: Vec::with_capacity(n),
            ..Columns::default()
        },
        context,
        ..Rows::default()
    }
}

/// Appends the window whose inputs are `parts` of the shard, each a document and a group of its own, and padding up to
/// the context. Padding is read after the last part as if it continued, and belongs to its group: nothing that counts
/// sees it.
pub(super) fn push(rows: &mut Rows, shard: &Shard, parts: impl Iterator<Item = Range<u64>>, token_bytes: &[u32]) {
    let first = rows.len();
    let mut group = rows.group.last().map_or(0, |last| last + 1);
    for Range { start, end } in parts {
        rows.inputs.extend(shard.tokens(start..end));
        rows.columns.target.extend(shard.tokens(start + 1..end + 1));
        rows.document_position.extend(0..(end - start) as u32);
        rows.group.resize(rows.len(), group);
        group += 1;
    }
    // A window of nothing but padding is a group of its own.
    let last = if rows.len() > first { group - 1 } else { group };
    let columns = &mut rows.columns;
    columns.target_bytes.extend(columns.target[first..].iter().map(|&id| token_bytes[id as usize] as f32));
    columns.weight.resize(rows.inputs.len(), 1.0);
    rows.sequences += 1;
    let n = rows.sequences * rows.context;
    let next = rows.document_position[first..].last().map_or(0, |last| last + 1);
    rows.document_position.extend(next..next + (n - rows.inputs.len()) as u32);
    rows.group.resize(n, last);
    // A group is a document here.
    rows.columns.position.extend(&rows.document_position[first..]);
    for list in [&mut rows.inputs, &mut rows.columns.target] {
        list.resize(n, 0);
    }
    for list in [&mut rows.columns.weight, &mut rows.columns.target_bytes] {
        list.resize(n, 0.0);
    }
}
