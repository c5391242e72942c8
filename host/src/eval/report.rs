//! What is said of a model at the end: held-out numbers, compressors beside them, a text.

use super::{Evaluator, continue_text, text_metrics};
use crate::config::RunConfig;
use crate::data::{Dataset, Shard, packed_eval_batches};
use crate::model::Transformer;
use crate::report::{Baseline, FinalReport, MetricValue};
use crate::train::RunPlugins;
use crate::{Error, Result};

/// Evaluates whole splits, without the limit that validations while training have.
pub fn final_report(
    config: &RunConfig,
    plugins: &RunPlugins,
    data: &Dataset,
    model: &mut Transformer,
    evaluator: &Evaluator,
    step: u64,
) -> Result<FinalReport> {
    let mut faults = Vec::new();
    let mut measure = |shard: &Option<Shard>, faults: &mut Vec<String>| -> Result<Vec<MetricValue>> {
        let Some(shard) = shard else { return Ok(Vec::new()) };
        let (context, token_bytes) = (config.model.context, &data.tokenizer.token_bytes);
        let batches = packed_eval_batches(shard, config.data.packing, context, config.train.batch, token_bytes, 0)?;
        let mut values = evaluator.evaluate(model, batches, step)?;
        for value in text_metrics(plugins, data, model, shard, &config.sample).unwrap_or_else(|error| vec![Err(error)])
        {
            values.extend(without_fault(value, faults)?);
        }
        Ok(values)
    };
    let validation = measure(&data.validation, &mut faults)?;
    let test = measure(&data.test, &mut faults)?;
    let sizes = data.manifest.report.held_out.map(|held_out| held_out.baseline);
    let baseline =
        sizes.map(|sizes| Baseline { bytes: sizes.bytes, gzip_bytes: sizes.gzip_bytes, xz_bytes: sizes.xz_bytes });
    let sample = match config.sample.tokens {
        0 => String::new(),
        _ => without_fault(continue_text(plugins, data, model, &config.sample), &mut faults)?
            .map_or(String::new(), |text| config.sample.prompt.clone() + &text),
    };
    Ok(FinalReport { validation, test, baseline, sample, faults })
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
