//! What a model says of documents: labels, numbers, tags, texts.

mod answers;
mod documents;
mod measure;
mod model;
mod texts;

pub use answers::{Answer, Marked, Prediction, WrittenText};
pub use documents::Asked;
pub use measure::measured;
pub use model::{PredictingModel, config_of, is_model};
pub use texts::TextOptions;

use crate::Result;
use crate::feed::tasks::{TaskConfig, Values};
use crate::loss::{decode, selected};
use crate::model::Model;
use crate::ops::Tensor;
use crate::ops::crf::Constraints;
use crate::ops::crf::tensors::Mask;
use crate::rows::{Groups, InputSet, PlacedRows, Rows};
use crate::run::RunTask;

/// What a model predicts for the rows of batches.
pub struct Predictor<'a> {
    model: &'a mut Model,
    config: &'a TaskConfig,
    names: Vec<String>,
    /// Which tags may follow one another, where they say what begins and what continues.
    allowed: Option<Mask>,
}

/// What is predicted for the rows of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictions {
    /// `[rows, classes]`: the probability of each class.
    Classes(Vec<f64>),
    /// `[rows, labels]`: the probability of each label by itself.
    Labels(Vec<f64>),
    /// `[rows]`
    Numbers(Vec<f64>),
    /// For each text the class of each row.
    Tags(Vec<Vec<u32>>),
}

impl<'a> Predictor<'a> {
    /// Predicts with a model of this task; none where it predicts tokens.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn new(model: &'a mut Model, config: &'a TaskConfig, task: &RunTask) -> Result<Option<Self>> {
        if !config.has_labels() {
            return Ok(None);
        }
        let names = task.classes.as_ref().map_or(Vec::new(), |classes| classes.names.clone());
        let allowed = match (config, Constraints::bio(&names)) {
            (TaskConfig::Tags(_), Ok(constraints)) if config.has_crf() => Some(Mask::new(model.engine(), constraints)?),
            // tags of another form may follow one another as they like
            _ => None,
        };
        Ok(Some(Self { model, config, names, allowed }))
    }

    /// Names of the classes.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What is predicted for the rows of a batch.
    ///
    /// # Errors
    /// A batch that does not fit the model, a GPU that fails.
    pub fn predict(&mut self, rows: &Rows) -> Result<Predictions> {
        let placed = PlacedRows::new(self.model.engine(), rows, InputSet::NONE)?;
        let hidden = self.model.forward(&placed.tokens(), None)?;
        let hidden = selected::select(self.model.engine(), &hidden, placed.at())?;
        let (engine, head) = (self.model.engine(), self.model.head());
        if let TaskConfig::Tags(_) = self.config {
            let classes = match (rows.is_empty(), self.config.has_crf()) {
                (true, _) => Vec::new(),
                (_, true) => decode(engine, &hidden, head, rows, self.allowed.as_ref())?.tags,
                (_, false) => {
                    let logits = logits(&hidden, self.model)?;
                    logits.chunks(self.names.len().max(1)).map(largest).collect()
                }
            };
            let groups = Groups::new(&rows.group);
            let of_text = groups.rows().map(|rows| classes[rows].to_vec()).collect();
            return Ok(Predictions::Tags(of_text));
        }
        let mut logits = logits(&hidden, self.model)?;
        Ok(match self.config {
            TaskConfig::Labels(config) if config.values == Values::Number => Predictions::Numbers(logits),
            TaskConfig::Labels(config) if config.values == Values::Several => {
                logits.iter_mut().for_each(|logit| *logit = 1.0 / (1.0 + (-*logit).exp()));
                Predictions::Labels(logits)
            }
            _ => {
                logits.chunks_mut(self.names.len().max(1)).for_each(softmax);
                Predictions::Classes(logits)
            }
        })
    }
}

/// The logits `[rows, classes]` of hidden states `[rows, C]`.
pub(super) fn logits(hidden: &Tensor, model: &Model) -> Result<Vec<f64>> {
    let shape = (hidden.dim(0)?, model.vocab());
    let logits = Tensor::zeros(shape, hidden.dtype(), &hidden.device())?;
    model.head().logits(model.engine(), hidden, &logits)?;
    logits.to_vec()
}

/// The class with the largest number; the first of several.
pub(super) fn largest(row: &[f64]) -> u32 {
    let mut best = 0;
    for (class, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = class;
        }
    }
    best as u32
}

fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|value| *value = (*value - largest).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}
