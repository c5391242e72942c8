//! The report of a drill.

use super::damage::Damage;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;

/// How a run ended after its failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// With the bytes of the run that was left alone.
    Same,
    /// Damage was noticed: one error, exit code 1 or 2.
    Caught,
    /// With other bytes, or not as documented.
    Wrong(String),
}

/// One run that met a failure.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// `killed`, `disk full` or `damaged`.
    pub part: &'static str,
    /// Phase and kind of the file operation, or kind of the damage.
    pub group: String,
    /// The exact place.
    pub at: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// The whole drill.
#[derive(Debug, Serialize)]
pub struct DrillReport {
    /// Every run.
    pub trials: Vec<Trial>,
    /// Whether the drill proves what it claims: no run is wrong, and each kind of damage was caught at least once.
    pub passed: bool,
    /// Kinds of damage that were tried and never noticed.
    pub never_caught: Vec<&'static str>,
    /// Whether kills were only at random times, because this system does not trace file operations.
    pub untraced: bool,
    /// The scratch folder, if it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<PathBuf>,
}

impl DrillReport {
    pub(super) fn new(trials: Vec<Trial>, untraced: bool, scratch: Option<PathBuf>) -> Self {
        let never_caught = |damage: &str| {
            let mut damaged = trials.iter().filter(|trial| trial.group == damage).peekable();
            damaged.peek().is_some() && damaged.all(|trial| trial.verdict != Verdict::Caught)
        };
        let never_caught: Vec<_> =
            Damage::ALL.iter().map(|damage| damage.name()).filter(|damage| never_caught(damage)).collect();
        let wrong = trials.iter().any(|trial| matches!(trial.verdict, Verdict::Wrong(_)));
        Self { passed: !wrong && never_caught.is_empty(), trials, never_caught, untraced, scratch }
    }

    /// Returns what failed, in one line.
    pub fn failure(&self) -> String {
        let wrong = self.trials.iter().filter(|trial| matches!(trial.verdict, Verdict::Wrong(_))).count();
        match wrong {
            0 => format!("the drill proves nothing about files that are {}", self.never_caught.join(" or ")),
            _ => format!("{wrong} of {} runs ended wrong", self.trials.len()),
        }
    }
}

/// Number of same, caught and wrong runs of a group.
#[derive(Default)]
struct Count([usize; 3]);

impl Display for DrillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: BTreeMap<(&str, &str), Count> = BTreeMap::new();
        for trial in &self.trials {
            let column = match trial.verdict {
                Verdict::Same => 0,
                Verdict::Caught => 1,
                Verdict::Wrong(_) => 2,
            };
            counts.entry((trial.part, &trial.group)).or_default().0[column] += 1;
        }
        writeln!(f, "{:<10} {:<24} {:>10} {:>7} {:>6}", "run was", "", "same bytes", "caught", "wrong")?;
        for ((part, group), Count([same, caught, wrong])) in &counts {
            writeln!(f, "{part:<10} {group:<24} {same:>10} {caught:>7} {wrong:>6}")?;
        }
        for trial in &self.trials {
            if let Verdict::Wrong(why) = &trial.verdict {
                writeln!(f, "wrong: {} {}: {why}", trial.part, trial.at)?;
            }
        }
        for damage in &self.never_caught {
            writeln!(f, "no file of this run is checked against being {damage}: the drill proves nothing about it")?;
        }
        if self.untraced {
            writeln!(f, "this system does not trace file operations: runs were killed at moments in time only")?;
        }
        if let Some(scratch) = &self.scratch {
            writeln!(f, "the runs are in {}", scratch.display())?;
        }
        match self.passed {
            true => writeln!(f, "passed: {} runs, 0 differences", self.trials.len()),
            false => writeln!(f, "failed: {}", self.failure()),
        }
    }
}
