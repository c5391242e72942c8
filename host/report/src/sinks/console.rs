//! Progress on stderr: a line that is drawn again and again on a terminal, lines every few seconds elsewhere.

mod trend;

use super::Sink;
use crate::Result;
use crate::text::{count, duration};
use crate::{Comparable, Extent, Header, LOSS, Metric, Record, Step, Validation};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write, stderr};
use trainyard_base::clean;
use trend::Trend;

/// Seconds between two lines where there is no terminal.
const SECONDS_BETWEEN_LINES: f64 = 5.0;

/// Shows how far a run is.
#[derive(Debug)]
pub struct Progress {
    /// Steps of the whole run.
    steps: u64,
    /// Steps that were done before this process began.
    first_step: u64,
    /// The training clock at that step.
    first_seconds: f64,
    /// Seconds that this process waited for batches.
    data_wait: f64,
    /// What validations measure.
    metrics: Vec<Metric>,
    trend: Trend,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Bar(ProgressBar, Term),
    /// The training clock when the last line was written.
    Lines(Option<f64>),
    Silent,
}

impl Progress {
    /// A run of `steps` steps that begins after step `first_step`, when its training clock is at `first_seconds`.
    /// `quiet` shows nothing at all.
    pub fn new(steps: u64, first_step: u64, first_seconds: f64, quiet: bool) -> Self {
        let target = match (quiet, stderr().is_terminal()) {
            (true, _) => Target::Silent,
            (false, true) => Target::Bar(bar(ProgressDrawTarget::stderr_with_hz(10)), Term::stderr()),
            (false, false) => Target::Lines(None),
        };
        Self { steps, first_step, first_seconds, data_wait: 0.0, metrics: Vec::new(), trend: Trend::default(), target }
    }

    fn step(&mut self, step: &Step) {
        self.data_wait += step.data_wait_ms / 1e3;
        self.trend.add(step.loss);
        let seconds = step.seconds.unwrap_or_default();
        let is_last = step.step == self.steps;
        match &self.target {
            Target::Bar(bar, term) => bar.set_message(self.line(step, usize::from(term.size().1))),
            Target::Lines(last) => {
                if is_last || last.is_none_or(|last| seconds - last >= SECONDS_BETWEEN_LINES) {
                    let place = format!("step {}/{}  lr {:.2e}", step.step, self.steps, step.lr);
                    print(&format!("{place}  {}", self.parts(step, Width::Wide).join("  ")));
                    self.target = Target::Lines(Some(seconds));
                }
            }
            Target::Silent => {}
        }
    }

    /// The values in the order of the header, which names the plugins.
    fn validation(&self, name: &str, validation: &Validation) {
        let Validation { step, values, batches, comparable, .. } = validation;
        let metrics = self.metrics.iter().filter(|metric| !metric.is_repeated());
        let shown = |metric: &Metric| {
            let value = values.get(&metric.name)?;
            let mark = match comparable.get(&metric.name) {
                Some(Comparable::Nothing) => " (not comparable: the tokenizer loses text)",
                _ => "",
            };
            Some(format!("{} {value:.4}{mark}", metric.label()))
        };
        let values: Vec<_> = metrics.filter_map(shown).collect();
        let extent = batches.map_or(String::new(), |[batches, of]| format!(" ({})", Extent { batches, of }));
        self.message(&format!("{name}{extent} after step {step}: {}", values.join(", ")));
    }

    /// A line of its own, above the bar.
    pub fn message(&self, text: &str) {
        let text = clean::text(text);
        match &self.target {
            Target::Bar(bar, _) => bar.println(text),
            Target::Lines(_) => print(&text),
            Target::Silent => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Target::Bar(bar, _) = &self.target {
            bar.finish_and_clear();
        }
    }

    /// The line of a terminal with so many columns: the fullest form that fits.
    fn line(&self, step: &Step, columns: usize) -> String {
        let place = format!("{}/{}", step.step, self.steps);
        let with_bar = |cells| format!("{} {place}", cells_done(step.step, self.steps, cells));
        let parts = |width| self.parts(step, width).join("  ");
        let mut forms = vec![format!("{}  {}", with_bar(10), parts(Width::Full))];
        if self.trend.bars().is_some() {
            forms.push(format!("{}  {}", with_bar(10), parts(Width::Trend)));
        }
        forms.extend([
            format!("{}  {}", with_bar(10), parts(Width::Medium)),
            format!("{place}  {}", parts(Width::Medium)),
            format!("{place}  {}", parts(Width::Narrow)),
            place,
        ]);
        // the last column stays free: some terminals break the line there
        let fits = |form: &&String| form.chars().count() < columns;
        forms.iter().find(fits).cloned().unwrap_or_default()
    }

    /// What there is to say of a step. Waiting for data is told when it is worth a thought.
    fn parts(&self, step: &Step, width: Width) -> Vec<String> {
        let seconds = step.seconds.unwrap_or_default() - self.first_seconds;
        let n_done = step.step.saturating_sub(self.first_step).max(1);
        let seconds_left = seconds / n_done as f64 * self.steps.saturating_sub(step.step) as f64;
        let data_wait = 100.0 * self.data_wait / seconds.max(1e-9);
        let speed = count(step.tokens_per_second);
        let mut parts = vec![format!("loss {:.4}", step.loss)];
        if let (Width::Full | Width::Trend, Some(bars)) = (width, self.trend.bars()) {
            parts[0] += &format!(" {bars}");
            parts.extend(self.trend.validations());
        }
        match width {
            Width::Full | Width::Wide => {
                parts.push(format!("{speed} tokens/s"));
                parts.extend(step.share_of_peak.map(|share| format!("{:.0}% of peak", 100.0 * share)));
                parts.extend((data_wait >= 1.0).then(|| format!("{data_wait:.0}% data wait")));
            }
            Width::Medium => parts.push(format!("{speed} tok/s")),
            Width::Trend | Width::Narrow => {}
        }
        parts.push(format!("{} left", duration(seconds_left)));
        parts
    }
}

impl Sink for Progress {
    fn write(&mut self, record: &Record) -> Result<()> {
        match record {
            Record::Run(header) | Record::Resume(header) => {
                let Header { metrics, .. } = &**header;
                self.metrics.clone_from(metrics);
            }
            Record::Step(step) => self.step(step),
            Record::Validation(validation) => {
                validation.values.get(LOSS).into_iter().for_each(|loss| self.trend.validate(*loss));
                self.validation("validation", validation);
            }
            Record::Watch(watch) => self.validation(&watch.text, &watch.measured),
            Record::Sample(sample) => self.message(&format!("sample after step {}: {}", sample.step, sample.text)),
            Record::Warning(warning) => self.message(&format!("warning: {}", warning.warning)),
            // the summary tells these
            Record::Update(_) => {}
            Record::Rewind(_) | Record::Final(_) | Record::Plugins(_) | Record::End(_) => {}
        }
        Ok(())
    }
}

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// Everything.
    Full,
    /// Loss, how it and the validations went, and the time that is left.
    Trend,
    /// All of the step: lines, of which there are many, have no trend.
    Wide,
    /// Loss, speed and the time that is left.
    Medium,
    /// Loss and the time that is left.
    Narrow,
}

/// A bar of so many cells.
fn cells_done(step: u64, steps: u64, cells: usize) -> String {
    let done = (cells as f64 * step as f64 / steps.max(1) as f64) as usize;
    let head = if done < cells { "╸" } else { "" };
    format!("{:<cells$}", "━".repeat(done.min(cells)) + head)
}

/// A bar that shows its message and nothing else: the message has what fits.
fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target);
    // A template that does not parse leaves the default bar.
    bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Progress that cannot be written is no reason to stop a run.
fn print(line: &str) {
    drop(writeln!(stderr(), "{line}"));
}

#[cfg(test)]
mod tests;
