//! What a rank other than the first one writes, `ranks/rank-K.log` in the run's folder: lines with the time of day, for
//! people who look for the rank that is slow or gone. The run's own records are the first rank's.

use crate::Result;
use crate::ranks::Group;
use crate::report::{host_name, now};
use crate::run::{RunConfig, RunFolder};
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The folder of the logs.
const FOLDER: &str = "ranks";

/// Time between two lines about steps.
const PERIOD: Duration = Duration::from_secs(10);

/// The log of this rank. A log that cannot be written stops no run.
pub(super) struct RankLog {
    path: PathBuf,
    /// None before the first line.
    file: Option<File>,
    failed: bool,
    /// What the first line says.
    place: String,
    now: Progress,
    /// What was written last.
    written: Progress,
}

/// How far this rank has come.
#[derive(Clone, Copy)]
struct Progress {
    at: Instant,
    /// Steps that are done.
    step: u64,
    /// Time that was waited in them for the network and for others.
    waited: Duration,
}

impl RankLog {
    /// The log of this rank of `group`, whose training begins after `step` steps. Nothing is written yet: the folder of
    /// a new run must be empty until the first rank has taken it.
    pub fn new(config: &RunConfig, group: &Group, step: u64) -> Self {
        let (rank, size) = (group.rank(), group.size());
        let threads = rayon::current_num_threads();
        let (host, process) = (host_name(), std::process::id());
        let begin = Progress { at: Instant::now(), step, waited: Duration::ZERO };
        Self {
            path: RunFolder::of(config).root().join(FOLDER).join(format!("rank-{rank}.log")),
            file: None,
            failed: false,
            place: format!("rank {rank} of {size} on {host}, process {process}, {threads} threads, after step {step}"),
            now: begin,
            written: begin,
        }
    }

    /// Says that `step` steps are done, and that `waited` was waited for the network and for others in all of them: a
    /// line every ten seconds.
    pub fn trained(&mut self, step: u64, waited: Duration) {
        self.now = Progress { at: Instant::now(), step, waited };
        if self.file.is_none() || self.now.at - self.written.at >= PERIOD {
            self.write_steps();
        }
    }

    /// The end of this rank's part.
    pub fn ended(&mut self, end: &Result<()>) {
        self.write_steps();
        match end {
            Ok(()) => self.write(&format!("ended after step {}", self.now.step)),
            Err(error) => self.write(&format!("failed after step {}: {error}", self.now.step)),
        }
    }

    fn write_steps(&mut self) {
        let Progress { at, step, waited } = self.now;
        let steps = step.saturating_sub(self.written.step);
        if steps == 0 {
            return;
        }
        let seconds = (at - self.written.at).as_secs_f64();
        let waited = (waited - self.written.waited).as_secs_f64();
        let (per_step, share) = (seconds / steps as f64, 100.0 * waited / seconds.max(1e-9));
        let line =
            format!("step {step}: {per_step:.3} s a step, {share:.0}% of it waiting for the network and for others");
        self.write(&line);
        self.written = self.now;
    }

    fn write(&mut self, line: &str) {
        if self.failed {
            return;
        }
        if let Err(error) = self.try_write(line) {
            self.failed = true;
            tracing::warn!("{}: cannot be written: {error}; this rank writes no log", self.path.display());
        }
    }

    fn try_write(&mut self, line: &str) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                self.path.parent().map_or(Ok(()), create_dir_all)?;
                let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                writeln!(file, "{} {}", now(), self.place)?;
                self.file.insert(file)
            }
        };
        writeln!(file, "{} {line}", now())
    }
}
