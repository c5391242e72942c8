//! What is said of a document, and how it is made of predictions.

use super::{Predictions, largest};
use crate::Result;
use crate::corpus::Document;
use crate::feed::Given;
use crate::feed::tasks::{Span, Word, document_words, spans};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a model says of one document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The document's id: the field of that name, or its file and line.
    pub id: String,
    /// What is predicted; null where the tokenizer makes nothing of the text.
    #[serde(flatten)]
    pub answer: Option<Answer>,
}

/// What is predicted of a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// One of several labels.
    Label {
        /// The likeliest.
        label: String,
        /// Probability of every label, 0 to 1.
        probabilities: BTreeMap<String, f64>,
    },
    /// Any number of labels.
    Labels {
        /// Labels with a probability above one half.
        labels: Vec<String>,
        /// Probability of every label by itself, 0 to 1.
        probabilities: BTreeMap<String, f64>,
    },
    /// A number.
    Number {
        /// It.
        value: f64,
    },
    /// A text that is written from the document's.
    Text {
        /// The likeliest that was found, and how likely.
        #[serde(flatten)]
        best: WrittenText,
        /// All that were found, the likeliest first, where they are asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        hypotheses: Option<Vec<WrittenText>>,
    },
    /// A tag for each word.
    Tags {
        /// The words.
        words: Vec<String>,
        /// A tag for each; `O` beyond what the model reads at once.
        tags: Vec<String>,
        /// What the tags mark, where they say what begins and what continues.
        spans: Vec<Marked>,
    },
}

/// A text that a model wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WrittenText {
    /// The text.
    pub text: String,
    /// Σ log probability / length^α of its tokens.
    pub score: f64,
}

/// A marked stretch of a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Marked {
    /// First character, from 0.
    pub start: usize,
    /// The character behind the last.
    pub end: usize,
    /// What it is.
    pub label: String,
    /// The text.
    pub text: String,
}

/// What the predictions of a batch say of its document `index`.
pub(super) fn answer(
    predictions: &Predictions,
    index: usize,
    names: &[String],
    document: &Document,
    given: &mut Given,
) -> Result<Answer> {
    let of_document = |values: &[f64]| values[index * names.len()..(index + 1) * names.len()].to_vec();
    let named = |values: &[f64]| names.iter().cloned().zip(values.iter().copied()).collect();
    Ok(match predictions {
        Predictions::Classes(values) => {
            let values = of_document(values);
            Answer::Label { label: names[largest(&values) as usize].clone(), probabilities: named(&values) }
        }
        Predictions::Labels(values) => {
            let values = of_document(values);
            let labels = names.iter().zip(&values).filter(|(_, value)| **value > 0.5).map(|(name, _)| name.clone());
            Answer::Labels { labels: labels.collect(), probabilities: named(&values) }
        }
        Predictions::Numbers(values) => Answer::Number { value: values[index] },
        Predictions::Tags(texts) => tags(&texts[index], names, document, given)?,
    })
}

/// The tags of a document's words, of which those without tokens have none.
fn tags(classes: &[u32], names: &[String], document: &Document, given: &mut Given) -> Result<Answer> {
    let words = document_words(document);
    let texts: Vec<String> = words.iter().map(|word| word.text(document.text())).collect();
    let encoded = given.tokenizer().encode(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut classes = classes.iter();
    let tag = |ids: &[u32]| -> &str {
        let class = if ids.is_empty() { None } else { classes.next() };
        class.map_or("O", |&class| names[class as usize].as_str())
    };
    let tags: Vec<&str> = encoded.sequences().map(tag).collect();
    let marked = |span: Span| {
        let text = document.text();
        let start = text[..span.range.start].chars().count();
        let inside = &text[span.range];
        Marked { start, end: start + inside.chars().count(), label: span.name, text: inside.to_owned() }
    };
    let spans = spans(&words, &tags).into_iter().map(marked).collect();
    let words = words.iter().map(|Word { range, .. }| document.text()[range.clone()].to_owned()).collect();
    Ok(Answer::Tags { words, tags: tags.into_iter().map(str::to_owned).collect(), spans })
}
