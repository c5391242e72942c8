//! The reports: all measures of a task in one typed value.

use super::bootstrap::{Average, Documents, Intervals, Tally};
use super::calibration::Calibration;
use super::classes::{Confusion, same_length};
use super::entities::{Entity, Reading, entities};
use super::score::{Averages, Counts, Named, Score, ratio};
use crate::{Error, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One class per document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassReport {
    /// Documents.
    pub documents: u64,
    /// Share whose class was predicted.
    pub accuracy: f64,
    /// Mean recall of the classes that are true of any document.
    pub balanced_accuracy: f64,
    /// Matthews correlation, -1 to 1.
    pub matthews: f64,
    /// Averages over the classes that are true or predicted of any document.
    #[serde(flatten)]
    pub averages: Averages,
    /// 95 % intervals of the accuracy and of the macro average of F1, over documents.
    pub intervals: Intervals,
    /// Measures of the probabilities; none when there are none.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// The score of each class, in the order of their ids.
    pub classes: Vec<Named>,
    /// Every pair of gold and predicted class with a document, in the order of their ids.
    pub confusion: Vec<Confused>,
}

/// Documents of a gold class and a predicted one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confused {
    /// The class that is true.
    pub gold: String,
    /// The class that was predicted.
    pub predicted: String,
    /// Documents.
    pub count: u64,
}

/// Any number of labels per document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelReport {
    /// Documents.
    pub documents: u64,
    /// Share of documents whose set of labels was predicted as a whole.
    pub accuracy: f64,
    /// Share of wrong decisions, each label of each document being one.
    pub hamming: f64,
    /// Averages over labels.
    #[serde(flatten)]
    pub averages: Averages,
    /// Mean of the documents' own precision, recall and F1.
    pub samples: Score,
    /// 95 % intervals of the accuracy and of the micro average of F1, over documents.
    pub intervals: Intervals,
    /// The score of each label, in the order of their ids.
    pub labels: Vec<Named>,
}

/// Entities in tags.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntityReport {
    /// Sentences.
    pub sentences: u64,
    /// Share of tokens whose tag was predicted, `O` included.
    pub accuracy: f64,
    /// Averages over types; an entity is right if its type and both of its ends are.
    #[serde(flatten)]
    pub averages: Averages,
    /// 95 % intervals of the accuracy and of the micro average of F1, over sentences.
    pub intervals: Intervals,
    /// The score of each type, by name.
    pub types: Vec<Named>,
}

impl ClassReport {
    /// Measures predicted classes, and with `probabilities` `[documents, classes]` these too. A class is its place in
    /// `names`; `seed` is that of the resamples.
    ///
    /// # Errors
    /// No documents, lists of different lengths, ids that are no class, probabilities that are no distribution.
    pub fn new(
        names: &[String],
        gold: &[u32],
        predicted: &[u32],
        probabilities: Option<&[f64]>,
        seed: u64,
    ) -> Result<Self> {
        let confusion = Confusion::new(names.len(), gold, predicted)?;
        let mut documents = Documents::default();
        for (&gold, &predicted) in gold.iter().zip(predicted) {
            let counts = match gold == predicted {
                true => vec![(gold, Counts { hits: 1, predicted: 1, gold: 1 })],
                false => vec![(gold, GOLD), (predicted, PREDICTED)],
            };
            documents.push(Tally { classes: counts, right: u64::from(gold == predicted), items: 1 });
        }
        let name = |class: u32| names[class as usize].clone();
        let confused = confusion.cells().map(|(gold, predicted, count)| Confused {
            gold: name(gold),
            predicted: name(predicted),
            count,
        });
        Ok(Self {
            documents: confusion.total(),
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            matthews: confusion.matthews(),
            averages: confusion.averages(),
            intervals: documents.intervals(names.len(), Average::Macro, seed),
            calibration: probabilities.map(|rows| Calibration::new(names.len(), gold, rows)).transpose()?,
            classes: named(names.iter().map(String::as_str), &confusion.counts()),
            confusion: confused.collect(),
        })
    }
}

const GOLD: Counts = Counts { hits: 0, predicted: 0, gold: 1 };
const PREDICTED: Counts = Counts { hits: 0, predicted: 1, gold: 0 };

impl LabelReport {
    /// Measures predicted sets of labels. `gold` and `predicted` are `[documents, labels]`; a label is its place in
    /// `names`; `seed` is that of the resamples.
    ///
    /// # Errors
    /// No documents, lists of different lengths.
    pub fn new(names: &[String], gold: &[bool], predicted: &[bool], seed: u64) -> Result<Self> {
        same_length("predicted labels", predicted.len(), gold.len())?;
        if names.is_empty() || !gold.len().is_multiple_of(names.len()) {
            let (labels, got) = (names.len(), gold.len());
            return Err(Error::run(format!("gold labels: expected a multiple of {labels} labels, got {got}")));
        }
        let mut labels = vec![Counts::default(); names.len()];
        let mut documents = Documents::default();
        let mut samples = Score::default();
        let (mut right, mut wrong) = (0, 0);
        for (gold, predicted) in gold.chunks(names.len()).zip(predicted.chunks(names.len())) {
            let mut of_document = Counts::default();
            let mut tally = Tally { classes: Vec::new(), right: u64::from(gold == predicted), items: 1 };
            for (label, (&gold, &predicted)) in gold.iter().zip(predicted).enumerate() {
                let counts = Counts {
                    hits: u64::from(gold && predicted),
                    predicted: u64::from(predicted),
                    gold: u64::from(gold),
                };
                if !counts.is_absent() {
                    tally.classes.push((label as u32, counts));
                    labels[label].add(counts, 1);
                    of_document.add(counts, 1);
                }
                wrong += u64::from(gold != predicted);
            }
            right += tally.right;
            documents.push(tally);
            let score = of_document.score();
            samples.precision += score.precision;
            samples.recall += score.recall;
            samples.f1 += score.f1;
            samples.support += score.support;
        }
        let n = (gold.len() / names.len()) as u64;
        for value in [&mut samples.precision, &mut samples.recall, &mut samples.f1] {
            *value /= n as f64;
        }
        Ok(Self {
            documents: n,
            accuracy: ratio(right, n),
            hamming: ratio(wrong, gold.len() as u64),
            averages: Averages::of(&labels),
            samples,
            intervals: documents.intervals(names.len(), Average::Micro, seed),
            labels: named(names.iter().map(String::as_str), &labels),
        })
    }
}

impl EntityReport {
    /// Measures predicted tags of sentences; `seed` is that of the resamples.
    ///
    /// # Errors
    /// No sentences, sentences of different lengths, a tag that is none.
    pub fn new<'a>(gold: &[Vec<&'a str>], predicted: &[Vec<&'a str>], reading: Reading, seed: u64) -> Result<Self> {
        same_length("predicted sentences", predicted.len(), gold.len())?;
        let mut found: Vec<[BTreeSet<Entity<'a>>; 2]> = Vec::with_capacity(gold.len());
        for (sentence, (gold, predicted)) in gold.iter().zip(predicted).enumerate() {
            if gold.len() != predicted.len() {
                let (expected, got) = (gold.len(), predicted.len());
                return Err(Error::run(format!("sentence {sentence}: expected {expected} predicted tags, got {got}")));
            }
            let read = |what: &str, tags: &[&'a str]| -> Result<BTreeSet<Entity<'a>>> {
                let read =
                    entities(tags, reading).map_err(|error| error.context(format!("sentence {sentence}: {what}")));
                Ok(read?.into_iter().collect())
            };
            found.push([read("gold", gold)?, read("predicted", predicted)?]);
        }
        let kinds: BTreeSet<&str> = found.iter().flatten().flatten().map(|entity| entity.kind).collect();
        let ids: BTreeMap<&str, u32> = kinds.iter().copied().zip(0..).collect();
        let mut types = vec![Counts::default(); ids.len()];
        let mut documents = Documents::default();
        let (mut right, mut tokens) = (0, 0);
        for ([gold_entities, predicted_entities], (gold, predicted)) in found.iter().zip(gold.iter().zip(predicted)) {
            let equal = gold.iter().zip(predicted).filter(|(gold, predicted)| gold == predicted).count() as u64;
            let tally = Tally {
                classes: tally(gold_entities, predicted_entities, &ids),
                right: equal,
                items: gold.len() as u64,
            };
            tally.classes.iter().for_each(|(kind, counts)| types[*kind as usize].add(*counts, 1));
            right += tally.right;
            tokens += tally.items;
            documents.push(tally);
        }
        Ok(Self {
            sentences: gold.len() as u64,
            accuracy: ratio(right, tokens),
            averages: Averages::of(&types),
            intervals: documents.intervals(types.len(), Average::Micro, seed),
            types: named(kinds, &types),
        })
    }
}

/// The counts of a sentence's types.
fn tally(
    gold: &BTreeSet<Entity<'_>>,
    predicted: &BTreeSet<Entity<'_>>,
    ids: &BTreeMap<&str, u32>,
) -> Vec<(u32, Counts)> {
    let mut counts: BTreeMap<u32, Counts> = BTreeMap::new();
    for entity in gold {
        let counts = counts.entry(ids[entity.kind]).or_default();
        counts.gold += 1;
        counts.hits += u64::from(predicted.contains(entity));
    }
    for entity in predicted {
        counts.entry(ids[entity.kind]).or_default().predicted += 1;
    }
    counts.into_iter().collect()
}

fn named<'a>(names: impl IntoIterator<Item = &'a str>, counts: &[Counts]) -> Vec<Named> {
    names.into_iter().zip(counts).map(|(name, counts)| Named { name: name.to_owned(), score: counts.score() }).collect()
}
