//! The task of tags: a tag for each word of a text, such as the names in it.

use super::labels::CLASS;
use super::words::{Word, document_words, tagged};
use super::{Batch, Classes, Encode, Marks, Named, Samples, Task, Unit, WordFeatures};
use crate::Result;
use crate::corpus::Document;
use crate::feed::batch::{self, Predicted, Text};
use crate::feed::shard::{Number, Per, Plane, Shard};
use crate::rows::{Columns, InputSet, Rows};
use std::sync::Arc;
use trainyard_plugin::{TokenBatch, Tokenizer};

/// Number of a token's tag; 0 where it has none, because it continues a word or ends a document.
const TAG: Plane = Plane { name: "tag", number: Number::U16, per: Per::Token };

/// Tagged words as tokens and a plane.
#[derive(Debug)]
pub(super) struct Encoding {
    pub all_pieces: bool,
    /// The tag of words that have none; without it they are an error.
    pub untagged: Option<String>,
}

impl Encode for Encoding {
    fn identity(&self) -> String {
        format!("tags{}", if self.all_pieces { " of all pieces" } else { "" })
    }

    fn planes(&self) -> &'static [Plane] {
        &[TAG]
    }

    /// Words are encoded one by one, so that each token is of one word.
    fn encode(&self, documents: &[&Document], tokenizer: &mut dyn Tokenizer) -> Result<Samples> {
        let tagged: Vec<_> = documents.iter().map(|document| self.tagged(document)).collect::<Result<_>>()?;
        let texts = documents.iter().zip(&tagged);
        let texts: Vec<String> =
            texts.flat_map(|(document, (words, _))| words.iter().map(|word| word.text(document.text()))).collect();
        let encoded = encode(&texts, tokenizer)?;
        let mut pieces = encoded.sequences();
        let (mut tokens, mut names) = (TokenBatch::default(), Vec::with_capacity(documents.len()));
        for (_, tags) in tagged {
            let mut of_document: Vec<Named> = Vec::new();
            for (tag, ids) in tags.iter().zip(&mut pieces) {
                tokens.ids.extend_from_slice(ids);
                for index in 0..ids.len() {
                    of_document.push(match index {
                        0 => Some(vec![tag.clone()]),
                        _ if self.all_pieces => Some(vec![inside(tag)]),
                        _ => None,
                    });
                }
            }
            tokens.end_sequence()?;
            // of the end of text
            of_document.push(None);
            names.push(of_document);
        }
        Ok(Samples { tokens, names: Some(names), ..Samples::default() })
    }
}

impl Encoding {
    /// Words and their tags.
    fn tagged(&self, document: &Document) -> Result<(Vec<Word>, Vec<String>)> {
        match &self.untagged {
            None => tagged(document),
            Some(tag) => {
                let words = document_words(document);
                let tags = vec![tag.clone(); words.len()];
                Ok((words, tags))
            }
        }
    }
}

/// The tokens of each text.
///
/// # Errors
/// Whatever the tokenizer reports.
fn encode(texts: &[String], tokenizer: &mut dyn Tokenizer) -> Result<TokenBatch> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Ok(tokenizer.encode(&texts)?)
}

/// The tag of what continues a word with this tag.
fn inside(tag: &str) -> String {
    tag.strip_prefix("B-").map_or_else(|| tag.to_owned(), |name| format!("I-{name}"))
}

/// Number of words of a document with tags.
pub fn n_words(shard: &Shard, document: u64) -> u64 {
    let numbers = shard.plane(&TAG, shard.place(document)).into_iter().flatten();
    numbers.filter(|&number| number > 0.0).count() as u64
}

/// Prediction of the tag of each token that has one.
#[derive(Debug)]
pub(super) struct Tags {
    pub marks: Marks,
    pub classes: Classes,
    /// What is read of words in place of their tokens.
    pub features: Option<Arc<WordFeatures>>,
}

impl Task for Tags {
    fn name(&self) -> &'static str {
        "tags"
    }

    fn planes(&self) -> &'static [Plane] {
        &[TAG]
    }

    fn unit(&self) -> Unit {
        Unit::Document
    }

    fn supplied(&self) -> InputSet {
        CLASS
    }

    /// A group of rows is a text.
    fn rows(&self, batch: &Batch<'_>) -> Rows {
        match &self.features {
            Some(features) => self.rows_of_words(features, batch),
            None => self.rows_of_tokens(batch),
        }
    }
}

impl Tags {
    /// A row of the loss is a token with a tag.
    fn rows_of_tokens(&self, batch: &Batch<'_>) -> Rows {
        let (mut texts, mut predicted) = (Vec::new(), Predicted::default());
        for document in batch.sequences.iter().filter_map(|sequence| sequence.document) {
            let place = batch.shard.place(document);
            let text = Text::new(self.marks.wrap(batch.shard.tokens(place.clone()), batch.context));
            let before = usize::from(self.marks.first.is_some());
            let room = text.ids.len() - self.marks.around().min(text.ids.len());
            predicted.begin_group();
            for (index, number) in batch.shard.plane(&TAG, place).into_iter().flatten().take(room).enumerate() {
                if let Some(&class) = self.classes.at(number).first() {
                    let weight = self.classes.weights[class as usize];
                    predicted.push(texts.len(), before + index, class, weight);
                }
            }
            texts.push(text);
        }
        batch::windows(texts, 0, batch.context).predicting(predicted, None)
    }

    /// A window is a word, and so is a row of the loss; at most as many words of a text are read as the context has
    /// tokens.
    fn rows_of_words(&self, features: &WordFeatures, batch: &Batch<'_>) -> Rows {
        let (mut texts, mut columns, mut group) = (Vec::new(), Columns::default(), Vec::new());
        let documents = batch.sequences.iter().filter_map(|sequence| sequence.document);
        for (index, document) in (0..).zip(documents) {
            let place = batch.shard.place(document);
            let ids: Vec<u32> = batch.shard.tokens(place.clone()).collect();
            let numbers: Vec<f64> = batch.shard.plane(&TAG, place).into_iter().flatten().collect();
            // a word is a token with a tag and those without one behind it
            let starts: Vec<usize> = (0..ids.len()).filter(|&at| numbers.get(at).is_some_and(|&n| n > 0.0)).collect();
            let ends = starts.iter().skip(1).copied().chain([ids.len()]);
            let words: Vec<_> = starts.iter().zip(ends).map(|(&start, end)| features.word(&ids[start..end])).collect();
            let n = words.len().min(batch.context);
            texts.extend(features.texts(&words, batch.context).take(n));
            for (position, &start) in (0..).zip(&starts[..n]) {
                let class = self.classes.at(numbers[start]).first().copied().unwrap_or(0);
                columns.target.push(class);
                columns.weight.push(self.classes.weights.get(class as usize).copied().unwrap_or(1.0));
                columns.position.push(position);
                group.push(index);
            }
        }
        Rows { group, columns, ..batch::windows(texts, 0, batch.context) }
    }
}
