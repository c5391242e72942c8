//! Loss and metrics over held-out tokens, in one pass.

use crate::data::Batch;
use crate::loss::{Program, Ratio, Totals, fault_of_weights};
use crate::model::{PlacedBatch, Transformer};
use crate::plugin::Plugin;
use crate::report::MetricValue;
use crate::train::AVAILABLE_INPUTS;
use crate::{Error, Result};
use trainyard_plugin::{Direction, EXP_MEAN, Graph, MetricInfo};

/// The loss and all metrics over tokens, compiled into one program: logits are computed once.
pub struct Evaluator {
    program: Program,
    measured: Vec<Measured>,
    warnings: Vec<String>,
}

/// A loss or a metric in the program.
struct Measured {
    name: String,
    info: MetricInfo,
    /// Names of the outputs after the first.
    others: Vec<String>,
}

impl Evaluator {
    /// `loss` is the graph of the run's loss, behind the name of its plugin in errors; `metrics` are plugins of kind
    /// `metric`.
    ///
    /// # Errors
    /// A plugin that fails, and a graph that breaks a rule of the op set, needs an input that no run has, or costs too
    /// much: the error names the plugin.
    pub fn new((culprit, loss): (&str, &Graph), metrics: &[&Plugin]) -> Result<Self> {
        let mut graphs = vec![(culprit, loss.clone())];
        let mut infos = vec![("loss".to_owned(), MetricInfo::lower_is_better(""))];
        for plugin in metrics {
            let metric = plugin.metric()?;
            graphs.push((plugin.culprit(), metric.describe()?));
            infos.push((plugin.identity().name.clone(), metric.info()?));
        }
        let mut warnings = Vec::new();
        for (i, (culprit, graph)) in graphs.iter().enumerate() {
            let place = if i == 0 { "loss" } else { "metric" };
            let named = |error: Error| error.context(format!("{place}: {culprit}"));
            let alone = Program::compile(&[graph], AVAILABLE_INPUTS).map_err(named)?;
            warnings.extend(fault_of_weights(&alone, i == 0)?.map(|fault| format!("{culprit}: {fault}")));
        }
        let all: Vec<_> = graphs.iter().map(|(_, graph)| graph).collect();
        let together = |error: Error| error.context("the loss and all metrics in one pass");
        let program = Program::compile(&all, AVAILABLE_INPUTS).map_err(together)?;
        let measured = infos.into_iter().zip(&graphs).map(|((name, info), (_, graph))| {
            let others = graph.outputs.iter().skip(1).map(|output| output.name.clone()).collect();
            Measured { name, info, others }
        });
        Ok(Self { program, measured: measured.collect(), warnings })
    }

    /// What is wrong with the loss and the metrics and does not stop a run, each with the plugin's name in front.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The values over all batches. `step` is what the graphs see as `input.step`.
    ///
    /// # Errors
    /// A batch that the model or a graph cannot compute with.
    pub fn evaluate(
        &self,
        model: &mut Transformer,
        batches: impl Iterator<Item = Batch>,
        step: u64,
    ) -> Result<Vec<MetricValue>> {
        let mut totals = Totals::new(model.engine(), self.program.outputs().len())?;
        for batch in batches {
            let placed = PlacedBatch::new(model.engine(), &batch)?;
            let hidden = model.forward(&placed.tokens(), None)?;
            self.program.forward(model.engine(), &hidden, model.head(), &placed, step, &mut totals)?;
        }
        let mut totals = totals.read()?.into_iter();
        let value = |Measured { name, info, others }: &Measured| MetricValue {
            name: name.clone(),
            value: aggregate(info, &totals.next().unwrap_or_default()),
            unit: info.unit.clone(),
            higher_is_better: info.direction == Direction::HigherIsBetter,
            outputs: others.iter().cloned().zip(totals.by_ref().map(|total| total.value())).collect(),
        };
        Ok(self.measured.iter().map(value).collect())
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
