//! The task of sequence to sequence: a text is written from another, such as a translation or a summary.

use super::fields;
use super::labels::{joined, lengths};
use super::pairs::Pairs;
use super::{Batch, Encode, Marks, Samples, Task, Unit};
use crate::Result;
use crate::corpus::Document;
use crate::feed::batch;
use crate::feed::shard::{Number, Per, Plane, Shard};
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

/// The tokens of source and target of document `index`, which must be below `n_documents`.
pub fn pair(shard: &Shard, index: u64) -> (Vec<u32>, Vec<u32>) {
    let mut source = shard.document(index);
    let length = shard.plane(&SOURCE, index..index + 1).and_then(|mut numbers| numbers.next());
    let target = source.split_off((length.unwrap_or(0.0) as usize).min(source.len()));
    (source, target)
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

    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let mut pairs = Pairs::default();
        for document in batch.sequences.iter().filter_map(|sequence| sequence.document) {
            let (source, target) = pair(batch.shard, document);
            pairs.push(&self.marks, &source, &target, batch.context);
        }
        pairs.rows(batch.context, batch.token_bytes)
    }
}
