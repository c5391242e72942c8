//! A count of what is done on the terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stdout};

/// Number of documents or the like so far, on stderr where people see it and nothing else is written to the terminal.
#[derive(Debug)]
pub struct Counter(ProgressBar);

impl Default for Counter {
    fn default() -> Self {
        let target = match stdout().is_terminal() {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        Self(styled(ProgressBar::with_draw_target(None, target), "{spinner} {human_pos} documents, {per_sec}"))
    }
}

impl Counter {
    /// Counts what `unit` names, up to `n` if that is known, for a result that is written at the end.
    pub fn of(unit: &str, n: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(n, ProgressDrawTarget::stderr());
        let template = match n {
            Some(_) => format!("{{spinner}} {{human_pos}} of {{human_len}} {unit}, {{per_sec}}, {{eta}} left"),
            None => format!("{{spinner}} {{human_pos}} {unit}, {{per_sec}}"),
        };
        Self(styled(bar, &template))
    }

    /// Counts one more.
    pub fn count(&self) {
        self.add(1);
    }

    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.inc(n);
    }

    /// Takes the count off the terminal.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A template that does not parse leaves the default bar.
fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
