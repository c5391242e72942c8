//! What was measured on held-out text.

use super::cells::{Maker, grouped, measured, shortened};
use super::source::Source;
use crate::text::NONE;
use std::collections::BTreeMap;
use trainyard_page::{Block, Code, Section};
use trainyard_report::{Baseline, Comparable, FinalReport, Metric, MetricValue, bytes};

/// The section of results; none while nothing was measured.
pub fn section(source: &Source) -> Option<Section> {
    let mut blocks = Vec::new();
    if let Some(last) = &source.log.report {
        blocks.extend(held_out(&last.report, last.model_step));
        blocks.extend(texts(&last.report));
        blocks.extend(test_sets(&last.report));
        blocks.extend(predictions(&last.report));
    }
    blocks.extend(while_training(source));
    (!blocks.is_empty()).then(|| Section { heading: "Results".to_owned(), blocks, ..Section::default() })
}

/// A line for each metric, and the compressors below.
fn held_out(report: &FinalReport, model_step: u64) -> Option<Block> {
    let metrics = if report.test.is_empty() { &report.validation } else { &report.test };
    let mut table = Maker::new("Held-out text").texts(&["metric"]).numbers(&["validation", "test"]);
    table = table.texts(&["unit", "better is", "comparable with"]);
    let value = |metrics: &[MetricValue], name: &str| metrics.iter().find(|metric| metric.name == name).cloned();
    for metric in metrics.iter().filter(|metric| !metric.is_repeated()) {
        let pair = [value(&report.validation, &metric.name), value(&report.test, &metric.name)];
        let direction = direction(metric.higher_is_better).to_owned();
        let [validation, test] = pair.each_ref().map(|value| measured(value.as_ref().map(|value| value.value)));
        let (unit, comparable) = (metric.unit.clone(), comparable(metric.comparable).to_owned());
        table.row([metric.label(), validation, test, unit, direction, comparable]);
        for name in metric.outputs.keys() {
            let output = |of: &Option<MetricValue>| measured(of.as_ref().and_then(|of| of.outputs.get(name).copied()));
            let [validation, test] = pair.each_ref().map(output);
            table.row([format!("{}: {name}", metric.label()), validation, test, "".into(), "".into(), "".into()]);
        }
    }
    if table.is_empty() {
        return None;
    }
    for (name, bits) in compressors(report.baseline.filter(|_| report.predictions.is_empty())) {
        let unit = "bits/byte".to_owned();
        table.row([name.to_owned(), NONE.into(), measured(Some(bits)), unit, "lower".into(), comparable_text()]);
    }
    if report.baseline.is_some() && report.predictions.is_empty() {
        table.note("gzip and xz are baselines: what a compressor makes of the test text by itself.");
    }
    table.note(format!("Measured with the model after step {}, on the whole text.", grouped(model_step)));
    table.drop_empty(&[NONE, ""]);
    Some(table.block())
}

/// What compressors make of the test text, in bits per byte.
fn compressors(baseline: Option<Baseline>) -> Vec<(&'static str, f64)> {
    let bits = |baseline: &Baseline, bytes: u64| 8.0 * bytes as f64 / baseline.bytes.max(1) as f64;
    let rows = |baseline: Baseline| {
        [("gzip -9", bits(&baseline, baseline.gzip_bytes)), ("xz -9", bits(&baseline, baseline.xz_bytes))]
    };
    baseline.into_iter().flat_map(rows).collect()
}

/// `lower`, `higher`
pub fn direction(higher_is_better: bool) -> &'static str {
    if higher_is_better { "higher" } else { "lower" }
}

fn comparable_text() -> String {
    comparable(Comparable::Text).to_owned()
}

/// Which runs a number may be compared with, on the same text.
pub fn comparable(comparable: Comparable) -> &'static str {
    match comparable {
        Comparable::Text => "all runs",
        Comparable::Tokenizer => "runs with the same tokenizer",
        Comparable::Loss => "runs with the same loss and tokenizer",
        Comparable::Nothing => "no run: the tokenizer loses text",
    }
}

/// What was measured.
fn texts(report: &FinalReport) -> Option<Block> {
    let mut table = Maker::new("The text").texts(&["split", "source"]).numbers(&["documents", "size"]);
    table = table.texts(&["treatment", "lost by the tokenizer", "sha256"]);
    for (split, text) in report.texts.iter().rev() {
        let lost = match (text.lossy, text.lossy_documents) {
            (false, _) => "nothing".to_owned(),
            (true, None) => "not known".to_owned(),
            (true, Some(n)) => {
                let lost = bytes(text.lossy_bytes.unwrap_or(0) as f64);
                format!("{lost}, in {} documents", grouped(n))
            }
        };
        let source = text.source.clone().unwrap_or_else(|| "share of the sources".to_owned());
        let digest = text.digest.as_deref().and_then(shortened).unwrap_or_default();
        let size = bytes(text.bytes as f64);
        table.row([split.clone(), source, grouped(text.documents), size, text.text.to_string(), lost, digest]);
    }
    table.note("Numbers of two runs may be compared only where the sha256 is the same; in full it is under “Origin”.");
    (!table.is_empty()).then(|| table.block())
}

/// What the model wrote for prompts.
fn test_sets(report: &FinalReport) -> Option<Block> {
    let mut table = Maker::new("Test sets").texts(&["set", "metric"]).numbers(&["value", "prompts"]);
    table = table.texts(&["unit", "better is", "comparable with", "sha256"]);
    for (name, set) in &report.sets {
        let digest = shortened(&set.digest).unwrap_or_default();
        for metric in &set.values {
            let (value, documents) = (measured(Some(metric.value)), grouped(set.documents));
            let better = direction(metric.higher_is_better).to_owned();
            let with = comparable(metric.comparable).to_owned();
            let unit = metric.unit.clone();
            table.row([name.clone(), metric.label(), value, documents, unit, better, with, digest.clone()]);
        }
    }
    (!table.is_empty()).then(|| table.block())
}

fn predictions(report: &FinalReport) -> Vec<Block> {
    let code = |(split, task): (&String, &trainyard_report::TaskReport)| {
        // a value has no way to fail
        let text = serde_json::to_string_pretty(&task.values).unwrap_or_default();
        Block::Code(Code { title: format!("Predictions for the {split} documents"), text })
    };
    report.predictions.iter().map(code).collect()
}

/// The best and the last validation.
fn while_training(source: &Source) -> Option<Block> {
    let (best, last) = (source.log.best.as_ref()?, source.log.last.as_ref()?);
    let at = |step: u64| format!("step {}", grouped(step));
    let (best_at, last_at) = (format!("best, {}", at(best.step)), format!("last, {}", at(last.step)));
    let is_one = best.step == last.step;
    let one = format!("best and last, {}", at(last.step));
    let columns: Vec<&str> = if is_one { vec![&one] } else { vec![&best_at, &last_at] };
    let mut table = Maker::new("Validation while training").texts(&["metric"]).numbers(&columns);
    table = table.texts(&["unit", "better is"]);
    let known = source.log.header.as_ref().map(|header| header.metrics.as_slice()).unwrap_or_default();
    for name in names(known, &last.values) {
        let metric = known.iter().find(|metric| metric.name == name);
        let label = metric.map_or_else(|| name.clone(), Metric::label);
        let values = if is_one { vec![last] } else { vec![best, last] };
        let mut row = vec![label];
        row.extend(values.iter().map(|validation| measured(validation.values.get(&name).copied())));
        row.push(metric.map(|metric| metric.unit.clone()).unwrap_or_default());
        row.push(metric.map(|metric| direction(metric.higher_is_better).to_owned()).unwrap_or_default());
        table.row(row);
    }
    table.note("“Best” is by the loss, which is what training minimises.");
    if let Some([read, of]) = source.history.extent.filter(|[read, of]| read < of) {
        table.note(format!(
            "A validation read the first {} of {} batches, so its numbers differ from those of the whole text.",
            grouped(read),
            grouped(of)
        ));
    }
    table.drop_empty(&[""]);
    Some(table.block())
}

/// The names of what validations measure, in the order of the config, without what is there twice.
pub fn names(known: &[Metric], values: &BTreeMap<String, f64>) -> Vec<String> {
    if known.is_empty() {
        return values.keys().cloned().collect();
    }
    let measured = known.iter().filter(|metric| values.contains_key(&metric.name) && !metric.is_repeated());
    measured.map(|metric| metric.name.clone()).collect()
}
