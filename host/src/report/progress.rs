//! Progress on stderr: a bar on a terminal, a line every few seconds elsewhere.

use super::text::{count, duration};
use super::{Extent, MetricValue};
use crate::base::clean;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr};

/// Seconds between two lines where there is no terminal.
const SECONDS_BETWEEN_LINES: f64 = 5.0;

/// What there is to say about one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLine {
    /// Steps done, counted from the beginning of the run.
    pub step: u64,
    /// Training loss of the step.
    pub loss: f64,
    /// Learning rate of the step.
    pub lr: f64,
    /// Speed of the step.
    pub tokens_per_second: f64,
    /// Speed as a share of the fastest that the machine can multiply, 0 to 1; none while that is not known.
    pub share_of_peak: Option<f64>,
    /// Since this process began to train.
    pub seconds: f64,
    /// Of these seconds, those that the trainer waited for batches.
    pub data_wait: f64,
}

/// Shows how a run goes on.
#[derive(Debug)]
pub struct Progress {
    steps: u64,
    /// Steps that were done before this process began.
    first_step: u64,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Bar(ProgressBar),
    /// Seconds into the training at which the last line was written.
    Lines(Cell<Option<f64>>),
    Silent,
}

impl Progress {
    /// Of a run of `steps` steps that begins after step `first_step`. `quiet` shows nothing at all.
    pub fn new(steps: u64, first_step: u64, quiet: bool) -> Self {
        let target = match (quiet, stderr().is_terminal()) {
            (true, _) => Target::Silent,
            (false, true) => Target::Bar(bar(steps, first_step)),
            (false, false) => Target::Lines(Cell::new(None)),
        };
        Self { steps, first_step, target }
    }

    /// One step is done.
    pub fn step(&self, line: &StepLine) {
        match &self.target {
            Target::Bar(bar) => {
                bar.set_message(self.describe(line));
                bar.set_position(line.step);
            }
            Target::Lines(last) => {
                let is_due = last.get().is_none_or(|last| line.seconds - last >= SECONDS_BETWEEN_LINES);
                if is_due || line.step == self.steps {
                    last.set(Some(line.seconds));
                    let place = format!("step {}/{}  lr {:.2e}", line.step, self.steps, line.lr);
                    print(&format!("{place}  {}", self.describe(line)));
                }
            }
            Target::Silent => {}
        }
    }

    /// The part `extent` of the validation text was measured after step `step`.
    pub fn validation(&self, step: u64, extent: Extent, values: &[MetricValue]) {
        let values = values.iter().filter(|value| !value.is_repeated());
        let values: Vec<_> = values.map(|value| format!("{} {:.4}", value.label(), value.value)).collect();
        self.message(&format!("validation ({extent}) after step {step}: {}", values.join(", ")));
    }

    /// A line of its own, above the bar.
    pub fn message(&self, text: &str) {
        let text = clean::text(text);
        match &self.target {
            Target::Bar(bar) => bar.println(text),
            Target::Lines(_) => print(&text),
            Target::Silent => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Target::Bar(bar) = &self.target {
            bar.finish_and_clear();
        }
    }

    /// Short enough for a terminal of 80 columns. Waiting for data is told when it is worth a thought.
    fn describe(&self, line: &StepLine) -> String {
        let n_done = line.step.saturating_sub(self.first_step).max(1);
        let seconds_left = line.seconds / n_done as f64 * self.steps.saturating_sub(line.step) as f64;
        let data_wait = 100.0 * line.data_wait / line.seconds.max(1e-9);
        format!(
            "loss {:.4}  {} tokens/s  {}{}{} left",
            line.loss,
            count(line.tokens_per_second),
            line.share_of_peak.map_or(String::new(), |share| format!("{:.0}% of peak  ", 100.0 * share)),
            if data_wait < 1.0 { String::new() } else { format!("{data_wait:.0}% data wait  ") },
            duration(seconds_left)
        )
    }
}

fn bar(steps: u64, first_step: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(10));
    // A template that does not parse leaves the default bar.
    let style = ProgressStyle::with_template("{bar:10} {pos}/{len}  {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "));
    bar.set_position(first_step);
    bar
}

/// Progress that nobody can read is no reason to stop a run.
fn print(line: &str) {
    drop(writeln!(stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_described_in_one_line() {
        let progress = Progress { steps: 1000, first_step: 200, target: Target::Silent };
        let line = StepLine {
            step: 300,
            loss: 3.21987,
            lr: 5e-4,
            tokens_per_second: 12_345.0,
            share_of_peak: Some(0.414),
            seconds: 20.0,
            data_wait: 0.1,
        };
        // 100 steps took 20 s, so 700 take 140 s.
        assert_eq!(progress.describe(&line), "loss 3.2199  12.3k tokens/s  41% of peak  2m 20s left");
        let line = StepLine { data_wait: 5.0, ..line };
        let expected = "loss 3.2199  12.3k tokens/s  41% of peak  25% data wait  2m 20s left";
        assert_eq!(progress.describe(&line), expected);
        let line = StepLine { share_of_peak: None, ..line };
        assert_eq!(progress.describe(&line), "loss 3.2199  12.3k tokens/s  25% data wait  2m 20s left");
    }
}
