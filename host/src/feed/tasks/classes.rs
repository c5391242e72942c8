//! The classes that a model tells apart: labels, or tags, with their numbers.

use crate::corpus::{NameReport, Split};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Names of classes, and what the numbers of a shard's plane mean.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Classes {
    /// In the order of the logits.
    pub names: Vec<String>,
    /// Weight of a row of each class in the loss.
    pub weights: Vec<f32>,
    /// Classes of each number of the plane, from 1 on.
    of_number: Vec<Vec<u32>>,
}

impl Classes {
    /// The classes of training data with these `reports`: `listed` in this order, or else all that training has, by
    /// name.
    ///
    /// # Errors
    /// A class that is not listed, or that training does not have; fewer than two.
    pub fn new(reports: &[NameReport], listed: &[String], what: &str) -> Result<Self> {
        let of_training = |report: &&NameReport| report.counts.get(&Split::Train).is_some_and(|&n| n > 0);
        let known: BTreeSet<&String> = reports.iter().filter(of_training).flat_map(|report| &report.names).collect();
        if known.is_empty() {
            let cure = format!("name its field in [data.fields] {what}");
            return Err(Error::run(format!("{what}: no document of the training data has one; {cure}")));
        }
        let names: Vec<String> = match listed {
            [] => known.iter().map(|name| (*name).clone()).collect(),
            listed => listed.to_vec(),
        };
        if names.len() < 2 {
            let got = names.first().map_or("none".to_owned(), |name| format!("only {name:?}"));
            return Err(Error::run(format!("{what}: expected two different ones in the training data, got {got}")));
        }
        for report in reports {
            if let Some(name) = report.names.iter().find(|name| !known.contains(name)) {
                let split = report.counts.keys().next().map_or("", |split| split.name());
                let cure = "raise the share of training, set data.stratify = \"label\", or remove these documents";
                return Err(Error::run(format!(
                    "{what} {name:?} is in the {split} data but not in the training data; {cure}"
                )));
            }
        }
        let mut classes = Self { weights: vec![1.0; names.len()], names, of_number: Vec::new() };
        classes.of_number = classes.numbers(reports, what, "list it in task.labels, or remove these documents")?;
        Ok(classes)
    }

    /// Classes of these names, of a model that was trained elsewhere.
    pub fn listed(names: Vec<String>) -> Self {
        Self { weights: vec![1.0; names.len()], names, of_number: Vec::new() }
    }

    /// The same classes, for a shard whose plane has the numbers of these `reports`.
    ///
    /// # Errors
    /// A name that is none of the classes.
    pub fn of(&self, reports: &[NameReport], what: &str) -> Result<Self> {
        let cure = "the model was trained without it: remove these documents";
        Ok(Self { of_number: self.numbers(reports, what, cure)?, ..self.clone() })
    }

    /// The same classes, for a shard whose names need not be any of them: those that are not are none.
    pub fn of_unlabelled(&self, reports: &[NameReport]) -> Self {
        let class = |name: &String| self.names.iter().position(|known| known == name).map(|class| class as u32);
        let of_number = reports.iter().map(|report| report.names.iter().filter_map(class).collect()).collect();
        Self { of_number, ..self.clone() }
    }

    /// Weights so that each class counts alike, whatever its share of the training data: n / (classes · n of class), as
    /// scikit-learn's `class_weight="balanced"`.
    pub fn balance(&mut self, reports: &[NameReport]) {
        let mut counts = vec![0.0; self.names.len()];
        for (report, classes) in reports.iter().zip(&self.of_number) {
            let n = report.counts.get(&Split::Train).copied().unwrap_or(0) as f64;
            classes.iter().for_each(|&class| counts[class as usize] += n);
        }
        let total: f64 = counts.iter().sum();
        let share = |n: &f64| if *n > 0.0 { total / (counts.len() as f64 * n) } else { 1.0 };
        self.weights = counts.iter().map(|n| share(n) as f32).collect();
    }

    /// Gives some classes these weights.
    ///
    /// # Errors
    /// A name that is none of the classes.
    pub fn weigh(&mut self, weights: &BTreeMap<String, f64>) -> Result<()> {
        for (name, &weight) in weights {
            let class = self.names.iter().position(|class| class == name).ok_or_else(|| {
                Error::usage(format!("task.class_weights: {name:?} is no label; there are {}", self.names.join(", ")))
            })?;
            self.weights[class] = weight as f32;
        }
        Ok(())
    }

    /// Number of classes.
    pub fn n(&self) -> usize {
        self.names.len()
    }

    /// The classes that a number of the plane means; none for 0.
    pub fn at(&self, number: f64) -> &[u32] {
        (number as usize).checked_sub(1).and_then(|index| self.of_number.get(index)).map_or(&[], Vec::as_slice)
    }

    fn numbers(&self, reports: &[NameReport], what: &str, cure: &str) -> Result<Vec<Vec<u32>>> {
        let class = |name: &String| {
            let class = self.names.iter().position(|known| known == name);
            class.map(|class| class as u32).ok_or_else(|| {
                let known = self.names.join(", ");
                Error::run(format!("{what} {name:?} is none of {known}; {cure}"))
            })
        };
        reports.iter().map(|report| report.names.iter().map(class).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, train: u64, validation: u64) -> NameReport {
        let counts = [(Split::Train, train), (Split::Validation, validation)].into_iter().filter(|(_, n)| *n > 0);
        NameReport { names: vec![name.into()], counts: counts.collect() }
    }

    #[test]
    fn classes_are_sorted_or_listed() {
        let reports = [report("pos", 3, 1), report("neg", 1, 0)];
        let mut classes = Classes::new(&reports, &[], "label").expect("two classes");
        assert_eq!((classes.names.join(" "), classes.at(1.0), classes.at(0.0)), ("neg pos".into(), &[1][..], &[][..]));
        classes.balance(&reports);
        assert_eq!(classes.weights, [2.0, 2.0 / 3.0]);
        let listed = Classes::new(&reports, &["pos".into(), "neg".into()], "label").expect("two classes");
        assert_eq!(listed.at(1.0), [0]);
        assert_eq!(listed.of(&[report("neg", 0, 2)], "label").expect("a known class").at(1.0), [1]);
    }

    #[test]
    fn unknown_classes_are_refused() {
        let error = |reports: &[NameReport], listed: &[String]| {
            Classes::new(reports, listed, "label").expect_err("an error").to_string()
        };
        let reports = [report("a", 3, 1), report("b", 1, 0), report("c", 0, 1)];
        assert!(error(&reports, &[]).starts_with("label \"c\" is in the validation data but not in the training data"));
        assert!(error(&reports[..1], &[]).contains("got only \"a\""));
        let listed = ["a".to_owned(), "x".to_owned()];
        assert!(error(&reports[..2], &listed).starts_with("label \"b\" is none of a, x"));
    }
}
