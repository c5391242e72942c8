//! The task of labels: what kind of text a document is, or which number it stands for.

use super::fields;
use super::{Batch, Classes, Encode, Features, Marks, Samples, Task, Unit};
use crate::Result;
use crate::corpus::Document;
use crate::feed::batch::{self, Text};
use crate::feed::shard::{Number, Per, Plane, Shard};
use crate::rows::{InputSet, RowInput, Rows};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use trainyard_plugin::{TokenBatch, Tokenizer};

/// What a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// One label.
    One,
    /// Any number of labels.
    Several,
    /// A number.
    Number,
}

/// Number of the document's labels; 0 of a document without any.
const LABEL: Plane = Plane { name: "label", number: Number::U32, per: Per::Document };
/// The document's number; 0 of a document without one.
const VALUE: Plane = Plane { name: "value", number: Number::F32, per: Per::Document };
/// 1 where the document has a number.
const KNOWN: Plane = Plane { name: "known", number: Number::U8, per: Per::Document };
/// Tokens of the first text of a pair.
const FIRST: Plane = Plane { name: "first", number: Number::U32, per: Per::Document };

/// Row inputs of rows that have one class.
pub(super) const CLASS: InputSet = InputSet::of(&[RowInput::Target, RowInput::Weight, RowInput::Position]);
/// Row inputs of rows with a number for each logit.
pub(super) const NUMBERS: InputSet = InputSet::of(&[RowInput::Targets, RowInput::Weight, RowInput::Position]);

fn planes(values: Values, pair: bool) -> &'static [Plane] {
    match (values, pair) {
        (Values::Number, false) => &[VALUE, KNOWN],
        (Values::Number, true) => &[FIRST, VALUE, KNOWN],
        (_, false) => &[LABEL],
        (_, true) => &[FIRST, LABEL],
    }
}

/// Documents and their labels as tokens and planes.
#[derive(Debug)]
pub(super) struct Encoding {
    pub values: Values,
    pub pair: bool,
}

impl Encode for Encoding {
    fn identity(&self) -> String {
        format!("labels {:?}{}", self.values, if self.pair { " of pairs" } else { "" })
    }

    fn planes(&self) -> &'static [Plane] {
        planes(self.values, self.pair)
    }

    fn encode(&self, documents: &[&Document], tokenizer: &mut dyn Tokenizer) -> Result<Samples> {
        let texts: Vec<_> = documents.iter().map(|document| document.text()).collect();
        let mut samples = Samples { tokens: tokenizer.encode(&texts)?, ..Samples::default() };
        if self.pair {
            let seconds: Vec<_> = documents.iter().map(|document| fields::target(document)).collect::<Result<_>>()?;
            let seconds: Vec<_> = seconds.iter().map(String::as_str).collect();
            let first = samples.tokens;
            let tokens = joined(&first, &tokenizer.encode(&seconds)?)?;
            samples = Samples { tokens, planes: vec![lengths(&first)], ..Samples::default() };
            samples.of_text = Some(first.sequences().map(<[u32]>::len).collect());
        }
        match self.values {
            Values::Number => {
                let numbers: Vec<_> =
                    documents.iter().map(|document| fields::number(document)).collect::<Result<_>>()?;
                samples.planes.push(numbers.iter().map(|number| vec![number.unwrap_or(0.0)]).collect());
                samples.planes.push(numbers.iter().map(|number| vec![f64::from(u8::from(number.is_some()))]).collect());
            }
            values => {
                let several = values == Values::Several;
                let label = |document: &&Document| Ok(vec![fields::labels(document, several)?]);
                samples.names = Some(documents.iter().map(label).collect::<Result<_>>()?);
            }
        }
        Ok(samples)
    }
}

/// Number of tokens of each text, as a plane has them.
pub(super) fn lengths(texts: &TokenBatch) -> Vec<Vec<f64>> {
    texts.sequences().map(|ids| vec![ids.len() as f64]).collect()
}

/// Each first text with its second one behind it.
///
/// # Errors
/// More tokens than a batch holds.
pub(super) fn joined(first: &TokenBatch, second: &TokenBatch) -> Result<TokenBatch> {
    let mut tokens = TokenBatch::default();
    for (first, second) in first.sequences().zip(second.sequences()) {
        // a text without tokens leaves the pair out
        if !first.is_empty() && !second.is_empty() {
            tokens.ids.extend_from_slice(first);
            tokens.ids.extend_from_slice(second);
        }
        tokens.end_sequence()?;
    }
    Ok(tokens)
}

/// Prediction of a document's labels, or its number.
#[derive(Debug)]
pub(super) struct Labels {
    pub values: Values,
    pub pair: bool,
    pub marks: Marks,
    pub classes: Classes,
    /// Where documents are bags of features.
    pub features: Option<Arc<Features>>,
}

impl Labels {
    /// The text between marks: `[CLS] text [SEP]`, or `[CLS] text [SEP] second text [SEP]`; or its features.
    fn text(&self, batch: &Batch<'_>, document: u64) -> Text {
        let ids = batch.shard.document(document);
        if let Some(features) = &self.features {
            return features.text(ids, batch.context);
        }
        let split = match self.pair {
            true => number(batch, &FIRST, document) as usize,
            false => return Text::new(self.marks.wrap(ids.into_iter(), batch.context)),
        };
        let (mut first, mut second) = (ids[..split].to_vec(), ids[split..].to_vec());
        let room = batch.context.saturating_sub(self.marks.around() + usize::from(self.marks.last.is_some()));
        // the longer one is cut
        while first.len() + second.len() > room && !(first.is_empty() && second.is_empty()) {
            if first.len() > second.len() {
                first.pop()
            } else {
                second.pop()
            };
        }
        let ids = self.marks.first.into_iter().chain(first).chain(self.marks.last);
        let mut text = Text::new(ids.collect());
        text.types = vec![0; text.ids.len()];
        text.ids.extend(second.into_iter().chain(self.marks.last));
        text.types.resize(text.ids.len(), 1);
        text.positions = (0..text.ids.len() as u32).collect();
        text
    }
}

/// A document's number of a plane.
fn number(batch: &Batch<'_>, plane: &Plane, document: u64) -> f64 {
    batch.shard.plane(plane, document..document + 1).and_then(|mut numbers| numbers.next()).unwrap_or(0.0)
}

/// Whether any document has a number.
pub(super) fn has_numbers(shard: &Shard) -> bool {
    shard.plane(&KNOWN, 0..shard.n_documents()).is_some_and(|mut known| known.any(|known| known > 0.0))
}

impl Task for Labels {
    fn name(&self) -> &'static str {
        "labels"
    }

    fn planes(&self) -> &'static [Plane] {
        planes(self.values, self.pair)
    }

    fn unit(&self) -> Unit {
        Unit::Document
    }

    fn supplied(&self) -> InputSet {
        match self.values {
            Values::One => CLASS,
            _ => NUMBERS,
        }
    }

    /// A row of the loss is a document.
    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let documents: Vec<u64> = batch.sequences.iter().filter_map(|sequence| sequence.document).collect();
        let texts = documents.iter().map(|&document| self.text(batch, document)).collect();
        let mut rows = batch::windows(texts, 0, batch.context);
        let n = documents.len();
        rows.group = (0..n as u32).collect();
        rows.columns.position = vec![0; n];
        for &document in &documents {
            let columns = &mut rows.columns;
            let classes = self.classes.at(number(batch, &LABEL, document));
            let is_labelled = number(batch, &LABEL, document) > 0.0;
            match self.values {
                Values::One => {
                    let class = classes.first().copied();
                    columns.target.push(class.unwrap_or(0));
                    columns.weight.push(class.map_or(0.0, |class| self.classes.weights[class as usize]));
                }
                Values::Several => {
                    let first = columns.targets.len();
                    columns.targets.resize(first + self.classes.n(), 0.0);
                    classes.iter().for_each(|&class| columns.targets[first + class as usize] = 1.0);
                    columns.weight.push(f32::from(u8::from(is_labelled)));
                }
                Values::Number => {
                    columns.targets.push(number(batch, &VALUE, document) as f32);
                    columns.weight.push(number(batch, &KNOWN, document) as f32);
                }
            }
        }
        rows
    }
}
