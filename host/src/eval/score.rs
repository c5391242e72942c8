//! Texts compared with references by a text metric: files against files, without a model.

use crate::base::random::Stream;
use crate::plugin::{Plugin, PluginConfig};
use crate::{Error, Result};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use trainyard_plugin::{Kind, TextPair};

/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// Groups of neighbouring pairs that are drawn, at most: each is one state of the metric.
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

/// Compares `hypotheses` with `references`: one list for each reference, as long as the hypotheses. The interval is
/// that of `resamples` draws of as many pairs with repetition (Efron 1979; Koehn 2004, "Statistical Significance Tests
/// for Machine Translation Evaluation"), always the same ones; 0 asks for none.
///
/// # Errors
/// No texts, whatever the plugin reports.
pub fn score(
    config: &PluginConfig,
    hypotheses: &[String],
    references: &[Vec<String>],
    resamples: usize,
) -> Result<Score> {
    if hypotheses.is_empty() {
        return Err(Error::usage("expected at least one text to score, got an empty file"));
    }
    let plugin = Plugin::open(config, Kind::TextMetric)?;
    let pairs: Vec<TextPair<'_>> = (hypotheses.iter().enumerate())
        .map(|(index, hypothesis)| TextPair {
            hypothesis,
            references: references.iter().map(|texts| texts[index].as_str()).collect(),
        })
        .collect();
    let mut metric = plugin.text_metric()?;
    metric.update(&pairs)?;
    let (value, info) = (metric.value()?, metric.info()?);
    let interval = match resamples > 0 && pairs.len() > 1 {
        true => Some(interval(&plugin, &pairs, resamples)?),
        false => None,
    };
    let metric = plugin.identity().name.clone();
    let signature = signature(&plugin, config, references.len());
    Ok(Score { metric, value, unit: info.unit, signature, interval, pairs: pairs.len() })
}

/// The interval of the metric's value over draws of pairs.
fn interval(plugin: &Plugin, pairs: &[TextPair<'_>], resamples: usize) -> Result<[f64; 2]> {
    let per_group = pairs.len().div_ceil(GROUPS_MAX);
    let state = |pairs: &[TextPair<'_>]| {
        let mut metric = plugin.text_metric()?;
        metric.update(pairs)?;
        Ok(metric.state()?)
    };
    let states = pairs.chunks(per_group).map(state).collect::<Result<Vec<_>>>()?;
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

/// What a score was computed with, in the manner of sacrebleu: each setting with its value, and versions.
fn signature(plugin: &Plugin, config: &PluginConfig, references: usize) -> String {
    let identity = plugin.identity();
    let mut parts = vec![identity.name.clone(), format!("nrefs:{references}")];
    for setting in &identity.settings {
        let own = config.config.get(&setting.name).map(|value| match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let value = own.unwrap_or_else(|| default(&setting.default).to_owned());
        parts.push(format!("{}:{value}", setting.name));
    }
    parts.push(format!("version:{}", identity.version));
    parts.join("|")
}
