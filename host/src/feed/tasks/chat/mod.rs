//! The task of chat: the answers of conversations are learnt, each from what is before it.

mod align;
mod encoding;
mod render;

pub use encoding::ChatTemplate;
pub(super) use encoding::Encoding;
pub use render::{RenderedTokens, Renderer};

use super::{Batch, Task};
use crate::feed::batch::{self, Predicted, Text};
use crate::feed::shard::{Number, Per, Plane, Shard};
use crate::rows::{InputSet, Rows};
use std::ops::Range;

/// 1 for a token that is learnt, 0 for one that is only read.
const LEARNT: Plane = Plane { name: "learnt", number: Number::U8, per: Per::Token };

/// Prediction of each token that is learnt from those before it in its conversation. A conversation that is longer than
/// a window is cut at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chat;

/// The targets of a part of the stream that are learnt, counted from its first.
fn learnt(shard: &Shard, part: &Range<u64>) -> impl Iterator<Item = usize> {
    let numbers = shard.plane(&LEARNT, part.start + 1..part.end + 1);
    numbers.into_iter().flatten().enumerate().filter(|(_, number)| *number > 0.0).map(|(place, _)| place)
}

impl Task for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn planes(&self) -> &'static [Plane] {
        &[LEARNT]
    }

    fn supplied(&self) -> InputSet {
        batch::SUPPLIED
    }

    /// A conversation begins with its own first token, as where the model is asked.
    fn inputs(&self, shard: &Shard, document: u64) -> Range<u64> {
        let Range { start, end } = shard.place(document);
        start..end.saturating_sub(1).max(start)
    }

    fn learns(&self, shard: &Shard, part: &Range<u64>, is_first: bool) -> bool {
        is_first && learnt(shard, part).next().is_some()
    }

    fn lines(&self, shard: &Shard, context: usize) -> Vec<String> {
        let n = shard.n_documents();
        let (mut cut, mut lost) = (0, 0);
        for rows in (0..n).map(|document| self.inputs(shard, document)) {
            let first = rows.start..rows.end.min(rows.start + context as u64);
            cut += u64::from(first != rows);
            lost += u64::from(learnt(shard, &first).next().is_none());
        }
        let mut lines = Vec::new();
        if cut > 0 {
            lines.push(format!("{cut} of {n} conversations are longer than model.context = {context} and are cut"));
        }
        if lost > 0 {
            lines.push(format!("{lost} of {n} conversations are left out: nothing that is learnt of them is left"));
        }
        lines
    }

    /// A row of the loss is a token that is learnt, a group is a conversation.
    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let (mut texts, mut predicted) = (Vec::with_capacity(batch.sequences.len()), Predicted::default());
        for sequence in &batch.sequences {
            let mut text = Text::default();
            for part in &sequence.parts {
                let first = text.ids.len();
                predicted.begin_group();
                let targets: Vec<u32> = batch.shard.tokens(part.start + 1..part.end + 1).collect();
                for place in learnt(batch.shard, part) {
                    predicted.push(texts.len(), first + place, targets[place], 1.0);
                }
                text.ids.extend(batch.shard.tokens(part.clone()));
                text.positions.extend(0..(text.ids.len() - first) as u32);
            }
            texts.push(text);
        }
        // windows of one length, whose activations are kept from step to step
        batch::windows(texts, batch.context, batch.context).predicting(predicted, Some(batch.token_bytes))
    }
}
