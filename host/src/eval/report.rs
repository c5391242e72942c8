//! What is said of a model at the end: held-out numbers, compressors beside them, a text.

use super::{Evaluator, continue_text, text_metrics};
use crate::Result;
use crate::config::RunConfig;
use crate::data::{Dataset, Shard, packed_eval_batches};
use crate::model::Transformer;
use crate::report::{Baseline, FinalReport, MetricValue};
use crate::train::RunPlugins;

/// Evaluates whole splits, without the limit that validations while training have.
pub fn final_report(
    config: &RunConfig,
    plugins: &RunPlugins,
    data: &Dataset,
    model: &mut Transformer,
    evaluator: &Evaluator,
    step: u64,
) -> Result<FinalReport> {
    let mut measure = |shard: &Option<Shard>| -> Result<Vec<MetricValue>> {
        let Some(shard) = shard else { return Ok(Vec::new()) };
        let (context, token_bytes) = (config.model.context, &data.tokenizer.token_bytes);
        let batches = packed_eval_batches(shard, config.data.packing, context, config.train.batch, token_bytes, 0)?;
        let mut values = evaluator.evaluate(model, batches, step)?;
        values.extend(text_metrics(plugins, data, model, shard, &config.sample)?);
        Ok(values)
    };
    let (validation, test) = (measure(&data.validation)?, measure(&data.test)?);
    let sizes = data.manifest.report.held_out.map(|held_out| held_out.baseline);
    let baseline =
        sizes.map(|sizes| Baseline { bytes: sizes.bytes, gzip_bytes: sizes.gzip_bytes, xz_bytes: sizes.xz_bytes });
    let sample = match config.sample.tokens {
        0 => String::new(),
        _ => config.sample.prompt.clone() + &continue_text(&plugins.data.tokenizer, data, model, &config.sample)?,
    };
    Ok(FinalReport { validation, test, baseline, sample })
}
