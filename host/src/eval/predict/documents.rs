//! Predictions for documents that a user gives.

use super::{Predictions, Predictor, largest};
use crate::base::interrupt;
use crate::corpus::{DataConfig, Document, every_document};
use crate::eval::run::OpenRun;
use crate::feed::tasks::{Word, document_words, spans};
use crate::feed::{Given, packed_eval_batches};
use crate::run::trained_tokenizer;
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Documents that are read before any is judged.
const AT_ONCE: usize = 1024;

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
        /// Of every label, 0 to 1.
        probabilities: BTreeMap<String, f64>,
    },
    /// Any number of labels.
    Labels {
        /// Those with a probability above one half.
        labels: Vec<String>,
        /// Of every label by itself, 0 to 1.
        probabilities: BTreeMap<String, f64>,
    },
    /// A number.
    Number {
        /// It.
        value: f64,
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

/// A run that is asked about documents.
pub struct Asked<'d> {
    run: OpenRun,
    given: Given,
    documents: Box<dyn Iterator<Item = Result<Document>> + 'd>,
    scratch: TempDir,
}

impl<'d> Asked<'d> {
    /// Asks `run` about the documents of `data`.
    ///
    /// # Errors
    /// A run that predicts tokens, files that cannot be read, whatever the tokenizer reports.
    pub fn new(run: OpenRun, data: &'d DataConfig) -> Result<Self> {
        let config = run.config();
        if !config.task.has_labels() {
            let (name, cure) = (config.task.name(), "`trainyard generate` writes text");
            return Err(Error::usage(format!("task: {name:?} has no labels to predict; {cure}")));
        }
        let given = Given::new(&trained_tokenizer(config, &run.tokenizer), &run.data.tokenizer.model)?;
        let scratch =
            tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a temporary folder: {error}")))?;
        Ok(Self { given, documents: Box::new(every_document(data)?), scratch, run })
    }

    /// The predictions for the next documents, in order; none at the end.
    ///
    /// # Errors
    /// A document that cannot be read, whatever the tokenizer reports, a signal that asks the program to end.
    pub fn next(&mut self) -> Result<Option<Vec<Prediction>>> {
        interrupt::check()?;
        let some: Vec<Document> = self.documents.by_ref().take(AT_ONCE).collect::<Result<_>>()?;
        if some.is_empty() {
            return Ok(None);
        }
        let OpenRun { run, data, task, model, .. } = &mut self.run;
        let config = &run.config;
        let Some(mut predictor) = Predictor::new(model, &config.task, task)? else { return Ok(None) };
        let encoding = config.task.encoding_unlabelled(predictor.names().first());
        let all: Vec<&Document> = some.iter().collect();
        let made = self.given.shard(&all, encoding.as_ref(), &self.scratch.path().join("given.shard"))?;
        let rows = task.of_unlabelled(&made.names)?;
        let (context, batch, token_bytes) = (config.model.context(), config.train.batch, &data.tokenizer.token_bytes);
        let batches =
            packed_eval_batches(&made.shard, rows.as_ref(), config.data.packing, context, batch, token_bytes, 0)?;
        let mut answers: Vec<Option<Answer>> = vec![None; some.len()];
        let mut places = made.documents.iter();
        for rows in batches {
            interrupt::check()?;
            let predictions = predictor.predict(&rows)?;
            for (index, &place) in places.by_ref().take(rows.sequences).enumerate() {
                let answer = answer(&predictions, index, predictor.names(), &some[place], &mut self.given)?;
                answers[place] = Some(answer);
            }
        }
        let predictions = some.into_iter().zip(answers);
        Ok(Some(predictions.map(|(document, answer)| Prediction { id: document.id, answer }).collect()))
    }
}

/// What the predictions of a batch say of its document `index`.
fn answer(
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
    let marked = |span: crate::feed::tasks::Span| {
        let text = document.text();
        let start = text[..span.range.start].chars().count();
        let inside = &text[span.range];
        Marked { start, end: start + inside.chars().count(), label: span.name, text: inside.to_owned() }
    };
    let spans = spans(&words, &tags).into_iter().map(marked).collect();
    let words = words.iter().map(|Word { range, .. }| document.text()[range.clone()].to_owned()).collect();
    Ok(Answer::Tags { words, tags: tags.into_iter().map(str::to_owned).collect(), spans })
}
