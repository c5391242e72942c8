//! The version of a run's numerics, that is, of the order of additions and the addresses of random numbers. The version
//! decides which numbers a run computes from its config, data, plugins and seed.
//!
//! * 1: masks of dropout are numbered by micro-batch; a graph's sequence is a window, even if several documents are
//!   packed into it.
//! * 2: masks are numbered by sequence, so that `train.accumulate` changes nothing; a sequence is a document of a
//!   window (`data.packing`).
//! * 3: the gradient of the output layer is summed over 256 to 512 rows at a time; before, over as many as had 16 MiB
//!   of logits, which are fewer for more than 8192 tokens. Gradients of micro-batches are added as a tree over their
//!   numbers; before, one after the other.

use super::network::DataSizes;
use super::plugins::RunPlugins;
use crate::corpus::Packing;
use crate::loss::chunk_rows;
use crate::ops::Device;
use crate::run::{RunConfig, TrainConfig};
use crate::{Error, Result};
use trainyard_plugin::Graph;

/// The version of this program. A checkpoint records the version that it was made with.
pub const NUMERICS: u32 = 3;

/// The version of checkpoints that do not record one.
pub(crate) const fn unnamed() -> u32 {
    1
}

/// Place in the config and in `--allow-changed`.
const PLACE: &str = "numerics";

/// Checks that a run that began under `saved` can be resumed: this program computes the same numbers for it, or
/// `--allow-changed numerics` says that they may change.
///
/// # Errors
/// A run whose numbers would change, or a version newer than this program.
pub(crate) fn check(saved: u32, config: &RunConfig, plugins: &RunPlugins, allowed: &[String]) -> Result<()> {
    if saved > NUMERICS {
        return Err(Error::usage(format!(
            "cannot resume: the checkpoint was made under {PLACE} {saved}, this program computes under {NUMERICS}; resume with \
             the trainyard that made it"
        )));
    }
    if saved >= 2 {
        return Ok(());
    }
    refuse(saved, change(config, plugins)?, allowed)
}

/// As [`check`], once the tokens of the data are known; or the classes, where rows have logits of these.
///
/// # Errors
/// A run whose numbers would change.
pub(crate) fn check_sums(
    saved: u32,
    (train, device): (&TrainConfig, &Device),
    sizes: DataSizes,
    allowed: &[String],
) -> Result<()> {
    // on a GPU the sums are others
    if saved >= 3 || device.gpu().is_some() {
        return Ok(());
    }
    if train.accumulate > 1 {
        let change =
            "the gradients of train.accumulate = {} micro-batches are added as a tree now, no longer one by one";
        return refuse(saved, Some(change.replace("{}", &train.accumulate.to_string())), allowed);
    }
    let n = if sizes.labels > 0 { sizes.labels } else { sizes.vocab };
    let bytes = train.precision.dtype().size_in_bytes();
    let before = (LOGITS_BEFORE_3 / (n * bytes).max(1)).max(1);
    let is_changed = before < chunk_rows(n, bytes);
    let change = is_changed.then(|| {
        format!("with {n} tokens the gradient of the output layer is summed over more than {before} rows at a time now")
    });
    refuse(saved, change, allowed)
}

/// Bytes of logits that existed at the same time before numerics 3.
const LOGITS_BEFORE_3: usize = 16 << 20;

/// Refuses a run that is resumed, because of a `change` of its numbers.
fn refuse(saved: u32, change: Option<String>, allowed: &[String]) -> Result<()> {
    let Some(change) = change.filter(|_| !allowed.iter().any(|place| place == PLACE)) else { return Ok(()) };
    Err(Error::usage(format!(
        "cannot resume: {PLACE} changed from {saved} to {NUMERICS}: {change}; finish the run with the trainyard that began it, \
         start a new run under another run.name, or pass --allow-changed {PLACE}"
    )))
}

/// Returns what versions from 2 on compute differently for this run.
fn change(config: &RunConfig, plugins: &RunPlugins) -> Result<Option<String>> {
    let dropout = config.model.dropout_by_kind();
    if dropout > 0.0 {
        return Ok(Some(format!(
            "model.dropout = {dropout} now draws its masks by sequence, no longer by micro-batch"
        )));
    }
    if config.data.packing != Packing::BestFit {
        return Ok(None);
    }
    let loss = plugins.loss.loss()?.describe()?;
    let metrics = plugins.metrics.iter().map(|metric| Ok((metric, metric.metric()?.describe()?)));
    let graphs = [Ok((&plugins.loss, loss))].into_iter().chain(metrics).collect::<Result<Vec<_>>>()?;
    let found = graphs.iter().find(|(_, graph)| has_sequences(graph));
    Ok(found.map(|(plugin, _)| {
        format!(
            "{} sums over sequences, which are documents now and were windows of packed documents",
            plugin.culprit()
        )
    }))
}

fn has_sequences(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| node.op == "sum_sequence")
}
