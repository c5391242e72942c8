//! The task of sequence to sequence: a text is written from another, such as a translation or a summary.

use super::fields;
use super::labels::{joined, lengths};
use super::{Batch, Encode, Marks, Samples, Task, Unit};
use crate::Result;
use crate::corpus::Document;
use crate::feed::batch::{self, Predicted, Text};
use crate::feed::shard::{Number, Per, Plane};
use crate::rows::{InputSet, Rows};
use trainyard_plugin::Tokenizer;

/// Tokens of the source; those of the target follow.
const SOURCE: Plane = Plane { name: "source", number: Number::U32, per: Per::Document };

/// Pairs of texts as tokens and a plane.
#[derive(Debug)]
pub(super) struct Encoding;

impl Encode for Encoding {
    fn identity(&self) -> String {
        "seq2seq".into()
    }

    fn planes(&self) -> &'static [Plane] {
        &[SOURCE]
    }

    fn encode(&self, documents: &[&Document], tokenizer: &mut dyn Tokenizer) -> Result<Samples> {
        let sources: Vec<_> = documents.iter().map(|document| document.text()).collect();
        let targets: Vec<_> = documents.iter().map(|document| fields::target(document)).collect::<Result<_>>()?;
        let targets: Vec<_> = targets.iter().map(String::as_str).collect();
        let sources = tokenizer.encode(&sources)?;
        let tokens = joined(&sources, &tokenizer.encode(&targets)?)?;
        let of_text = Some(sources.sequences().map(<[u32]>::len).collect());
        Ok(Samples { tokens, planes: vec![lengths(&sources)], of_text, ..Samples::default() })
    }
}

/// Prediction of each token of a target from the source and the target's tokens before it.
#[derive(Debug)]
pub(super) struct Seq2Seq {
    /// Both ends of a target are there.
    pub marks: Marks,
}

impl Task for Seq2Seq {
    fn name(&self) -> &'static str {
        "seq2seq"
    }

    fn planes(&self) -> &'static [Plane] {
        &[SOURCE]
    }

    fn unit(&self) -> Unit {
        Unit::Document
    }

    fn supplied(&self) -> InputSet {
        batch::SUPPLIED
    }

    /// The source ends with the mark of an end, and begins with one where the tokenizer has one of its own for that.
    /// The target is read from its start and predicted to its end.
    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let (mut sources, mut targets, mut predicted) = (Vec::new(), Vec::new(), Predicted::default());
        for document in batch.sequences.iter().filter_map(|sequence| sequence.document) {
            let ids = batch.shard.document(document);
            let split = batch.shard.plane(&SOURCE, document..document + 1).and_then(|mut numbers| numbers.next());
            let (source, target) = ids.split_at((split.unwrap_or(0.0) as usize).min(ids.len()));
            sources.push(self.marks.source(source, batch.context));
            let read: Vec<u32> = self.marks.start.into_iter().chain(target.iter().copied()).collect();
            predicted.begin_group();
            let follows = target.iter().copied().chain(self.marks.last);
            let length = read.len().min(batch.context);
            for (place, id) in follows.take(length).enumerate() {
                predicted.push(targets.len(), place, id, 1.0);
            }
            targets.push(Text::new(read[..length].to_vec()));
        }
        let mut rows = batch::windows(targets, 0, batch.context).predicting(predicted, Some(batch.token_bytes));
        rows.source = Some(batch::source(sources, batch.context));
        rows
    }
}
