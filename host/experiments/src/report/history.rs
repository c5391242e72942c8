//! A run's log as curves and events.

use crate::log::{Lines, Log, is_known, record};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use trainyard_base::Result;
use trainyard_report::{Header, PluginReport, Record, Validation};

/// A step and a value.
pub type Point = (f64, f64);

/// Points by the name of the text that was measured.
pub type ByText = BTreeMap<String, Vec<Point>>;

/// The name of the validation text among those that were measured; every other text has a name.
pub const VALIDATION: &str = "";

/// The most steps that are drawn one by one where runs are next to each other.
const MAX_STEPS: u64 = 20_000;

/// What a log has of every step, and what happened in between.
#[derive(Debug, Default)]
pub struct History {
    /// Loss of each step.
    pub loss: Vec<Point>,
    /// Learning rate of each step.
    pub rate: Vec<Point>,
    /// Norm of each step's gradient before clipping.
    pub norm: Vec<Point>,
    /// Tokens per second of each step.
    pub speed: Vec<Point>,
    /// Further outputs of the loss, by name.
    pub outputs: BTreeMap<String, Vec<Point>>,
    /// What validations measured, by metric and text.
    pub measured: BTreeMap<String, ByText>,
    /// Further outputs of validations, by metric, name and text.
    pub measured_outputs: BTreeMap<(String, String), ByText>,
    /// Batches that validations read, and batches of the whole text.
    pub extent: Option<[u64; 2]>,
    /// The header of each process.
    pub headers: Vec<Header>,
    /// Steps at which the run was resumed or went back, and in which words.
    pub events: Vec<(u64, String)>,
    /// Texts that the model wrote, with their steps.
    pub samples: Vec<(u64, String)>,
    /// Warnings, with their steps.
    pub warnings: Vec<(u64, String)>,
    /// What plugins did, added up over all processes.
    pub plugins: Vec<PluginReport>,
    /// Sequences read, by those of an epoch of all sources.
    pub epochs: Option<f64>,
    /// Milliseconds that steps waited for their batches.
    pub wait_ms: f64,
}

/// A line. What is missing, or `null` for what is not finite, is none. All of it is checked to be JSON.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Option<&'a str>,
    step: u64,
    loss: Option<f64>,
    lr: Option<f64>,
    grad_norm: Option<f64>,
    seconds: Option<f64>,
    tokens: Option<u64>,
    epochs: Option<f64>,
    tokens_per_second: Option<f64>,
    data_wait_ms: Option<f64>,
    outputs: Option<BTreeMap<String, Option<f64>>>,
}

impl History {
    /// Reads a log, also while it is being written.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<(Log, Self)> {
        let (mut log, mut history) = (Log::default(), Self::default());
        let mut lines = Lines::open(path)?;
        while let Some((number, line)) = lines.read()? {
            if !history.take_line(line, &mut log) {
                log.take_broken(number);
            }
        }
        Ok((log, history))
    }

    /// Takes a line; returns whether it is a record, of whatever kind.
    fn take_line(&mut self, bytes: &[u8], log: &mut Log) -> bool {
        let Ok(line) = serde_json::from_slice::<Line<'_>>(bytes) else { return false };
        // steps have no kind in logs of earlier versions
        if line.kind.map_or(line.lr.is_some(), |kind| kind == "step") {
            log.take_step(line.step, line.seconds, line.tokens);
            self.take_step(line);
            return true;
        }
        match record(bytes) {
            Some(record) => {
                self.take(&record);
                log.take(record);
            }
            None => return line.kind.is_some_and(|kind| !is_known(kind)),
        }
        true
    }

    fn take_step(&mut self, line: Line<'_>) {
        let x = line.step as f64;
        if self.loss.last().is_some_and(|last| last.0 >= x) {
            // a log that was cut nowhere, though its run went back
            self.go_back(line.step.saturating_sub(1));
        }
        let point = |y: Option<f64>| (x, y.unwrap_or(f64::NAN));
        self.loss.push(point(line.loss));
        self.rate.push(point(line.lr));
        self.norm.push(point(line.grad_norm));
        self.speed.push(point(line.tokens_per_second));
        for (name, value) in line.outputs.into_iter().flatten() {
            self.outputs.entry(name).or_default().push(point(value));
        }
        self.wait_ms += line.data_wait_ms.unwrap_or(0.0);
        self.epochs = line.epochs.or(self.epochs);
    }

    fn take(&mut self, record: &Record) {
        match record {
            Record::Run(header) => self.headers.push((**header).clone()),
            Record::Resume(header) => {
                self.go_back(header.step);
                self.events.push((header.step, "resumed".to_owned()));
                self.headers.push((**header).clone());
            }
            Record::Rewind(rewind) => {
                self.go_back(rewind.step);
                self.events.push((rewind.step, format!("back to {}", rewind.from)));
            }
            Record::Warning(warning) => self.warnings.push((warning.step, warning.warning.clone())),
            Record::Validation(validation) => {
                self.extent = validation.batches.or(self.extent);
                self.take_measured(VALIDATION, validation);
            }
            Record::Watch(watch) => self.take_measured(&watch.text, &watch.measured),
            Record::Sample(sample) => self.samples.push((sample.step, sample.text.clone())),
            Record::Plugins(plugins) => self.take_plugins(&plugins.plugins),
            Record::Step(_) | Record::Update(_) | Record::Final(_) | Record::End(_) => {}
        }
    }

    fn take_measured(&mut self, text: &str, validation: &Validation) {
        let x = validation.step as f64;
        let add = |texts: &mut ByText, value: f64| {
            let points = texts.entry(text.to_owned()).or_default();
            points.truncate(points.partition_point(|point| point.0 < x));
            points.push((x, value));
        };
        for (name, value) in &validation.values {
            add(self.measured.entry(name.clone()).or_default(), *value);
        }
        for (metric, outputs) in &validation.outputs {
            for (name, value) in outputs {
                add(self.measured_outputs.entry((metric.clone(), name.clone())).or_default(), *value);
            }
        }
    }

    /// Adds what the plugins of a process did to what those of the same place and name did before.
    fn take_plugins(&mut self, plugins: &[PluginReport]) {
        let mut taken = vec![false; self.plugins.len()];
        for plugin in plugins {
            let is_same = |(index, known): &(usize, &PluginReport)| {
                !taken.get(*index).copied().unwrap_or(true)
                    && (&known.place, &known.name, &known.backend) == (&plugin.place, &plugin.name, &plugin.backend)
            };
            let Some((index, _)) = self.plugins.iter().enumerate().find(is_same) else {
                self.plugins.push(plugin.clone());
                continue;
            };
            taken[index] = true;
            let known = &mut self.plugins[index];
            known.calls += plugin.calls;
            known.items += plugin.items;
            known.bytes += plugin.bytes;
            known.seconds += plugin.seconds;
            known.errors += plugin.errors;
            known.skipped += plugin.skipped;
            known.restarts += plugin.restarts;
        }
    }

    /// Forgets what is later than a step.
    /// Forgets what is after a step.
    fn go_back(&mut self, step: u64) {
        let last = step as f64;
        let curves = [&mut self.loss, &mut self.rate, &mut self.norm, &mut self.speed];
        let measured = self.measured.values_mut().chain(self.measured_outputs.values_mut());
        let all =
            curves.into_iter().chain(self.outputs.values_mut()).chain(measured.flat_map(|texts| texts.values_mut()));
        for points in all {
            points.truncate(points.partition_point(|point| point.0 <= last));
        }
        self.samples.retain(|(of, _)| *of <= step);
    }

    /// Keeps only what is drawn where runs are next to each other. Of a run of very many steps, losses and speeds are
    /// then means over as many steps as returned, which end at multiples of them, so that runs still have common steps.
    pub fn condense(&mut self, steps: u64) -> u64 {
        let size = steps.div_ceil(MAX_STEPS).next_power_of_two();
        (self.rate, self.norm, self.outputs) = (Vec::new(), Vec::new(), BTreeMap::new());
        if size > 1 {
            self.loss = means(&self.loss, size as f64);
            self.speed = means(&self.speed, size as f64);
        }
        size
    }

    /// Returns the values of a metric on the validation text.
    pub fn validation(&self, metric: &str) -> &[Point] {
        self.measured.get(metric).and_then(|texts| texts.get(VALIDATION)).map_or(&[], Vec::as_slice)
    }

    /// Says whether other texts were measured along with the validation text.
    pub fn has_watched(&self) -> bool {
        self.measured.values().any(|texts| texts.keys().any(|text| text != VALIDATION))
    }
}

/// The means of parts of so many steps. The last part may be shorter.
fn means(points: &[Point], size: f64) -> Vec<Point> {
    let part = |point: &Point| (point.0 / size).ceil();
    let mean = |points: &[Point]| {
        let sum: f64 = points.iter().map(|point| point.1).sum();
        (points[points.len() - 1].0, sum / points.len() as f64)
    };
    points.chunk_by(|a, b| part(a) == part(b)).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_very_many_steps() {
        let loss = (1..=50_001).map(|step| (f64::from(step), f64::from(step % 4))).collect();
        let mut history = History { loss, ..History::default() };
        assert_eq!(history.condense(50_001), 4);
        assert_eq!(history.loss.len(), 12_501);
        assert_eq!((history.loss[0], history.loss[12_500]), ((4.0, 1.5), (50_001.0, 1.0)));
        let mut short = History { loss: vec![(1.0, 2.0), (2.0, 3.0)], ..History::default() };
        assert_eq!((short.condense(20_000), short.loss.len()), (1, 2));
    }
}
