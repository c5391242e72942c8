//! Cross-entropy, loss and metrics over held-out tokens, in one pass.

use super::documents::DocumentLosses;
use crate::feed::tasks::TaskConfig;
use crate::loss::{CrfLoss, Objective, Program, Ratio, Totals, fault_of_weights, selected};
use crate::model::Model;
use crate::plugin::Plugin;
use crate::ranks::Group;
use crate::report::{CROSS_ENTROPY, Comparable, DocumentLoss, LOSS, Metric, MetricValue, distinct};
use crate::rows::{InputSet, PlacedRows, RowInput, Rows};
use crate::run::RunPlugins;
use crate::{Error, Result};
use trainyard_plugin::{Builder, Direction, EXP_MEAN, Graph, MetricInfo};

/// Plain cross-entropy, the loss and all metrics over tokens, compiled into one program: logits are computed once.
pub struct Evaluator {
    program: Objective,
    measures: Vec<Measure>,
    warnings: Vec<String>,
}

/// One graph of the program, and how its outputs become numbers.
struct Measure {
    name: String,
    plugin: String,
    info: MetricInfo,
    comparable: Comparable,
    /// Names of the outputs behind the first.
    extras: Vec<String>,
}

impl Measure {
    fn new(name: &str, plugin: &str, info: MetricInfo, graph: &Graph) -> Self {
        // What asks for bytes of text is a number per byte, not per token.
        let per_byte = graph.nodes.iter().any(|node| node.op == RowInput::TargetBytes.name());
        let extras = graph.outputs.iter().skip(1).map(|output| output.name.as_str());
        Self {
            name: name.into(),
            plugin: plugin.into(),
            info,
            comparable: if per_byte { Comparable::Text } else { Comparable::Tokenizer },
            extras: distinct(extras, &[]),
        }
    }

    fn described(&self) -> Metric {
        Metric {
            name: self.name.clone(),
            plugin: self.plugin.clone(),
            unit: self.info.unit.clone(),
            higher_is_better: self.info.direction == Direction::HigherIsBetter,
            comparable: self.comparable,
        }
    }

    /// The number that `totals`, one per output, come to.
    fn value(&self, totals: &[Ratio]) -> MetricValue {
        let value = totals.first().map_or(f64::NAN, |total| aggregate(&self.info, total));
        let metric = self.described();
        let outputs = self.extras.iter().cloned().zip(totals.iter().skip(1).map(Ratio::value));
        MetricValue {
            name: metric.name,
            plugin: metric.plugin,
            value,
            unit: metric.unit,
            higher_is_better: metric.higher_is_better,
            comparable: metric.comparable,
            outputs: outputs.collect(),
        }
    }
}

impl Evaluator {
    /// Compiles the graphs of the run's plugins; `loss` is that of its loss.
    ///
    /// # Errors
    /// A plugin that fails, and a graph that breaks a rule of the op set, needs an input that no run has, or costs too
    /// much: the error names the plugin.
    pub fn new(loss: &Graph, plugins: &RunPlugins, task: &TaskConfig) -> Result<Self> {
        let supplied = task.supplied();
        let (mut measures, mut graphs) = (Vec::new(), Vec::new());
        // rows with numbers to predict have no class
        if supplied.contains(RowInput::Target) {
            let (plain, nats) = (cross_entropy(), MetricInfo::lower_is_better(&format!("nats/{}", task.row_word())));
            measures.push(Measure::new(CROSS_ENTROPY, "", nats, &plain));
            graphs.push(("", CROSS_ENTROPY, plain));
        }
        let (of_loss, at) = (&plugins.loss, measures.len());
        measures.push(Measure::new(LOSS, &of_loss.identity().name, MetricInfo::lower_is_better(""), loss));
        graphs.push((LOSS, of_loss.culprit(), loss.clone()));
        for (plugin, name) in plugins.metrics.iter().zip(plugins.metric_names().tokens) {
            let (info, graph) = described(plugin)?;
            measures.push(Measure::new(&name, &plugin.identity().name, info, &graph));
            graphs.push(("metric", plugin.culprit(), graph));
        }
        let warnings = warnings(&graphs, supplied)?;
        let all: Vec<_> = graphs.iter().map(|(_, _, graph)| graph).collect();
        let together = |error: Error| error.context("the loss and all metrics in one pass");
        let program = Program::compile_for(&all, supplied).map_err(together)?;
        let is_plain = at > 0 && program.same_output(0, measures[0].extras.len() + 1);
        measures[at].comparable = if is_plain { Comparable::Tokenizer } else { Comparable::Loss };
        Ok(Self { program: program.into(), measures, warnings })
    }

    /// Measures the loss of a conditional random field, which no plugin describes.
    pub fn of_crf() -> Self {
        let measure = Measure {
            name: LOSS.into(),
            plugin: "crf".into(),
            info: MetricInfo::lower_is_better("nats/tag"),
            comparable: Comparable::Loss,
            extras: Vec::new(),
        };
        let program = Objective::Crf(CrfLoss::default());
        Self { program, measures: vec![measure], warnings: Vec::new() }
    }

    /// What is measured, in order.
    pub fn metrics(&self) -> Vec<Metric> {
        self.measures.iter().map(Measure::described).collect()
    }

    /// What is wrong with the loss and the metrics and does not stop a run, each with the plugin's name in front.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The values over all batches: plain cross-entropy, the loss, the metrics. `step` is what the graphs see as
    /// `input.step`. Other `ranks` measure their share of the batches where they call [`Evaluator::contribute`].
    ///
    /// # Errors
    /// A batch that does not fit the model, a rank that is gone or does not answer in time.
    pub fn evaluate(
        &self,
        model: &mut Model,
        batches: impl Iterator<Item = Rows>,
        step: u64,
        ranks: Option<&Group>,
    ) -> Result<Vec<MetricValue>> {
        self.run(model, batches, step, None, ranks)
    }

    /// The same, and what plain cross-entropy is on each document, where it is measured.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn evaluate_documents(
        &self,
        model: &mut Model,
        batches: impl Iterator<Item = Rows>,
        step: u64,
        ranks: Option<&Group>,
    ) -> Result<(Vec<MetricValue>, Vec<DocumentLoss>)> {
        let mut documents = DocumentLosses::default();
        let values = self.run(model, batches, step, self.is_plain().then_some(&mut documents), ranks)?;
        Ok((values, documents.into_list()))
    }

    /// What another rank does while the first one calls [`Evaluator::evaluate`], or
    /// [`Evaluator::evaluate_documents`] where it is `by_document`, with the same batches: it measures its share.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn contribute(
        &self,
        model: &mut Model,
        batches: impl Iterator<Item = Rows>,
        (step, by_document): (u64, bool),
        group: &Group,
    ) -> Result<()> {
        let by_row = by_document && self.is_plain();
        for rows in batches.skip(group.rank()).step_by(group.size()) {
            let part = self.part(model, &rows, step, by_row)?;
            group.answer(bytemuck::cast_slice(&part))?;
        }
        Ok(())
    }

    /// Says whether the first number is plain cross-entropy.
    fn is_plain(&self) -> bool {
        self.measures.first().is_some_and(|first| first.name == CROSS_ENTROPY)
    }

    /// Measures all batches, and the documents where there is a place for them.
    fn run(
        &self,
        model: &mut Model,
        batches: impl Iterator<Item = Rows>,
        step: u64,
        mut documents: Option<&mut DocumentLosses>,
        ranks: Option<&Group>,
    ) -> Result<Vec<MetricValue>> {
        let by_row = documents.is_some();
        let mut totals = self.totals(model, by_row)?;
        for (index, rows) in batches.enumerate() {
            let by_rows = match ranks {
                // nothing waits for a GPU
                None => {
                    self.batch(model, &rows, step, &mut totals)?;
                    totals.take_rows()
                }
                Some(group) => {
                    let part = match index % group.size() {
                        0 => self.part(model, &rows, step, by_row)?,
                        rank => numbers(&group.answer_of(rank)?),
                    };
                    let (sums, by_rows) = part.split_at((2 * self.program.outputs().len()).min(part.len()));
                    let ratio = |pair: &[f64]| Ratio { sum: pair[0], weight: pair[1] };
                    totals.add_anywhere(&sums.chunks_exact(2).map(ratio).collect::<Vec<_>>())?;
                    by_rows.to_vec()
                }
            };
            documents.iter_mut().for_each(|documents| documents.add(&rows, &by_rows));
        }
        let totals = totals.read()?;
        let mut rest = totals.as_slice();
        let value = |measure: &Measure| {
            let (of_measure, behind) = rest.split_at((measure.extras.len() + 1).min(rest.len()));
            rest = behind;
            measure.value(of_measure)
        };
        Ok(self.measures.iter().map(value).collect())
    }

    fn totals(&self, model: &Model, by_row: bool) -> Result<Totals> {
        let n = self.program.outputs().len();
        if by_row { Totals::with_rows(model.engine(), n) } else { Totals::new(model.engine(), n) }
    }

    /// Sum and weight of each output over a batch, then plain cross-entropy by row where it is wanted.
    fn part(&self, model: &mut Model, rows: &Rows, step: u64, by_row: bool) -> Result<Vec<f64>> {
        let mut totals = self.totals(model, by_row)?;
        self.batch(model, rows, step, &mut totals)?;
        let mut part: Vec<f64> = totals.read()?.iter().flat_map(|ratio| [ratio.sum, ratio.weight]).collect();
        part.extend(totals.take_rows());
        Ok(part)
    }

    /// Adds a batch to `totals`.
    fn batch(&self, model: &mut Model, rows: &Rows, step: u64, totals: &mut Totals) -> Result<()> {
        let placed = PlacedRows::new(model.engine(), rows, self.program.inputs())?;
        let hidden = model.forward(&placed.tokens(), None)?;
        if rows.is_empty() {
            return Ok(());
        }
        let hidden = selected::select(model.engine(), &hidden, placed.at())?;
        self.program.forward(model.engine(), &hidden, model.head(), &placed, step, totals)
    }
}

/// What a rank has sent.
fn numbers(bytes: &[u8]) -> Vec<f64> {
    let numbers = bytes.chunks_exact(size_of::<f64>()).filter_map(|number| number.first_chunk());
    numbers.map(|&number| f64::from_ne_bytes(number)).collect()
}

/// The number that is minimised, among those of [`Evaluator::evaluate`].
pub fn loss_of(values: &[MetricValue]) -> f64 {
    values.iter().find(|value| value.name == LOSS).map_or(f64::NAN, |value| value.value)
}

fn described(plugin: &Plugin) -> Result<(MetricInfo, Graph)> {
    let metric = plugin.metric()?;
    let graph = metric.describe()?;
    match graph.outputs.is_empty() {
        true => Err(Error::plugin("the graph has no outputs, expected at least one").context(plugin.culprit())),
        false => Ok((metric.info()?, graph)),
    }
}

/// Negative log-likelihood of the target token, in nats, over the tokens that count.
fn cross_entropy() -> Graph {
    let g = Builder::new();
    g.mean(-g.logits().log_softmax().gather(g.target()))
}

/// Faults of weights, each behind its culprit. An error names the first graph that is at fault alone.
fn warnings(graphs: &[(&str, &str, Graph)], supplied: InputSet) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for (place, culprit, graph) in graphs {
        let named = |error: Error| error.context(format!("{place}: {culprit}"));
        let alone = Program::compile_for(&[graph], supplied).map_err(named)?;
        let fault = fault_of_weights(&alone, *place == LOSS)?;
        warnings.extend(fault.map(|fault| format!("{culprit}: {fault}")));
    }
    Ok(warnings)
}

/// The number that sum and weight are, as the metric says.
fn aggregate(info: &MetricInfo, total: &Ratio) -> f64 {
    match info.aggregation.as_str() {
        EXP_MEAN => total.value().exp(),
        // the other that `Checked` lets pass is the mean
        _ => total.value(),
    }
}
