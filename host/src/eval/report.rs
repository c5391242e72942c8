//! What is said of a model at the end: held-out numbers, compressors beside them, a text.

use super::{Evaluator, continue_text, text_metrics};
use crate::corpus::{self, Split, SplitReport};
use crate::feed::{Dataset, Shard, packed_eval_batches};
use crate::model::Transformer;
use crate::report::{Baseline, Comparable, FinalReport, MetricValue, TextReport};
use crate::run::RunConfig;
use crate::run::RunPlugins;
use crate::{Error, Result};
use std::collections::BTreeMap;
use trainyard_plugin::LOSSY;

/// Evaluates whole splits, without the limit that validations while training have.
///
/// # Errors
/// Whatever a plugin reports.
pub fn final_report(
    config: &RunConfig,
    plugins: &RunPlugins,
    data: &Dataset,
    model: &mut Transformer,
    evaluator: &Evaluator,
    step: u64,
) -> Result<FinalReport> {
    let mut texts = BTreeMap::new();
    let mut faults = Vec::new();
    let mut measure = |split: Split, shard: &Option<Shard>, faults: &mut Vec<String>| -> Result<Vec<MetricValue>> {
        let Some(shard) = shard else { return Ok(Vec::new()) };
        let mut values = measure(config, plugins, data, model, evaluator, (shard, step), faults)?;
        let report = data.manifest.report.splits.iter().find(|report| report.split == split);
        if let Some(report) = report {
            let text = text_report(report, treatment(config, split), plugins);
            mark(&mut values, &text);
            texts.insert(split.name(), text);
        }
        Ok(values)
    };
    let validation = measure(Split::Validation, &data.validation, &mut faults)?;
    let test = measure(Split::Test, &data.test, &mut faults)?;
    let baseline = data.manifest.report.held_out.map(|held_out| baseline(held_out.baseline));
    let sample =
        match config.sample.tokens {
            0 => String::new(),
            _ => without_fault(continue_text(&plugins.data.tokenizer, data, model, &config.sample), &mut faults)?
                .map_or(String::new(), |(text, tokenizer)| {
                    plugins.keep(tokenizer);
                    config.sample.prompt.clone() + &text
                }),
        };
    Ok(FinalReport { validation, test, texts, baseline, sample, faults })
}

/// All numbers of the tokens of a shard; `step` is what the graphs see. What a text metric fails at goes to `faults`.
pub(super) fn measure(
    config: &RunConfig,
    plugins: &RunPlugins,
    data: &Dataset,
    model: &mut Transformer,
    evaluator: &Evaluator,
    (shard, step): (&Shard, u64),
    faults: &mut Vec<String>,
) -> Result<Vec<MetricValue>> {
    let (context, token_bytes) = (config.model.context, &data.tokenizer.token_bytes);
    let batches =
        packed_eval_batches(shard, config.task(), config.data.packing, context, config.train.batch, token_bytes, 0)?;
    let mut values = evaluator.evaluate(model, batches, step)?;
    let written = text_metrics(plugins, data, model, shard, &config.sample);
    for value in written.unwrap_or_else(|error| vec![Err(error)]) {
        values.extend(without_fault(value, faults)?);
    }
    Ok(values)
}

/// What became of a split's text before it was measured.
fn treatment(config: &RunConfig, split: Split) -> &'static str {
    match (&config.data.tokens, config.data.is_given(split) || !config.data.is_filtered()) {
        (Some(_), _) => "tokens",
        (None, true) => "raw",
        (None, false) => "filtered",
    }
}

/// What is known of a text that was measured.
pub(super) fn text_report(report: &SplitReport, text: &'static str, plugins: &RunPlugins) -> TextReport {
    let known = report.held_out.as_ref();
    let decoded = known.filter(|known| known.decoded);
    // Where nobody looked, the tokenizer is believed.
    let may_lose = || plugins.data.tokenizer.identity().has(LOSSY);
    TextReport {
        source: known.and_then(|known| known.source.clone()),
        text,
        documents: report.documents,
        bytes: report.bytes,
        digest: known.map(|known| known.sha256.clone()),
        lossy_documents: decoded.map(|known| known.lossy_documents),
        lossy_bytes: decoded.map(|known| known.lossy_bytes),
        lossy: decoded.map_or_else(may_lose, |known| known.lossy_documents > 0),
    }
}

/// Numbers per byte of a text that was lost are no longer comparable with any.
pub(super) fn mark(values: &mut [MetricValue], text: &TextReport) {
    for value in values.iter_mut().filter(|value| text.lossy && value.comparable == Comparable::Text) {
        value.comparable = Comparable::Nothing;
    }
}

pub(super) fn baseline(sizes: corpus::Baseline) -> Baseline {
    Baseline { bytes: sizes.bytes, gzip_bytes: sizes.gzip_bytes, xz_bytes: sizes.xz_bytes }
}

/// What a plugin made; none when it failed, which is remembered: what others made is not lost for it.
fn without_fault<T>(made: Result<T>, faults: &mut Vec<String>) -> Result<Option<T>> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(Error::Plugin(why)) => {
            faults.push(why);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
