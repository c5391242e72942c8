//! Metrics over generated text: the model continues held-out documents, and the plugins compare.

use super::continue_tokens;
use crate::Result;
use crate::feed::{Dataset, Shard};
use crate::model::Model;
use crate::report::{Comparable, MetricValue};
use crate::run::{RunPlugins, SampleConfig};
use std::collections::BTreeMap;
use trainyard_plugin::{Direction, TextPair, TokenBatch};

/// Documents that are continued.
const DOCUMENTS: u64 = 8;
/// Tokens of each that the model is given.
const PROMPT_TOKENS: usize = 32;
/// Tokens that it writes.
const NEW_TOKENS: usize = 64;

/// The values of the run's text metrics, each or why there is none, on the first documents of `shard`; nothing is
/// generated when there are none.
///
/// # Errors
/// A tokenizer that fails; what a metric fails at is in its place in the list.
pub fn text_metrics(
    plugins: &RunPlugins,
    data: &Dataset,
    model: &Model,
    shard: &Shard,
    sample: &SampleConfig,
) -> Result<Vec<Result<MetricValue>>> {
    if plugins.text_metrics.is_empty() {
        return Ok(Vec::new());
    }
    let (mut written, mut expected) = (TokenBatch::default(), TokenBatch::default());
    for index in 0..shard.n_documents().min(DOCUMENTS) {
        let document = shard.document(index);
        let (prompt, rest) = document.split_at(PROMPT_TOKENS.min(document.len()));
        if rest.is_empty() {
            continue;
        }
        let sample = SampleConfig { tokens: NEW_TOKENS, seed: sample.seed.wrapping_add(index), ..sample.clone() };
        written.ids.extend(continue_tokens(
            model,
            prompt,
            &sample,
            data.tokenizer.end_of_text,
            data.tokenizer.n_tokens,
        )?);
        written.end_sequence()?;
        expected.ids.extend(&rest[..NEW_TOKENS.min(rest.len())]);
        expected.end_sequence()?;
    }
    let mut tokenizer = plugins.data.tokenizer.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    let mut texts = |batch: &TokenBatch| -> Result<Vec<String>> {
        Ok(tokenizer.decode(batch)?.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect())
    };
    let (written, expected) = (texts(&written)?, texts(&expected)?);
    plugins.keep(tokenizer);
    let pairs: Vec<_> = written
        .iter()
        .zip(&expected)
        .map(|(hypothesis, reference)| TextPair { hypothesis, references: vec![reference] })
        .collect();
    let measure = |(plugin, name): (&crate::plugin::Plugin, String)| {
        let mut metric = plugin.text_metric()?;
        metric.update(&pairs)?;
        let info = metric.info()?;
        let value = metric.value()?;
        plugins.keep(metric);
        Ok(MetricValue {
            name,
            plugin: plugin.identity().name.clone(),
            value,
            unit: info.unit,
            higher_is_better: info.direction == Direction::HigherIsBetter,
            // how much text is given and written is counted in tokens
            comparable: Comparable::Tokenizer,
            outputs: BTreeMap::new(),
        })
    };
    Ok(plugins.text_metrics.iter().zip(plugins.metric_names().text).map(measure).collect())
}
