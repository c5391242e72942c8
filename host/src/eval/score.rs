//! Texts compared with references by a text metric: files against files, without a model.

use super::examples::{Example, count};
use crate::base::random::Stream;
use crate::plugin::{Plugin, PluginConfig};
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use trainyard_plugin::{Kind, SIGNATURE, TextMetric};

/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// Groups of neighbouring examples that are drawn, at most: each is one state of the metric.
const GROUPS_MAX: usize = 500;

/// What a text metric says of texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Name of the metric.
    pub metric: String,
    /// Its value over all pairs.
    pub value: f64,
    /// The unit of the value; empty when it has none.
    pub unit: String,
    /// What it was computed with, so that two scores can be compared: number of references, settings, version.
    pub signature: String,
    /// The 95 % interval over texts like these; none where it was not asked for, or there are too few.
    pub interval: Option<[f64; 2]>,
    /// Texts that were compared.
    pub pairs: usize,
}

impl Display for Score {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        write!(f, "{} {:.4}{unit}", self.metric, self.value)?;
        if let Some([low, high]) = self.interval {
            write!(f, "  (95 % interval {low:.4} to {high:.4})")?;
        }
        write!(f, "\n{}, {} texts", self.signature, self.pairs)
    }
}

/// Compares the hypotheses of `examples` with their references. The interval is that of `resamples` draws of as many
/// examples with repetition (Efron 1979; Koehn 2004, "Statistical Significance Tests
/// for Machine Translation Evaluation"), always the same ones; 0 asks for none.
///
/// # Errors
/// No texts, whatever the plugin reports.
pub fn score(config: &PluginConfig, examples: &[Example], resamples: usize) -> Result<Score> {
    if examples.is_empty() {
        return Err(Error::usage("expected at least one text to score, got an empty file"));
    }
    let plugin = Plugin::open(config, Kind::TextMetric)?;
    let mut metric = plugin.text_metric()?;
    count(&plugin, metric.as_mut(), examples)?;
    let (value, info) = (metric.value()?, metric.info()?);
    let interval = match resamples > 0 && examples.len() > 1 {
        true => Some(interval(&plugin, examples, resamples)?),
        false => None,
    };
    let signature = signature(&plugin, config, metric.as_ref(), examples)?;
    let metric = plugin.identity().name.clone();
    Ok(Score { metric, value, unit: info.unit, signature, interval, pairs: examples.len() })
}

/// The interval of the metric's value over draws of examples.
fn interval(plugin: &Plugin, examples: &[Example], resamples: usize) -> Result<[f64; 2]> {
    let per_group = examples.len().div_ceil(GROUPS_MAX);
    let state = |examples: &[Example]| {
        let mut metric = plugin.text_metric()?;
        count(plugin, metric.as_mut(), examples)?;
        Ok(metric.state()?)
    };
    let states = examples.chunks(per_group).map(state).collect::<Result<Vec<_>>>()?;
    let draws = Stream::new(0, "score");
    let mut values = Vec::with_capacity(resamples);
    for resample in 0..resamples {
        let mut metric = plugin.text_metric()?;
        for draw in 0..states.len() {
            let place = draws.uniform((resample * states.len() + draw) as u64) * states.len() as f64;
            metric.merge(&states[(place as usize).min(states.len() - 1)])?;
        }
        values.push(metric.value()?);
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Ok([at((1.0 - CONFIDENCE) / 2.0), at(f64::midpoint(1.0, CONFIDENCE))])
}

/// The value of a default as a source file writes it: without quotes, or the type behind a number.
fn default(text: &str) -> &str {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    match text.find(['u', 'i', 'f']).filter(|_| is_number) {
        Some(end) => &text[..end],
        None => text.trim_matches('"'),
    }
}

/// What a score was computed with, in the manner of sacrebleu: the number of references, and what the plugin says. For
/// one that says nothing, each setting with its value, and its version.
fn signature(plugin: &Plugin, config: &PluginConfig, metric: &dyn TextMetric, examples: &[Example]) -> Result<String> {
    let identity = plugin.identity();
    let counts: BTreeSet<_> = examples.iter().map(|example| example.references.len()).collect();
    let references = match (counts.len(), counts.first()) {
        (1, Some(n)) => format!("nrefs:{n}"),
        _ => "nrefs:var".to_owned(),
    };
    if identity.has(SIGNATURE) {
        return Ok(format!("{references}|{}", metric.signature()?));
    }
    let mut parts = vec![identity.name.clone(), references];
    for setting in &identity.settings {
        let own = config.config.get(&setting.name).map(|value| match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let value = own.unwrap_or_else(|| default(&setting.default).to_owned());
        parts.push(format!("{}:{value}", setting.name));
    }
    parts.push(format!("version:{}", identity.version));
    Ok(parts.join("|"))
}
