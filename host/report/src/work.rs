//! Progress of work on bytes, stage by stage, on stderr: a bar with MB/s on a terminal, lines elsewhere.

use super::text::{count, duration};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seconds between two lines where there is no terminal.
const SECONDS_BETWEEN_LINES: f64 = 10.0;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    Silent,
    /// Stages that take more than two seconds.
    Long,
    /// Every stage.
    All,
}

/// Shows how far work on a corpus is.
#[derive(Debug, Clone, Copy)]
pub struct WorkProgress {
    detail: Detail,
}

impl WorkProgress {
    /// Says as much as `detail` asks for.
    pub fn new(detail: Detail) -> Self {
        Self { detail }
    }

    /// A stage over `n_bytes` begins.
    pub fn stage(&self, name: &str, n_bytes: u64) -> StageProgress {
        let is_terminal = self.detail != Detail::Silent && stderr().is_terminal();
        StageProgress {
            name: name.into(),
            n_bytes,
            position: Arc::default(),
            text_bytes: Cell::new(0),
            started: Instant::now(),
            last: Cell::new(0.0),
            bar: is_terminal.then(|| {
                let columns = Term::stderr().size().1;
                bar(name, n_bytes, ProgressDrawTarget::stderr_with_hz(10), columns)
            }),
            detail: self.detail,
        }
    }
}

/// One stage under way.
#[derive(Debug)]
pub struct StageProgress {
    name: String,
    n_bytes: u64,
    /// Bytes of the input so far, as stored; other threads add to it.
    position: Arc<AtomicU64>,
    text_bytes: Cell<u64>,
    started: Instant,
    /// Seconds into the stage at which something was shown.
    last: Cell<f64>,
    bar: Option<ProgressBar>,
    detail: Detail,
}

impl StageProgress {
    /// The counter of input bytes, for those who read.
    pub fn position(&self) -> Arc<AtomicU64> {
        self.position.clone()
    }

    /// `n` more bytes of text came out.
    pub fn text(&self, n: u64) {
        self.text_bytes.set(self.text_bytes.get() + n);
        let seconds = self.started.elapsed().as_secs_f64();
        let position = self.position.load(Ordering::Relaxed).min(self.n_bytes);
        if let Some(bar) = &self.bar {
            if seconds - self.last.get() >= 0.1 {
                self.last.set(seconds);
                bar.set_position(position);
                bar.set_message(self.speed());
            }
        } else if self.detail != Detail::Silent && seconds - self.last.get() >= SECONDS_BETWEEN_LINES {
            self.last.set(seconds);
            let percent = 100.0 * position as f64 / self.n_bytes.max(1) as f64;
            print(&format!("{}: {percent:.0} %  {}", self.name, self.speed()));
        }
    }

    /// `n` bytes of input are done, which are text.
    pub fn advance(&self, n: u64) {
        self.position.fetch_add(n, Ordering::Relaxed);
        self.text(n);
    }

    /// The stage is over.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        if self.detail == Detail::All || (self.detail == Detail::Long && seconds > 2.0) {
            let text = count(self.text_bytes.get() as f64);
            print(&format!("{}: {text}B of text in {}, {}", self.name, duration(seconds), self.speed()));
        }
    }

    /// `23.4 MB/s`: megabytes of text.
    fn speed(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-9);
        format!("{:.1} MB/s", self.text_bytes.get() as f64 / 1e6 / seconds)
    }
}

fn bar(name: &str, n_bytes: u64, target: ProgressDrawTarget, columns: u16) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(n_bytes), target);
    // A template that does not parse leaves the default bar.
    let style = ProgressStyle::with_template(template(columns));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "));
    bar.set_prefix(name.to_owned());
    bar
}

/// The fullest form that fits a terminal with so many columns. Sizes take up to 19 of them, names of stages 15, the
/// speed 11.
fn template(columns: u16) -> &'static str {
    match columns {
        80.. => "{prefix:>16} {bar:24} {decimal_bytes}/{decimal_total_bytes}  {msg}",
        60.. => "{prefix:>15} {bar:8} {decimal_bytes}/{decimal_total_bytes}  {msg}",
        40.. => "{prefix:>15} {percent:>3}%  {wide_msg}",
        _ => "{percent:>3}%",
    }
}

/// Progress that cannot be written is no reason to stop.
fn print(line: &str) {
    drop(writeln!(stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Screen;

    /// The widest that a stage becomes, on terminals of any width.
    #[test]
    fn a_stage_fits_the_terminal() {
        for columns in [30, 40, 59, 60, 79, 80, 100] {
            let screen = Screen::new(columns);
            let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
            let bar = bar("train tokenizer", 999_990_000_000, target, columns);
            bar.set_message("1234.5 MB/s");
            bar.set_position(888_880_000_000);
            bar.tick();
            let shown = screen.shown();
            assert!(shown.contains("89%") || shown.contains("888.88 GB/999.99 GB"), "{shown:?}");
            let width = |line: &str| line.trim_end().chars().count();
            assert!(shown.lines().all(|line| width(line) < usize::from(columns)), "{columns}: {shown:?}");
            assert!(columns < 40 || shown.contains("1234.5 MB/s"), "{columns}: {shown:?}");
        }
    }
}
