//! Metrics over texts that a model writes: it continues held-out documents, or writes from their sources, and the
//! plugins compare with what is there.

use super::text::decode;
use super::{Writer, WriterConfig, continue_tokens};
use crate::Result;
use crate::feed::tasks::pair;
use crate::feed::{Dataset, Shard};
use crate::model::Model;
use crate::plugin::Plugin;
use crate::report::{Comparable, MetricValue};
use crate::run::{RunPlugins, RunTask, SampleConfig};
use std::collections::BTreeMap;
use trainyard_plugin::{Direction, LOSSY, TextPair, TokenBatch};

/// The output of each metric that says on how many documents it was measured.
const DOCUMENTS: &str = "documents";
/// Tokens of a document that a model is given to continue.
const PROMPT_TOKENS: usize = 32;
/// Tokens that it writes then.
const NEW_TOKENS: usize = 64;

/// Texts that a model wrote, and those that were there.
#[derive(Default)]
struct Texts {
    written: TokenBatch,
    expected: TokenBatch,
}

/// The values of the run's text metrics, each or why there is none, on `sample.documents` of `shard`; nothing is
/// written when there are none.
///
/// # Errors
/// A tokenizer that fails, a signal that asks the program to end; what a metric fails at is in its place in the list.
pub fn text_metrics(
    plugins: &RunPlugins,
    (data, task): (&Dataset, &RunTask),
    model: &Model,
    shard: &Shard,
    sample: &SampleConfig,
) -> Result<Vec<Result<MetricValue>>> {
    if plugins.text_metrics.is_empty() {
        return Ok(Vec::new());
    }
    let has_source = model.reads_source();
    let texts = match has_source {
        true => written(data, (model, task), shard, sample)?,
        false => continued(data, model, shard, sample)?,
    };
    let mut tokenizer = plugins.data.tokenizer.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    let written = decode(tokenizer.as_mut(), &texts.written)?;
    let expected = decode(tokenizer.as_mut(), &texts.expected)?;
    plugins.keep(tokenizer);
    let pairs: Vec<_> = written
        .iter()
        .zip(&expected)
        .map(|(hypothesis, reference)| TextPair { hypothesis, references: vec![reference] })
        .collect();
    // How much text is given to continue, and what comes back of a tokenizer that loses text, depends on its tokens.
    let comparable = match has_source && !plugins.data.tokenizer.identity().has(LOSSY) {
        true => Comparable::Text,
        false => Comparable::Tokenizer,
    };
    let measure = |(plugin, name): (&Plugin, String)| {
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
            comparable,
            outputs: BTreeMap::from([(DOCUMENTS.to_owned(), pairs.len() as f64)]),
        })
    };
    Ok(plugins.text_metrics.iter().zip(plugins.metric_names().text).map(measure).collect())
}

/// Continuations of the first documents.
fn continued(data: &Dataset, model: &Model, shard: &Shard, sample: &SampleConfig) -> Result<Texts> {
    let mut texts = Texts::default();
    let (end, n_tokens) = (data.tokenizer.end_of_text, data.tokenizer.n_tokens);
    for index in 0..shard.n_documents().min(sample.documents) {
        let document = shard.document(index);
        let (prompt, rest) = document.split_at(PROMPT_TOKENS.min(document.len()));
        if rest.is_empty() {
            continue;
        }
        let sample = SampleConfig { tokens: NEW_TOKENS, seed: sample.seed.wrapping_add(index), ..sample.clone() };
        texts.written.ids.extend(continue_tokens(model, (&[], prompt), &sample, end, n_tokens)?);
        texts.written.end_sequence()?;
        texts.expected.ids.extend(&rest[..NEW_TOKENS.min(rest.len())]);
        texts.expected.end_sequence()?;
    }
    Ok(texts)
}

/// What is written from the sources of documents, spread over the shard.
fn written(data: &Dataset, (model, task): (&Model, &RunTask), shard: &Shard, sample: &SampleConfig) -> Result<Texts> {
    let mut texts = Texts::default();
    let writer = Writer::new(model, task, data.tokenizer.n_tokens, &WriterConfig::beams(sample.beams));
    let (all, n) = (shard.n_documents(), shard.n_documents().min(sample.documents));
    let pairs: Vec<_> =
        (0..n).map(|index| pair(shard, (u128::from(index) * u128::from(all) / u128::from(n)) as u64)).collect();
    let sources: Vec<&[u32]> = pairs.iter().map(|(source, _)| source.as_slice()).collect();
    let hypotheses = writer.write(&sources)?;
    for ((_, target), hypotheses) in pairs.iter().zip(&hypotheses) {
        texts.written.ids.extend(hypotheses.first().map_or(&[][..], |best| &best.ids));
        texts.written.end_sequence()?;
        texts.expected.ids.extend(target);
        texts.expected.end_sequence()?;
    }
    Ok(texts)
}
