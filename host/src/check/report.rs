//! What the suite found, for people and as JSON.

use super::Found;
use crate::plugin::Plugin;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The plugin keeps the law.
    Pass,
    /// It does not.
    Fail,
    /// The law does not apply, or could not be tried.
    Skip,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckLine {
    /// Its name, which stays the same between versions.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was tried, what is wrong, or why it was skipped.
    pub detail: String,
}

/// All checks of one plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// As in its errors.
    pub plugin: String,
    /// Its kind.
    pub kind: &'static str,
    /// Seed of the random inputs: the same seed makes the same ones.
    pub seed: u64,
    /// In the order in which they ran.
    pub checks: Vec<CheckLine>,
}

impl CheckReport {
    pub(super) fn new(plugin: &Plugin, seed: u64) -> Self {
        let kind = plugin.identity().kind.name();
        Self { plugin: plugin.culprit().to_owned(), kind, seed, checks: Vec::new() }
    }

    /// Adds what a check found.
    pub(super) fn add(&mut self, name: &'static str, found: Found<String>) {
        let (outcome, detail) = match found {
            Ok(detail) => (Outcome::Pass, detail),
            Err(defect) => (Outcome::Fail, defect.0),
        };
        self.checks.push(CheckLine { name, outcome, detail });
    }

    /// Adds a check that does not apply.
    pub(super) fn skip(&mut self, name: &'static str, why: &str) {
        self.checks.push(CheckLine { name, outcome: Outcome::Skip, detail: why.to_owned() });
    }

    /// Checks that ended in this way.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.checks.iter().filter(|check| check.outcome == outcome).count()
    }

    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.count(Outcome::Fail) == 0
    }
}

impl Display for CheckReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, a {}", self.plugin, self.kind)?;
        for CheckLine { name, outcome, detail } in &self.checks {
            let outcome = match outcome {
                Outcome::Pass => "ok",
                Outcome::Fail => "FAIL",
                Outcome::Skip => "skip",
            };
            writeln!(f, "  {outcome:<5} {name:<15} {detail}")?;
        }
        let (passed, failed, skipped) =
            (self.count(Outcome::Pass), self.count(Outcome::Fail), self.count(Outcome::Skip));
        let seed = self.seed;
        writeln!(f, "{passed} passed, {failed} failed, {skipped} skipped; --seed {seed} repeats these inputs")
    }
}
