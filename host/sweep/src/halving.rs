//! Successive halving: which variants reach the next rung.

use super::plan::Planned;
use super::state::{RunRecord, State};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use trainyard_base::{Error, Result};
use trainyard_report::{Comparable, Header, Metric};

/// A rung that is done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// Its number, from 1.
    pub rung: usize,
    /// Steps of its runs.
    pub steps: u64,
    /// The metric that variants are ranked by.
    pub metric: String,
    /// The variants, best first.
    pub ranking: Vec<Ranked>,
}

/// A variant of a rung.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// Its name.
    pub variant: String,
    /// Mean of the last validations over its seeds; none where a run broke or measured no finite number.
    pub mean: Option<f64>,
    /// Says that it reaches the next rung, or that it is the best of the last one.
    pub is_kept: bool,
}

/// A variant's name, and the mean of its last validations.
pub type Mean = (String, Option<f64>);

/// Ranks the variants by their mean, best first; those without one come last, and equal ones stay in their order. The
/// best `kept` reach the next rung, but none without a mean.
pub fn rank(variants: &[Mean], higher_is_better: bool, kept: usize) -> Vec<Ranked> {
    let mut sorted: Vec<_> = variants.iter().collect();
    let key = |mean: Option<f64>| mean.map_or(f64::INFINITY, |mean| if higher_is_better { -mean } else { mean });
    sorted.sort_by(|(_, a), (_, b)| key(*a).total_cmp(&key(*b)).then(b.is_some().cmp(&a.is_some())));
    let ranked = |(place, (variant, mean)): (usize, &Mean)| Ranked {
        variant: variant.clone(),
        mean: *mean,
        is_kept: place < kept && mean.is_some(),
    };
    sorted.into_iter().enumerate().map(ranked).collect()
}

/// The variants of a rung with their means, and the metric.
///
/// # Errors
/// A record that cannot be read, no metric that all runs measured.
pub fn means(runs: &[Planned], named: Option<&str>) -> Result<(Metric, Vec<Mean>)> {
    let records = runs.iter().map(|run| Ok((run, RunRecord::read(&run.cell.folder)?))).collect::<Result<Vec<_>>>()?;
    let done: Vec<_> = records.iter().filter(|(run, record)| State::of(&run.cell, record) == State::Done).collect();
    let headers: Vec<_> = done.iter().filter_map(|(_, record)| record.header.as_ref()).collect();
    let metric = metric(&headers, named)?;
    let mut variants: Vec<(String, Vec<Option<f64>>)> = Vec::new();
    for (run, record) in &records {
        let value = record.validation.as_ref().and_then(|validation| validation.values.get(&metric.name).copied());
        let is_done = State::of(&run.cell, record) == State::Done;
        let value = value.filter(|value| is_done && value.is_finite());
        match variants.iter_mut().find(|(name, _)| *name == run.cell.variant) {
            Some((_, values)) => values.push(value),
            None => variants.push((run.cell.variant.clone(), vec![value])),
        }
    }
    let mean = |values: Vec<Option<f64>>| {
        let n = values.len() as f64;
        values.into_iter().sum::<Option<f64>>().map(|sum| sum / n)
    };
    Ok((metric, variants.into_iter().map(|(name, values)| (name, mean(values))).collect()))
}

/// The metric that variants are ranked by: the one that is named, or the first of those that most other runs may be
/// compared with, and that all runs measured.
fn metric(headers: &[&Header], named: Option<&str>) -> Result<Metric> {
    let Some((first, others)) = headers.split_first() else { return Err(Error::run("halving: no run was finished")) };
    let is_shared =
        |metric: &&Metric| others.iter().all(|header| header.metrics.iter().any(|other| other.name == metric.name));
    let shared: Vec<_> = first.metrics.iter().filter(is_shared).collect();
    let found = match named {
        Some(name) => shared.iter().find(|metric| metric.name == name),
        None => [Comparable::Text, Comparable::Tokenizer, Comparable::Loss, Comparable::Nothing]
            .into_iter()
            .find_map(|with| shared.iter().find(|metric| metric.comparable == with)),
    };
    let names: Vec<_> = shared.iter().map(|metric| metric.name.as_str()).collect();
    found.map(|metric| (*metric).clone()).ok_or_else(|| {
        let got = named.map_or("none".to_owned(), |name| format!("{name:?}"));
        Error::usage(format!("halving.metric: expected one that all runs measure ({}), got {got}", names.join(", ")))
    })
}

impl Display for Rung {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { rung, steps, metric, ranking } = self;
        write!(f, "rung {rung} ({steps} steps), by {metric}:")?;
        for (place, Ranked { variant, mean, is_kept }) in ranking.iter().enumerate() {
            let mean = mean.map_or("no result".to_owned(), |mean| format!("{mean:.4}"));
            write!(f, "\n{:>4}. {mean}  {variant}{}", place + 1, if *is_kept { "" } else { "  (ends here)" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_reach_the_next_rung() {
        let variants = [("a", Some(3.0)), ("b", None), ("c", Some(1.0)), ("d", Some(3.0)), ("e", Some(2.0))];
        let variants = variants.map(|(name, mean)| (name.to_owned(), mean));
        let order = |ranking: &[Ranked]| ranking.iter().map(|ranked| ranked.variant.clone()).collect::<String>();
        let kept = |ranking: &[Ranked]| ranking.iter().filter(|ranked| ranked.is_kept).count();
        let lower = rank(&variants, false, 2);
        assert_eq!((order(&lower), kept(&lower)), ("ceadb".to_owned(), 2));
        let higher = rank(&variants, true, 5);
        assert_eq!((order(&higher), kept(&higher)), ("adecb".to_owned(), 4));
    }

    #[test]
    fn the_metric_is_one_that_all_runs_share() {
        let header = |metrics: &[(&str, Comparable)]| Header {
            metrics: metrics
                .iter()
                .map(|(name, comparable)| Metric {
                    name: (*name).to_owned(),
                    plugin: String::new(),
                    unit: String::new(),
                    higher_is_better: false,
                    comparable: *comparable,
                })
                .collect(),
            ..Header::default()
        };
        let a = header(&[("loss", Comparable::Loss), ("ce", Comparable::Tokenizer), ("bpb", Comparable::Text)]);
        let b = header(&[("loss", Comparable::Loss), ("ce", Comparable::Tokenizer)]);
        let name = |headers: &[&Header], named| metric(headers, named).map(|metric| metric.name);
        assert_eq!(name(&[&a, &a], None).unwrap(), "bpb");
        assert_eq!(name(&[&a, &b], None).unwrap(), "ce");
        assert_eq!(name(&[&a, &b], Some("loss")).unwrap(), "loss");
        let error = name(&[&a, &b], Some("bpb")).unwrap_err().to_string();
        assert_eq!(error, "halving.metric: expected one that all runs measure (loss, ce), got \"bpb\"");
        assert_eq!(name(&[], None).unwrap_err().to_string(), "halving: no run was finished");
    }
}
