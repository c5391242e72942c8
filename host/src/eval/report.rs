//! The final report on a model: held-out numbers, those of compressors to compare with, a text.

use super::predict::{Predictor, measured};
use super::writing::Writing;
use super::{Evaluator, continue_text, text_metrics};
use crate::base::interrupt;
use crate::corpus::{self, Split, SplitReport};
use crate::feed::tasks::{Task, TaskConfig};
use crate::feed::{Dataset, Shard, packed_eval_batches};
use crate::model::Model;
use crate::ranks::Group;
use crate::report::{Baseline, Comparable, DocumentLoss, FinalReport, MetricValue, TaskReport, TextReport, Treatment};
use crate::rows::Rows;
use crate::run::RunConfig;
use crate::run::{RunPlugins, RunTask};
use crate::{Error, Result};
use std::collections::BTreeMap;
use trainyard_plugin::{LOSSY, Tokenizer};

/// Evaluates whole splits, without the limit that validations while training have. Other `ranks` do their share where
/// they call [`contribute_to_report`], until [`Writing::finish`] says that nothing more is written.
///
/// # Errors
/// Whatever a plugin reports, a rank that is gone.
pub fn final_report(
    config: &RunConfig,
    plugins: &RunPlugins,
    (data, task): (&Dataset, &RunTask),
    model: &mut Model,
    (evaluator, ranks): (&Evaluator, Option<&Group>),
    step: u64,
) -> Result<FinalReport> {
    let mut texts = BTreeMap::new();
    let (mut documents, mut faults) = (Vec::new(), Vec::new());
    // what all ranks measure comes first; then they write what the first one asks for
    let measured: Vec<_> = held_out(data)
        .map(|(_, shard)| tokens(config, (data, task.rows.as_ref()), model, (evaluator, ranks), (shard, step)))
        .collect::<Result<_>>()?;
    let mut splits = BTreeMap::new();
    for ((split, shard), (mut values, of_split)) in held_out(data).zip(measured) {
        let writing = Writing { model, task, ranks };
        values.extend(written(config, plugins, (data, &writing), shard, &mut faults)?);
        documents.push((split.name().to_owned(), of_split));
        let report = data.manifest.report.splits.iter().find(|report| report.split == split);
        if let Some(report) = report {
            let text = text_report(report, treatment(config, split), plugins);
            mark_lossy(&mut values, text.lossy);
            texts.insert(split.name().to_owned(), text);
        }
        splits.insert(split, values);
    }
    let [validation, test] = [Split::Validation, Split::Test].map(|split| splits.remove(&split).unwrap_or_default());
    let mut predictions = BTreeMap::new();
    for (split, shard) in held_out(data) {
        let report = predicted(config, (data, task), task.rows.as_ref(), model, shard)?;
        predictions.extend(report.map(|report| (split.name().to_owned(), report)));
    }
    let baseline = data.manifest.report.held_out.map(|held_out| baseline(held_out.baseline));
    let sample = written_sample(config, plugins, data, (model, task));
    let (sample, tokenizer) = without_fault(sample, &mut faults)?.unwrap_or_default();
    tokenizer.into_iter().for_each(|tokenizer| plugins.keep(tokenizer));
    let sets = BTreeMap::new();
    Ok(FinalReport { validation, test, texts, predictions, baseline, sample, faults, documents, sets })
}

/// The prompt and how a run's model continues it; empty where no text is asked for, or no source is given to write it
/// from. The tokenizer is returned too, to be closed when the text was kept.
///
/// # Errors
/// Whatever the tokenizer reports.
pub fn written_sample(
    config: &RunConfig,
    plugins: &RunPlugins,
    data: &Dataset,
    (model, task): (&Model, &RunTask),
) -> Result<(String, Option<Box<dyn Tokenizer>>)> {
    let sample = &config.sample;
    let is_unasked = matches!(config.task, TaskConfig::Chat(_)) && sample.prompt.is_empty();
    if sample.tokens == 0 || is_unasked || model.reads_source() && sample.source.is_empty() {
        return Ok((String::new(), None));
    }
    let (text, tokenizer) = continue_text(&plugins.data.tokenizer, data, (model, task), sample)?;
    Ok((sample.prompt.clone() + &text, Some(tokenizer)))
}

/// The splits that a run was not trained on.
fn held_out(data: &Dataset) -> impl Iterator<Item = (Split, &Shard)> {
    let splits = [(Split::Validation, &data.validation), (Split::Test, &data.test)];
    splits.into_iter().filter_map(|(split, shard)| Some((split, shard.as_ref()?)))
}

/// The share of another rank in [`final_report`].
///
/// # Errors
/// A shard that does not fit the model, a signal that asks the program to end, a rank that is gone.
pub fn contribute_to_report(
    config: &RunConfig,
    (data, task): (&Dataset, &RunTask),
    model: &mut Model,
    (evaluator, group): (&Evaluator, &Group),
    step: u64,
) -> Result<()> {
    for (_, shard) in held_out(data) {
        let batches = whole(config, (data, task.rows.as_ref()), shard)?;
        evaluator.contribute(model, batches, (step, true), group)?;
        interrupt::check()?;
    }
    Writing { model, task, ranks: None }.serve(group)
}

/// All batches of a shard until a signal asks the program to end.
pub(super) fn whole<'a>(
    config: &RunConfig,
    (data, rows): (&'a Dataset, &'a dyn Task),
    shard: &'a Shard,
) -> Result<impl Iterator<Item = Rows> + use<'a>> {
    let (context, token_bytes) = (config.model.context(), &data.tokenizer.token_bytes);
    let batches = packed_eval_batches(shard, rows, config.data.packing, context, config.train.batch, token_bytes, 0)?;
    Ok(batches.take_while(|_| interrupt::requested().is_none()))
}

/// The numbers of all tokens of a shard, and those of its documents; `step` is what the graphs see.
pub(super) fn tokens(
    config: &RunConfig,
    (data, rows): (&Dataset, &dyn Task),
    model: &mut Model,
    (evaluator, ranks): (&Evaluator, Option<&Group>),
    (shard, step): (&Shard, u64),
) -> Result<(Vec<MetricValue>, Vec<DocumentLoss>)> {
    let measured = evaluator.evaluate_documents(model, whole(config, (data, rows), shard)?, step, ranks);
    // a rank that ended by the same signal is no news
    interrupt::check()?;
    measured
}

/// What text metrics make of the texts that are written for a shard. What one fails at goes to `faults`.
pub(super) fn written(
    config: &RunConfig,
    plugins: &RunPlugins,
    (data, writing): (&Dataset, &Writing<'_>),
    shard: &Shard,
    faults: &mut Vec<String>,
) -> Result<Vec<MetricValue>> {
    let written = text_metrics(plugins, data, writing, shard, (&config.sample, &config.eval));
    let mut values = Vec::new();
    for value in written.unwrap_or_else(|error| vec![Err(error)]) {
        values.extend(without_fault(value, faults)?);
    }
    interrupt::check()?;
    Ok(values)
}

/// How right the predictions for a shard are; none of a task that predicts tokens. `rows` makes its rows.
///
/// # Errors
/// A shard that does not fit the model, a signal that asks the program to end.
pub(super) fn predicted(
    config: &RunConfig,
    (data, task): (&Dataset, &RunTask),
    rows: &dyn Task,
    model: &mut Model,
    shard: &Shard,
) -> Result<Option<TaskReport>> {
    let Some(mut predictor) = Predictor::new(model, &config.task, task)? else { return Ok(None) };
    let (context, token_bytes) = (config.model.context(), &data.tokenizer.token_bytes);
    let (packing, batch) = (config.data.packing, config.train.batch);
    let batches = packed_eval_batches(shard, rows, packing, context, batch, token_bytes, 0)?;
    measured(&mut predictor, batches, config.run.seed)
}

/// What became of a split's text before it was measured.
fn treatment(config: &RunConfig, split: Split) -> Treatment {
    match (&config.data.tokens, config.data.is_given(split) || !config.data.is_filtered()) {
        (Some(_), _) => Treatment::Tokens,
        (None, true) => Treatment::Raw,
        (None, false) => Treatment::Filtered,
    }
}

/// What is known of a text that was measured.
pub(super) fn text_report(report: &SplitReport, text: Treatment, plugins: &RunPlugins) -> TextReport {
    let known = report.held_out.as_ref();
    let decoded = known.filter(|known| known.decoded);
    // Where that was not checked, the tokenizer is believed.
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

/// Says whether the tokenizer loses part of a split's text, or may where that was not checked.
pub fn loses_text(data: &Dataset, split: Split, plugins: &RunPlugins) -> bool {
    let report = data.manifest.report.splits.iter().find(|report| report.split == split);
    report.is_some_and(|report| text_report(report, Treatment::Raw, plugins).lossy)
}

/// Numbers per byte of a text of which a part is lost are comparable with none.
pub fn mark_lossy(values: &mut [MetricValue], lossy: bool) {
    for value in values.iter_mut().filter(|value| lossy && value.comparable == Comparable::Text) {
        value.comparable = Comparable::Nothing;
    }
}

pub(super) fn baseline(sizes: corpus::Baseline) -> Baseline {
    Baseline { bytes: sizes.bytes, gzip_bytes: sizes.gzip_bytes, xz_bytes: sizes.xz_bytes }
}

/// What a plugin made; none when it failed, which is remembered: what others made is not lost for it.
pub(super) fn without_fault<T>(made: Result<T>, faults: &mut Vec<String>) -> Result<Option<T>> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(Error::Plugin(why)) => {
            faults.push(why);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
