//! Batches of prepared data: rows out of documents of a shard.

use super::shard::Shard;
use super::tasks::Sequence;
use crate::rows::{Columns, InputSet, RowInput, Rows, SourceText};
use std::ops::Range;

/// Row inputs that batches of next tokens carry.
pub const SUPPLIED: InputSet =
    InputSet::of(&[RowInput::Target, RowInput::Weight, RowInput::TargetBytes, RowInput::Position]);

/// Lengths of windows that are as long as their longest text are multiples of this, so that few sizes occur.
const ROUND: usize = 16;

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
    let first = rows.inputs.len();
    let mut group = rows.group.last().map_or(0, |last| last + 1);
    for Range { start, end } in parts {
        rows.inputs.extend(shard.tokens(start..end));
        rows.columns.target.extend(shard.tokens(start + 1..end + 1));
        rows.document_position.extend(0..(end - start) as u32);
        rows.group.resize(rows.inputs.len(), group);
        group += 1;
    }
    // A window of nothing but padding is a group of its own.
    let last = if rows.inputs.len() > first { group - 1 } else { group };
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

/// A text that a window begins with.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    pub ids: Vec<u32>,
    /// Position of each token in its document, from 0.
    pub positions: Vec<u32>,
    /// The part of a pair that each token belongs to; empty where there are no pairs.
    pub types: Vec<u32>,
    /// What each token counts for where tokens are counted; empty where that is 1.
    pub weights: Vec<f32>,
}

impl Text {
    /// One document.
    pub fn new(ids: Vec<u32>) -> Self {
        Self { positions: (0..ids.len() as u32).collect(), ids, ..Self::default() }
    }
}

/// Windows of one length that begin with these texts: as long as the longest one, but at least `shortest` and at most
/// `context` tokens. Padding is a document of its own, to which nothing attends.
pub(super) fn windows(texts: Vec<Text>, shortest: usize, context: usize) -> Rows {
    let longest = texts.iter().map(|text| text.ids.len()).max().unwrap_or(0).max(1);
    let length = longest.next_multiple_of(ROUND).min(context).max(shortest).max(1);
    let mut rows = Rows { sequences: texts.len(), context: length, ..Rows::default() };
    for mut text in texts {
        text.ids.truncate(length);
        text.positions.truncate(length);
        let padding = length - text.ids.len();
        rows.inputs.extend(text.ids);
        rows.document_position.extend(text.positions);
        rows.types.extend(text.types.into_iter().take(length));
        rows.token_weights.extend(text.weights.into_iter().take(length));
        rows.document_position.extend(0..padding as u32);
        if !rows.token_weights.is_empty() {
            rows.token_weights.resize(rows.document_position.len(), 0.0);
        }
        for list in [&mut rows.inputs, &mut rows.types] {
            list.resize(list.len().max(rows.document_position.len()), 0);
        }
    }
    rows
}

/// The document that each row of the loss is of: that of the token which is predicted. `rows` are those of `sequences`,
/// a window each, with `marks` tokens around each part; none where a window is something else, such as a word.
pub(super) fn documents(shard: &Shard, sequences: &[Sequence], marks: usize, rows: &Rows) -> Vec<u64> {
    if rows.sequences != sequences.len() || rows.context == 0 {
        return Vec::new();
    }
    let windows: Vec<_> = sequences.iter().map(|sequence| documents_of(shard, sequence, marks)).collect();
    let is_whole = rows.len() == rows.inputs.len();
    let place = |row: usize| match &rows.at {
        Some(at) => at[row] as usize,
        None if is_whole => row,
        None => row * rows.context,
    };
    let document = |place: usize| {
        let window = &windows[place / rows.context];
        // padding is read as if the window continued
        window.get(place % rows.context).or(window.last()).copied().unwrap_or_default()
    };
    (0..rows.len()).map(|row| document(place(row))).collect()
}

/// The document of each token of a window, or one for all.
fn documents_of(shard: &Shard, sequence: &Sequence, marks: usize) -> Vec<u64> {
    if let Some(document) = sequence.document {
        return vec![document];
    }
    let mut documents = Vec::new();
    for part in &sequence.parts {
        let mut document = shard.document_of(part.start);
        for place in part.clone() {
            while document + 1 < shard.n_documents() && shard.rows(document + 1).start <= place {
                document += 1;
            }
            documents.push(document);
        }
        documents.resize(documents.len() + marks, document);
    }
    documents
}

/// Texts that an encoder reads, in windows as long as the longest one.
pub(super) fn source(texts: Vec<Vec<u32>>, context: usize) -> SourceText {
    let longest = texts.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let length = longest.next_multiple_of(ROUND).min(context).max(1);
    let mut source = SourceText { length, ..SourceText::default() };
    for mut ids in texts {
        ids.truncate(length);
        let (n, padding) = (ids.len() as u32, length - ids.len());
        source.valid.push(n);
        source.ids.extend(ids);
        source.ids.resize(source.valid.len() * length, 0);
        source.positions.extend((0..n).chain(0..padding as u32));
    }
    source
}

/// The tokens of windows that are predicted.
#[derive(Debug, Default)]
pub(super) struct Predicted {
    /// Window and place in it.
    at: Vec<(usize, usize)>,
    target: Vec<u32>,
    weight: Vec<f32>,
    group: Vec<u32>,
    position: Vec<u32>,
    is_new: bool,
}

impl Predicted {
    /// Says that what follows belongs together.
    pub fn begin_group(&mut self) {
        self.is_new = true;
    }

    /// The token at `place` of `window` is to be `target`.
    pub fn push(&mut self, window: usize, place: usize, target: u32, weight: f32) {
        let last = self.group.last().zip(self.position.last());
        let (group, position) = match (last, self.is_new) {
            (None, _) => (0, 0),
            (Some((group, _)), true) => (group + 1, 0),
            (Some((group, position)), false) => (*group, position + 1),
        };
        self.is_new = false;
        self.at.push((window, place));
        self.target.push(target);
        self.weight.push(weight);
        self.group.push(group);
        self.position.push(position);
    }
}

impl Rows {
    /// The same windows, of which these tokens are predicted. With `token_bytes` targets are tokens.
    pub(in crate::feed) fn predicting(mut self, predicted: Predicted, token_bytes: Option<&[u32]>) -> Self {
        let bytes = |&id: &u32| token_bytes.and_then(|bytes| bytes.get(id as usize)).copied().unwrap_or(0) as f32;
        let target_bytes = token_bytes.map(|_| predicted.target.iter().map(bytes).collect());
        let row = |&(window, place): &(usize, usize)| (window * self.context + place) as u32;
        self.at = Some(predicted.at.iter().map(row).collect());
        self.group = predicted.group;
        self.columns = Columns {
            target: predicted.target,
            weight: predicted.weight,
            target_bytes: target_bytes.unwrap_or_default(),
            position: predicted.position,
            ..Columns::default()
        };
        self
    }
}
