//! What a run came to, for `--json` and for people.

use super::text::{NAME_CHARS, count, duration, short, wrap};
use super::usage::PluginReport;
use crate::clean;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

/// Columns of the sampled text.
const TEXT_COLUMNS: usize = 80;

/// One measured number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricValue {
    /// `loss`, or the name of the metric's plugin.
    pub name: String,
    /// The number.
    pub value: f64,
    /// For example `bits/byte`; empty when it has none.
    pub unit: String,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// The size of the test text, plain and compressed: what its bits per byte stand beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Baseline {
    /// Of UTF-8 text.
    pub bytes: u64,
    /// After `gzip -9`.
    pub gzip_bytes: u64,
    /// After `xz -9`.
    pub xz_bytes: u64,
}

/// A model on held-out text.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FinalReport {
    /// Loss and metrics on the validation text; empty when there is none.
    pub validation: Vec<MetricValue>,
    /// Loss and metrics on the test text; empty when there is none.
    pub test: Vec<MetricValue>,
    /// What compressors make of the test text; none when there is none.
    pub baseline: Option<Baseline>,
    /// The prompt and how the model goes on; empty when no text was asked for.
    pub sample: String,
    /// What plugins failed at, so that it is missing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// What training has read of one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceReport {
    /// Its name; empty when all documents are taken alike.
    pub name: String,
    /// Sequences read, since the beginning of the run.
    pub sequences: u64,
    /// How often the whole source was read.
    pub epochs: f64,
}

/// What `train` came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainSummary {
    /// The run's folder.
    pub run: PathBuf,
    /// The last checkpoint's folder.
    pub checkpoint: PathBuf,
    /// Optimizer steps since the beginning of the run.
    pub steps: u64,
    /// Whether validation stopped improving before the last step.
    pub stopped_early: bool,
    /// Of the last step; NaN when there was no step to do.
    pub train_loss: f64,
    /// That this process trained for.
    pub seconds: f64,
    /// Over these seconds, validations and checkpoints included.
    pub tokens_per_second: f64,
    /// Of `seconds`, those that the trainer waited for batches.
    pub data_wait: f64,
    /// How often training has gone through the sources that are mixed by weight, or through all together.
    pub sources: Vec<SourceReport>,
    /// Numbers that were trained.
    pub parameters: usize,
    /// On held-out text.
    #[serde(flatten)]
    pub report: FinalReport,
    /// What the plugins did and cost.
    pub plugins: Vec<PluginReport>,
}

/// What `eval` came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalSummary {
    /// The run's folder.
    pub run: PathBuf,
    /// The checkpoint's folder.
    pub checkpoint: PathBuf,
    /// Steps that the checkpoint has seen.
    pub step: u64,
    /// On held-out text.
    #[serde(flatten)]
    pub report: FinalReport,
}

impl Display for TrainSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)?;
        let early = if self.stopped_early { ", stopped early: validation no longer improves" } else { "" };
        let (speed, parameters) = (count(self.tokens_per_second), count(self.parameters as f64));
        let time = duration(self.seconds);
        writeln!(f, "{} steps in {time}, {speed} tokens/s, {parameters} parameters{early}", self.steps)?;
        self.data(f)?;
        if self.train_loss.is_finite() {
            writeln!(f, "loss of the last training step: {:.4}", self.train_loss)?;
        }
        writeln!(f)?;
        self.plugins.iter().try_for_each(|plugin| writeln!(f, "{plugin}"))?;
        writeln!(f, "\nrun         {}", short(&self.run))?;
        for (what, file) in [("config", "config.toml"), ("plugins", "plugins.lock"), ("metrics", "metrics.jsonl")] {
            writeln!(f, "{what:<11} {}", short(&self.run.join(file)))?;
        }
        writeln!(f, "checkpoint  {}", short(&self.checkpoint))
    }
}

impl TrainSummary {
    /// What was read, and how long that took.
    fn data(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let epochs = |source: &SourceReport| {
            let of = if source.name.is_empty() { String::new() } else { format!(" of {}", source.name) };
            format!("{:.2} epochs{of}", source.epochs)
        };
        let epochs: Vec<_> = self.sources.iter().map(epochs).collect();
        let share = 100.0 * self.data_wait / self.seconds.max(1e-9);
        writeln!(f, "data: {}, waited for {share:.2}% of the time", epochs.join(", "))
    }
}

impl Display for EvalSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)?;
        writeln!(f, "run         {}", short(&self.run))?;
        writeln!(f, "checkpoint  {}", short(&self.checkpoint))
    }
}

impl Display for FinalReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.validation.is_empty() || !self.test.is_empty() {
            self.table(f)?;
        }
        if !self.sample.is_empty() {
            write!(f, "\n{}", wrap(&self.sample, TEXT_COLUMNS))?;
        }
        Ok(())
    }
}

impl FinalReport {
    /// A line per metric, a column per text, and the compressors below.
    fn table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let metrics = if self.test.is_empty() { &self.validation } else { &self.test };
        let shown = |metric: &MetricValue| clean::clip(&metric.name, NAME_CHARS).into_owned();
        let width = metrics.iter().map(|metric| shown(metric).chars().count()).max().unwrap_or(0).max(14);
        let by_name = |values: &[MetricValue]| -> BTreeMap<String, f64> {
            values.iter().map(|value| (value.name.clone(), value.value)).collect()
        };
        let (validation, test) = (by_name(&self.validation), by_name(&self.test));
        writeln!(f, "{:width$}  {:>10}  {:>10}", "held-out text", "validation", "test")?;
        for metric @ MetricValue { name, unit, higher_is_better, .. } in metrics {
            let direction = if *higher_is_better { "higher is better" } else { "lower is better" };
            let unit = if unit.is_empty() { String::new() } else { format!("{unit}, ") };
            let (validation, test) = (cell(validation.get(name)), cell(test.get(name)));
            writeln!(f, "{:width$}  {validation:>10}  {test:>10}  {unit}{direction}", shown(metric))?;
        }
        let Some(baseline) = self.baseline else { return Ok(()) };
        for (name, bytes) in [("gzip -9", baseline.gzip_bytes), ("xz -9", baseline.xz_bytes)] {
            let bits_per_byte = 8.0 * bytes as f64 / baseline.bytes.max(1) as f64;
            writeln!(f, "{name:width$}  {:>10}  {bits_per_byte:>10.4}  bits/byte", "")?;
        }
        Ok(())
    }
}

fn cell(value: Option<&f64>) -> String {
    value.map(|value| format!("{value:.4}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, value: f64, unit: &str, higher_is_better: bool) -> MetricValue {
        MetricValue { name: name.into(), value, unit: unit.into(), higher_is_better }
    }

    fn summary() -> TrainSummary {
        TrainSummary {
            run: "/r/austen".into(),
            checkpoint: "/r/austen/checkpoints/step-400".into(),
            steps: 400,
            stopped_early: false,
            train_loss: 3.25,
            seconds: 113.0,
            tokens_per_second: 14_500.0,
            data_wait: 0.226,
            sources: [("web", 0.5), ("books", 2.25)]
                .map(|(name, epochs)| SourceReport { name: name.into(), sequences: 1, epochs })
                .into(),
            parameters: 3_745_000,
            report: FinalReport {
                validation: vec![metric("loss", 3.5, "", false), metric("bits-per-byte", 2.1, "bits/byte", false)],
                test: vec![metric("loss", 3.6, "", false), metric("bits-per-byte", 2.2, "bits/byte", false)],
                baseline: Some(Baseline { bytes: 1000, gzip_bytes: 375, xz_bytes: 250 }),
                sample: "It is a truth".into(),
                faults: Vec::new(),
            },
            plugins: vec![PluginReport {
                place: "loss",
                name: "focal".into(),
                backend: "wasm".into(),
                calls: 1,
                seconds: 2e-4,
                ..PluginReport::default()
            }],
        }
    }

    #[test]
    fn the_end_of_a_run_reads_well() {
        let expected = "\
held-out text   validation        test
loss                3.5000      3.6000  lower is better
bits-per-byte       2.1000      2.2000  bits/byte, lower is better
gzip -9                         3.0000  bits/byte
xz -9                           2.0000  bits/byte

It is a truth

400 steps in 1m 53s, 14.5k tokens/s, 3.75M parameters
data: 0.50 epochs of web, 2.25 epochs of books, waited for 0.20% of the time
loss of the last training step: 3.2500

loss       focal (wasm)                 1 call in 0.2 ms

run         /r/austen
config      /r/austen/config.toml
plugins     /r/austen/plugins.lock
metrics     /r/austen/metrics.jsonl
checkpoint  /r/austen/checkpoints/step-400
";
        assert_eq!(summary().to_string(), expected);
    }

    #[test]
    fn the_json_is_flat() {
        let json = serde_json::to_value(summary()).expect("no maps with other keys than text");
        assert_eq!(json["steps"], 400);
        assert_eq!(json["test"][1]["value"], 2.2);
        assert_eq!(json["baseline"]["xz_bytes"], 250);
    }

    #[test]
    fn a_run_without_held_out_text_has_no_table() {
        let report = FinalReport { sample: "It is".into(), ..FinalReport::default() };
        assert_eq!(report.to_string(), "\nIt is\n");
    }
}
