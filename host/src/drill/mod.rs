//! `trainyard drill`: kills a config's own run at many points, fills its disk and damages its files, resumes it each
//! time, and compares the result, byte by byte, with that of a run that was left alone.
//! Everything happens in a scratch folder. A run is the program itself, started as a user would start it.

mod compare;
mod damage;
mod points;
mod program;
mod report;
mod scratch;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tracer;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[path = "untraced.rs"]
mod tracer;

pub use report::{DrillReport, Trial, Verdict};

use crate::base::random::Stream;
use crate::{Error, Result};
use compare::Artefacts;
use damage::Damage;
use points::{Operation, Point};
use program::{Act, Ended};
use scratch::{Place, Scratch};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The options of a drill.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// The program that trains.
    pub program: PathBuf,
    /// The config, a TOML file.
    pub config: PathBuf,
    /// Settings as after `--set`.
    pub set: Vec<String>,
    /// Steps of each run.
    pub steps: u64,
    /// Runs that are killed.
    pub kills: usize,
    /// Runs whose disk is filled.
    pub full_disks: usize,
    /// Seed of the moments at which runs are killed.
    pub seed: u64,
    /// Where the scratch folder is made; by default the system's place for temporary files.
    pub scratch: Option<PathBuf>,
    /// Keep the scratch folder.
    pub keep: bool,
}

/// Every fourth kill is at a random time instead of before a file operation.
const IN_TIME: usize = 4;

/// A drill under way: one config, and the result of its run when it is left alone.
pub struct Drill {
    options: DrillOptions,
    scratch: Scratch,
    reference: Artefacts,
    /// File operations of that run, in the order in which they began; empty if a run cannot be traced.
    operations: Vec<Operation>,
    /// Its duration without tracing.
    time: Duration,
    trials: Vec<Trial>,
}

impl Drill {
    /// Runs the config twice, left alone.
    ///
    /// # Errors
    /// The run fails, or its result is not repeatable.
    pub fn start(options: DrillOptions) -> Result<Self> {
        let scratch = Scratch::new(&options)?;
        let alone = |ended: &Ended| match ended.code {
            Some(0) => Ok(()),
            _ => Err(Error::run(format!(
                "{}: the run fails when it is left alone: {}",
                options.config.display(),
                ended.last_line()
            ))),
        };
        let place = scratch.place()?;
        let watched = place.train(&options, Act::Watch)?;
        alone(&watched)?;
        let reference = Artefacts::read(&place)?;
        let twin = scratch.place()?;
        let begun = Instant::now();
        alone(&twin.train(&options, Act::Nothing)?)?;
        let time = begun.elapsed();
        if let Some(difference) = reference.difference(&Artefacts::read(&twin)?) {
            return Err(Error::run(format!(
                "{}: two runs that were left alone differ in {difference}; a drill needs a run that is repeatable, such as \
                 one on the CPU",
                options.config.display()
            )));
        }
        let operations = points::with_phases(watched.operations);
        Ok(Self { options, scratch, reference, operations, time, trials: Vec::new() })
    }

    /// Returns the number of file operations of the run; 0 if it cannot be traced.
    pub fn n_operations(&self) -> usize {
        self.operations.len()
    }

    /// Kills runs before file operations of every phase and kind, and at random times.
    ///
    /// # Errors
    /// The program cannot be started, or the scratch folder cannot be written. Differences are not errors.
    pub fn kill(&mut self) -> Result<&[Trial]> {
        let first = self.trials.len();
        let n_in_time = if self.operations.is_empty() { self.options.kills } else { self.options.kills / IN_TIME };
        let points = points::spread(&self.operations, self.options.kills - n_in_time);
        let moments = Stream::new(self.options.seed, "drill");
        let by_operation = points.into_iter().map(|Point { index, operation }| {
            (Act::KillBefore(index), operation.group(), format!("before operation {index}, {}", operation.place()))
        });
        let in_time = (0..n_in_time).map(|moment| {
            let time = self.time.mul_f64(moments.uniform(moment as u64));
            (Act::KillAfter(time), "at a moment".to_owned(), format!("after {:.3} s", time.as_secs_f64()))
        });
        for (act, group, at) in by_operation.chain(in_time).collect::<Vec<_>>() {
            let place = self.scratch.place()?;
            let killed = place.train(&self.options, act)?;
            let verdict = match killed.code {
                // too late: the run had ended
                Some(0) | None => self.resume(&place)?,
                Some(code) => Verdict::Wrong(format!("exit code {code} instead of a kill: {}", killed.last_line())),
            };
            self.trials.push(Trial { part: "killed", group, at, verdict });
        }
        Ok(&self.trials[first..])
    }

    /// Fills the disk: from one write on, every write fails. The run must report it, and resume when there is room
    /// again. What is written for people only, such as the page, is reported by a warning and stops no run.
    ///
    /// # Errors
    /// As for [`Self::kill`].
    pub fn fill_disk(&mut self) -> Result<&[Trial]> {
        let first = self.trials.len();
        let writes: Vec<_> = self.operations.iter().filter(|operation| operation.is_write()).cloned().collect();
        for Point { index, operation } in points::spread(&writes, self.options.full_disks) {
            let place = self.scratch.place()?;
            let full = place.train(&self.options, Act::FullFrom(index))?;
            let verdict = match full.code {
                Some(1) if full.is_one_error() => self.resume(&place)?,
                Some(0) if full.warns_of_report() => self.resume(&place)?,
                code => Verdict::Wrong(format!("{} on a full disk: {}", exit(code), full.last_line())),
            };
            let at = format!("from write {index}, {}", operation.place());
            self.trials.push(Trial { part: "disk full", group: operation.group(), at, verdict });
        }
        Ok(&self.trials[first..])
    }

    /// Damages each file of a run that was killed half way, in each way, one at a time.
    ///
    /// # Errors
    /// As for [`Self::kill`].
    pub fn damage(&mut self) -> Result<&[Trial]> {
        let first = self.trials.len();
        let place = self.scratch.place()?;
        let act = match points::half_way(&self.operations) {
            Some(index) => Act::KillBefore(index),
            None => Act::KillAfter(self.time.mul_f64(0.7)),
        };
        place.train(&self.options, act)?;
        let half = self.scratch.aside()?;
        place.copy_to(&half)?;
        for file in half.files()? {
            for damage in Damage::ALL {
                let place = self.scratch.place()?;
                half.copy_to(&place)?;
                if !damage.apply(&place.root().join(&file.path))? {
                    continue; // an empty file cannot be cut
                }
                let resumed = place.train(&self.options, Act::Nothing)?;
                let verdict = match resumed.code {
                    Some(0) => match self.reference.difference_after(self.options.steps, &Artefacts::read(&place)?) {
                        None => Verdict::Same,
                        Some(difference) => Verdict::Wrong(format!("exit code 0, and it differs in {difference}")),
                    },
                    Some(1 | 2) if resumed.is_one_error() => Verdict::Caught,
                    code => Verdict::Wrong(format!("{}: {}", exit(code), resumed.last_line())),
                };
                let at = file.path.display().to_string();
                self.trials.push(Trial { part: "damaged", group: damage.name().to_owned(), at, verdict });
            }
        }
        Ok(&self.trials[first..])
    }

    /// Returns the report. The scratch folder is removed unless it is to be kept.
    pub fn finish(self) -> DrillReport {
        let kept = self.options.keep.then(|| self.scratch.keep());
        DrillReport::new(self.trials, self.operations.is_empty(), kept)
    }

    /// Resumes a run to its end and compares it.
    fn resume(&self, place: &Place) -> Result<Verdict> {
        let resumed = place.train(&self.options, Act::Nothing)?;
        if resumed.code != Some(0) {
            return Ok(Verdict::Wrong(format!("does not resume, {}: {}", exit(resumed.code), resumed.last_line())));
        }
        Ok(match self.reference.difference(&Artefacts::read(place)?) {
            None => Verdict::Same,
            Some(difference) => Verdict::Wrong(format!("differs in {difference}")),
        })
    }
}

fn exit(code: Option<i32>) -> String {
    code.map_or("ended by a signal".to_owned(), |code| format!("exit code {code}"))
}
