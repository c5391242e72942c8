//! The batches of a run, and what is said of them.

use crate::Result;
use crate::corpus::Split;
use crate::feed::tasks::Task;
use crate::feed::{Dataset, Loader, Position, Recipe, Shard, packed_eval_batches};
use crate::report::{Extent, SourceReport};
use crate::rows::Rows;
use crate::run::{RunConfig, RunTask};

/// The batches of a run from `position` on.
///
/// # Errors
/// A train split, or a source with a weight, that does not fill one sequence.
pub fn loader<'a>(config: &RunConfig, task: &RunTask, data: &'a Dataset, position: Position) -> Result<Loader<'a>> {
    let train = &config.train;
    let splits = &data.manifest.report.splits;
    let spans = splits.iter().find(|split| split.split == Split::Train).map_or(&[][..], |split| &split.sources);
    let per_step = (train.batch * train.accumulate) as u64;
    let recipe =
        Recipe { task: task.rows.clone(), ..Recipe::new(config.model.context(), train.batch, config.run.seed) };
    let recipe = recipe.with(&config.data, spans, train.steps, per_step)?;
    Loader::with(&data.train, &recipe, &data.tokenizer.token_bytes, position)
}

/// The batches of `shard` that a validation while training reads, of the `task` that its rows are made for, and how
/// many of how many they are.
///
/// # Errors
/// More documents than can be packed.
pub(super) fn validation_batches<'a>(
    config: &RunConfig,
    (shard, task): (&'a Shard, &'a dyn Task),
    data: &'a Dataset,
) -> Result<(impl Iterator<Item = Rows> + use<'a>, Extent)> {
    let (context, batch, token_bytes) = (config.model.context(), config.train.batch, &data.tokenizer.token_bytes);
    let batches = |limit| packed_eval_batches(shard, task, config.data.packing, context, batch, token_bytes, limit);
    let of = batches(0)?.size_hint().0 as u64;
    let limit = config.train.validate_batches;
    let extent = Extent { batches: if limit == 0 { of } else { of.min(limit as u64) }, of };
    Ok((batches(limit)?, extent))
}

/// What validations while training read of the validation text; none without one.
pub(super) fn validation_extent(config: &RunConfig, task: &RunTask, data: &Dataset) -> Result<Option<Extent>> {
    let shard = data.validation.as_ref();
    let extent = |shard| Ok(validation_batches(config, (shard, task.rows.as_ref()), data)?.1);
    shard.map(extent).transpose()
}

/// How often training has gone through each source at `position`.
pub(super) fn source_reports(loader: &Loader<'_>, position: Position) -> Vec<SourceReport> {
    let reports = loader.epochs(position).into_iter();
    reports.map(|of| SourceReport { name: of.name, sequences: of.sequences, epochs: of.epochs }).collect()
}
