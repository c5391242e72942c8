//! Loss and metrics over held-out tokens, in one pass.

use crate::data::Batch;
use crate::loss::{Program, Ratio, Totals};
use crate::model::{PlacedBatch, Transformer};
use crate::plugin::Plugin;
use crate::report::MetricValue;
use crate::train::AVAILABLE_INPUTS;
use crate::{Error, Result};
use trainyard_plugin::{Direction, EXP_MEAN, Graph, MetricInfo};

/// The loss and all metrics over tokens, compiled into one program: logits are computed once.
pub struct Evaluator {
    program: Program,
    metrics: Vec<(String, MetricInfo)>,
}

impl Evaluator {
    /// `loss` is the graph of the run's loss; `metrics` are plugins of kind `metric`.
    pub fn new(loss: &Graph, metrics: &[&Plugin]) -> Result<Self> {
        let loss_info = MetricInfo::lower_is_better("");
        let mut graphs = vec![first_output_only(loss.clone(), "loss")?];
        let mut named = vec![("loss".to_owned(), loss_info)];
        for plugin in metrics {
            let name = plugin.identity().name.clone();
            let metric = plugin.metric()?;
            graphs.push(first_output_only(metric.describe()?, &name)?);
            named.push((name, metric.info()?));
        }
        let program = Program::compile(&graphs.iter().collect::<Vec<_>>(), AVAILABLE_INPUTS)?;
        Ok(Self { program, metrics: named })
    }

    /// The values over all batches. `step` is what the graphs see as `input.step`.
    pub fn evaluate(
        &self,
        model: &mut Transformer,
        batches: impl Iterator<Item = Batch>,
        step: u64,
    ) -> Result<Vec<MetricValue>> {
        let mut totals = Totals::new(model.engine(), self.metrics.len())?;
        for batch in batches {
            let placed = PlacedBatch::new(model.engine(), &batch)?;
            let hidden = model.forward(&placed.tokens(), None)?;
            self.program.forward(model.engine(), &hidden, model.head(), &placed, step, &mut totals)?;
        }
        let totals = totals.read()?;
        let value = |((name, info), total): (&(String, MetricInfo), &Ratio)| MetricValue {
            name: name.clone(),
            value: aggregate(info, total),
            unit: info.unit.clone(),
            higher_is_better: info.direction == Direction::HigherIsBetter,
        };
        Ok(self.metrics.iter().zip(&totals).map(value).collect())
    }
}

/// The number that sum and weight are, as the metric says.
fn aggregate(info: &MetricInfo, total: &Ratio) -> f64 {
    match info.aggregation.as_str() {
        EXP_MEAN => total.value().exp(),
        // the other that `Checked` lets pass is the mean
        _ => total.value(),
    }
}

/// Extra outputs of a loss are for the training log; an evaluation has one number per graph.
fn first_output_only(mut graph: Graph, name: &str) -> Result<Graph> {
    graph.outputs.truncate(1);
    match graph.outputs.first_mut() {
        Some(output) => output.name = name.to_owned(),
        None => return Err(Error::plugin(format!("{name}: the graph has no outputs, expected at least one"))),
    }
    Ok(graph)
}
