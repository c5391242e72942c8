//! Predictions compared with what documents have: the report on a labelled task.

use super::{Predictions, Predictor, largest};
use crate::Result;
use crate::base::interrupt;
use crate::eval::measures::{ClassReport, EntityReport, LabelReport, Reading, RegressionReport};
use crate::report::TaskReport;
use crate::rows::{Groups, Rows};
use serde::Serialize;
use std::fmt::Display;

/// What is true and what was predicted, over all batches.
#[derive(Default)]
struct Seen {
    gold: Vec<u32>,
    predicted: Vec<u32>,
    /// `[rows, classes]`
    probabilities: Vec<f64>,
    gold_labels: Vec<bool>,
    labels: Vec<bool>,
    gold_numbers: Vec<f64>,
    numbers: Vec<f64>,
    gold_tags: Vec<Vec<u32>>,
    tags: Vec<Vec<u32>>,
}

/// The report on the predictions for all batches; none where nothing is labelled. `seed` is that of the resamples from
/// which intervals come.
///
/// # Errors
/// A batch that does not fit the model, a signal that asks the program to end.
pub fn measured(
    predictor: &mut Predictor<'_>,
    batches: impl Iterator<Item = Rows>,
    seed: u64,
) -> Result<Option<TaskReport>> {
    let mut seen = Seen::default();
    for rows in batches {
        interrupt::check()?;
        let predictions = predictor.predict(&rows)?;
        seen.add(&rows, predictions, predictor.names().len());
    }
    seen.report(predictor.names(), seed)
}

impl Seen {
    /// Adds a batch: the rows that have a weight.
    fn add(&mut self, rows: &Rows, predictions: Predictions, classes: usize) {
        let is_known = |row: &usize| rows.columns.weight.get(*row).is_none_or(|&weight| weight > 0.0);
        let known = (0..rows.len()).filter(is_known);
        match predictions {
            Predictions::Classes(probabilities) => {
                for row in known {
                    let of_row = &probabilities[row * classes..(row + 1) * classes];
                    self.gold.push(rows.columns.target[row]);
                    self.predicted.push(largest(of_row));
                    self.probabilities.extend(of_row);
                }
            }
            Predictions::Labels(probabilities) => {
                for row in known {
                    let of_row = row * classes..(row + 1) * classes;
                    self.gold_labels.extend(rows.columns.targets[of_row.clone()].iter().map(|&target| target > 0.5));
                    self.labels.extend(probabilities[of_row].iter().map(|&probability| probability > 0.5));
                }
            }
            Predictions::Numbers(numbers) => {
                for row in known {
                    self.gold_numbers.push(rows.columns.targets[row].into());
                    self.numbers.push(numbers[row]);
                }
            }
            Predictions::Tags(tags) => {
                let groups = Groups::new(&rows.group);
                let gold = groups.rows().map(|text| rows.columns.target[text].to_vec());
                self.gold_tags.extend(gold);
                self.tags.extend(tags);
            }
        }
    }

    fn report(&self, names: &[String], seed: u64) -> Result<Option<TaskReport>> {
        if !self.gold.is_empty() {
            let (gold, predicted) = (&self.gold, &self.predicted);
            return report(&ClassReport::new(names, gold, predicted, Some(&self.probabilities), seed)?);
        }
        if !self.gold_labels.is_empty() {
            return report(&LabelReport::new(names, &self.gold_labels, &self.labels, seed)?);
        }
        if !self.gold_numbers.is_empty() {
            return report(&RegressionReport::new(&self.gold_numbers, &self.numbers)?);
        }
        if self.gold_tags.is_empty() {
            return Ok(None);
        }
        let is_bio = names.iter().all(|name| name == "O" || name.starts_with("B-") || name.starts_with("I-"));
        if is_bio {
            let named = |texts: &[Vec<u32>]| -> Vec<Vec<&str>> {
                let tags = |text: &Vec<u32>| text.iter().map(|&class| names[class as usize].as_str()).collect();
                texts.iter().map(tags).collect()
            };
            return report(&EntityReport::new(&named(&self.gold_tags), &named(&self.tags), Reading::Conll, seed)?);
        }
        // tags that name no spans, such as parts of speech, are classes of words
        let (gold, predicted) = (self.gold_tags.concat(), self.tags.concat());
        report(&ClassReport::new(names, &gold, &predicted, None, seed)?)
    }
}

fn report(report: &(impl Serialize + Display)) -> Result<Option<TaskReport>> {
    let values = serde_json::to_value(report);
    let values = values.map_err(|error| crate::Error::run(format!("report as JSON: {error}")))?;
    Ok(Some(TaskReport { values, text: report.to_string() }))
}
