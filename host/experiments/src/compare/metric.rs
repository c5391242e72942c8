//! One number of all variants, and what differences to the base show.

use super::CompareOptions;
use super::rank::{is_same_text, obstacle};
use super::run::{Run, Split};
use super::variants::Variant;
use crate::runs::BITS_PER_BYTE;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use trainyard_base::{Error, Result};
use trainyard_report::{CROSS_ENTROPY, Comparable, DocumentLoss, MetricValue};
use trainyard_statistics::{
    Document, Interval, Paired, Summary, Verdict, holm, paired, paired_documents, summary, words,
};

/// A number that was measured on a text, of every variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricComparison {
    /// The text.
    pub split: Split,
    /// The metric's name.
    pub name: String,
    /// The metric's name for people: `loss (focal)` where that is all that there is.
    pub label: String,
    /// For example `bits/byte`; empty when it has none.
    pub unit: String,
    /// Says whether more is better.
    pub higher_is_better: bool,
    /// Which runs' numbers may be compared.
    pub comparable: Comparable,
    /// The variants, in their order.
    pub rows: Vec<Row>,
}

/// A number of one variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The variant's name.
    pub variant: String,
    /// The values by seed.
    pub values: BTreeMap<i64, f64>,
    /// Their mean and deviation; none where a value is missing.
    pub summary: Option<Summary>,
    /// The difference to the base; none for the base, and where there is none.
    pub difference: Option<Difference>,
    /// Why there is no difference to the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

/// How a difference is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A paired t test over seeds.
    PairedT,
    /// A t interval over documents of one seed, with the standard error of the jackknife.
    Jackknife,
    /// Not at all: there is one seed, and nothing by document.
    OneSeed,
}

/// A difference to the base.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// How it is judged.
    pub method: Method,
    /// The number of common seeds, or of documents.
    pub n: usize,
    /// The mean of the differences, variant minus base.
    pub mean: f64,
    /// Where the true mean is, and the p-value of its being 0.
    pub interval: Option<Interval>,
    /// The sample standard deviation of the differences of seeds.
    pub deviation: Option<f64>,
    /// The p-value, adjusted by Holm's method for all comparisons of this number.
    pub p_holm: Option<f64>,
    /// What it shows.
    pub verdict: Option<Verdict>,
    /// The same in words.
    pub words: String,
}

/// What is the same for every comparison.
pub struct Context<'a> {
    /// The runs.
    pub runs: &'a [Run],
    /// The variants.
    pub variants: &'a [Variant],
    /// The place of the base among the variants.
    pub base: usize,
    /// What the user asked for.
    pub options: &'a CompareOptions,
    /// Says that validations while training stand for those at the end.
    pub from_training: bool,
}

impl Context<'_> {
    /// Compares every number of a text.
    ///
    /// # Errors
    /// A confidence that is none.
    pub fn compare(&self, split: Split) -> Result<Vec<MetricComparison>> {
        let measures: Vec<Vec<MetricValue>> =
            self.runs.iter().map(|run| run.measures(split, self.from_training)).collect();
        let mut names: Vec<&String> = Vec::new();
        for metric in measures.iter().flatten() {
            let is_wanted = match self.options.metrics.as_slice() {
                [] => !metric.is_repeated(),
                wanted => wanted.contains(&metric.name),
            };
            if is_wanted && !names.contains(&&metric.name) {
                names.push(&metric.name);
            }
        }
        names.into_iter().map(|name| self.metric(split, name, &measures)).collect()
    }

    fn metric(&self, split: Split, name: &str, measures: &[Vec<MetricValue>]) -> Result<MetricComparison> {
        let of_run = |all: &Vec<MetricValue>| all.iter().find(|metric| metric.name == name).cloned();
        let values: Values = measures.iter().map(of_run).collect();
        let of_base = self.variants[self.base].indices.iter().find_map(|&index| values[index].as_ref());
        // it was found in one of the runs
        let shown = of_base.or_else(|| values.iter().flatten().next()).cloned();
        let shown = shown.ok_or_else(|| Error::run(format!("{name}: in no run")))?;
        let shown_for =
            |index: usize| if index == self.base { Ok(None) } else { self.shown(split, index, &values).map(Some) };
        let found = (0..self.variants.len()).map(shown_for).collect::<Result<Vec<_>>>()?;
        let intervals = found.iter().flatten().flatten().filter_map(Found::interval);
        let p: Vec<f64> = intervals.map(|interval| interval.p).collect();
        let mut adjusted = holm(&p).into_iter();
        let mut rows = Vec::new();
        for (variant, found) in self.variants.iter().zip(found) {
            let mut row = row(variant, self.runs, &values);
            match found {
                Some(Ok(found)) => {
                    let p_holm = found.interval().and_then(|_| adjusted.next());
                    row.difference = Some(found.judged(&shown, p_holm, p.len()));
                }
                Some(Err(obstacle)) => row.obstacle = Some(obstacle),
                None => {}
            }
            rows.push(row);
        }
        let labels: BTreeSet<String> = values.iter().flatten().map(MetricValue::label).collect();
        let label = if labels.len() == 1 { shown.label() } else { name.to_owned() };
        let MetricValue { name, unit, higher_is_better, comparable, .. } = shown;
        Ok(MetricComparison { split, name, label, unit, higher_is_better, comparable, rows })
    }

    /// Finds what is known of the difference between a variant and the base.
    fn shown(&self, split: Split, variant: usize, values: &Values) -> Result<Shown> {
        let (base, other) = (&self.variants[self.base], &self.variants[variant]);
        let pairs: Vec<(usize, usize)> = base
            .indices
            .iter()
            .flat_map(|&a| other.indices.iter().map(move |&b| (a, b)))
            .filter(|&(a, b)| self.runs[a].seed == self.runs[b].seed)
            .collect();
        let mut differences = Vec::new();
        for &(a, b) in &pairs {
            let (Some(of_base), Some(of_other)) = (&values[a], &values[b]) else {
                let missing = if values[a].is_none() { a } else { b };
                return Ok(Err(format!("{} did not measure it", self.runs[missing].name)));
            };
            if is_same_text(&self.runs[a], &self.runs[b], split) != Some(true) {
                return Ok(Err(format!("measured on another {} text", split.name())));
            }
            if let Some(obstacle) = obstacle((&self.runs[a], of_base), (&self.runs[b], of_other)) {
                return Ok(Err(obstacle));
            }
            if let Some((run, _)) =
                [(a, of_base), (b, of_other)].into_iter().find(|(_, metric)| !metric.value.is_finite())
            {
                return Ok(Err(format!("it is not a finite number in {}", self.runs[run].name)));
            }
            differences.push(of_other.value - of_base.value);
        }
        let confidence = self.options.confidence;
        let refused = |error: trainyard_statistics::Error| Error::usage(error.to_string());
        match (differences.as_slice(), pairs.first()) {
            ([difference], Some(&(a, b))) => {
                let name = values[a].as_ref().map_or("", |of| &of.name);
                let documents = self.common_documents((a, b), split, name)?;
                match documents.len() {
                    0 | 1 => Ok(Ok(Found::OneSeed(*difference))),
                    _ => paired_documents(&documents, confidence)
                        .map(|found| Ok(Found::Documents(found)))
                        .map_err(refused),
                }
            }
            ([], _) | (_, None) => Ok(Err("no seed in common with the base".to_owned())),
            (differences, _) => paired(differences, confidence).map(|found| Ok(Found::Seeds(found))).map_err(refused),
        }
    }

    /// The documents that were measured by two runs, for a metric that is a ratio of their sums; none for another, and
    /// for validations while training.
    ///
    /// # Errors
    /// Losses of documents that cannot be read.
    fn common_documents(&self, (a, b): (usize, usize), split: Split, metric: &str) -> Result<Vec<Document>> {
        let sums: fn(&DocumentLoss) -> (f64, f64) = match metric {
            BITS_PER_BYTE => |of| (of.bytes as f64, of.bits),
            CROSS_ENTROPY => |of| (of.weight, of.nats),
            _ => return Ok(Vec::new()),
        };
        if self.from_training {
            return Ok(Vec::new());
        }
        let (a, b) = (self.runs[a].documents(split)?, self.runs[b].documents(split)?);
        let of_b: HashMap<u64, (f64, f64)> = b.iter().map(|of| (of.document, sums(of))).collect();
        let pair = |of_a: &DocumentLoss| {
            let (weight, a) = sums(of_a);
            let &(_, b) = of_b.get(&of_a.document).filter(|(other, _)| *other == weight && weight > 0.0)?;
            Some(Document { weight, a, b })
        };
        Ok(a.iter().filter_map(pair).collect())
    }
}

/// The value of a metric in every run.
type Values = Vec<Option<MetricValue>>;

/// What is known of a difference, or why nothing is.
type Shown = std::result::Result<Found, String>;

/// What is known of a difference.
enum Found {
    Seeds(Paired),
    Documents(trainyard_statistics::Documents),
    OneSeed(f64),
}

impl Found {
    fn interval(&self) -> Option<Interval> {
        match self {
            Self::Seeds(paired) => Some(paired.interval),
            Self::Documents(documents) => Some(documents.interval),
            Self::OneSeed(_) => None,
        }
    }

    /// Judges it as one of `n_comparisons`.
    fn judged(&self, metric: &MetricValue, p_holm: Option<f64>, n_comparisons: usize) -> Difference {
        let interval = self.interval();
        let verdict = interval.zip(p_holm).map(|(interval, p)| Verdict::of(&interval, p, !metric.higher_is_better));
        let judged = verdict.unwrap_or(Verdict::NoDifference);
        let unit = &metric.unit;
        let (method, n, mean, deviation, words) = match self {
            Self::Seeds(found) => {
                let words = words::seeds(found, judged, n_comparisons, unit);
                (Method::PairedT, found.n, found.interval.mean, Some(found.deviation), words)
            }
            Self::Documents(found) => {
                (Method::Jackknife, found.n, found.interval.mean, None, words::documents(found, judged, unit))
            }
            Self::OneSeed(mean) => (Method::OneSeed, 1, *mean, None, words::one_seed(*mean, unit)),
        };
        Difference { method, n, mean, interval, deviation, p_holm, verdict, words }
    }
}

/// The values of a variant, without a comparison.
fn row(variant: &Variant, runs: &[Run], values: &Values) -> Row {
    let value = |&index: &usize| Some((runs[index].seed, values[index].as_ref()?.value));
    let values: BTreeMap<i64, f64> = variant.indices.iter().filter_map(value).collect();
    let finite: Vec<f64> = values.values().copied().collect();
    Row { variant: variant.name.clone(), values, summary: summary(&finite).ok(), difference: None, obstacle: None }
}
