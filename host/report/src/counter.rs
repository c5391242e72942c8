//! A count of documents on the terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stdout};

/// Number of documents so far, on stderr where people see it and nothing else is written to the terminal.
#[derive(Debug)]
pub struct Counter(ProgressBar);

impl Default for Counter {
    fn default() -> Self {
        let target = match stdout().is_terminal() {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {human_pos} documents, {per_sec}");
        Self(style.map_or(bar.clone(), |style| bar.with_style(style)))
    }
}

impl Counter {
    /// Counts one more.
    pub fn count(&self) {
        self.0.inc(1);
    }

    /// Takes the count off the terminal.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
