//! The runs below a folder, one line each.

mod condition;
mod find;
mod keys;
mod summary;

pub(crate) use find::{Found, find};
pub use find::{named_folders, run_folders};
pub use summary::{BITS_PER_BYTE, Measured, RunSummary, State};

use crate::table::Table;
use crate::text::{NONE, age, number, or_none};
use condition::Condition;
use keys::{check, values};
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::time::Duration;
use trainyard_base::{Result, clean};
use trainyard_report::{count, duration};

/// Characters of a note that are shown.
const NOTE_CHARS: usize = 40;

/// Which runs are listed, and in which order.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Conditions that all must hold: `loss.plugin=focal`, `optimizer.lr<1e-3`, `state=done`, `tag=x`.
    pub conditions: Vec<String>,
    /// A column or a key of the config; with `-` in front, the largest come first. By name if none is given.
    pub sort: Option<String>,
}

/// Runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Runs {
    /// Each run, in order.
    pub runs: Vec<RunSummary>,
}

impl Runs {
    /// Reads the runs at and below `folder`. One that cannot be read is in the list, with the reason.
    ///
    /// # Errors
    /// The folder itself cannot be read, or the listing names a key that no run has.
    pub fn find(folder: &Path, listing: &Listing) -> Result<Self> {
        let conditions = listing.conditions.iter().map(|text| Condition::parse(text)).collect::<Result<Vec<_>>>()?;
        let found = find(folder)?;
        let readable = found.runs.iter().map(|path| RunSummary::read(name_of(folder, path), path));
        let mut runs: Vec<_> = readable.collect();
        for (path, error) in found.unreadable {
            runs.push(RunSummary::unreadable(name_of(folder, &path), &path, error.to_string()));
        }
        conditions.iter().try_for_each(|condition| check(&runs, &condition.key, "--where"))?;
        let sort = listing.sort.as_deref().unwrap_or("name");
        let (key, is_falling) = sort.strip_prefix('-').map_or((sort, false), |key| (key, true));
        check(&runs, key, "--sort")?;
        runs.retain(|run| conditions.iter().all(|condition| condition.is_met(run)));
        runs.sort_by(|a, b| order(a, b, key, is_falling));
        Ok(Self { runs })
    }

    /// All columns as CSV, with one for each number of the test text.
    pub fn csv(&self) -> String {
        let mut table = Table::default();
        for title in ["name", "path", "state", "reason"] {
            table.text(title);
        }
        for title in ["step", "steps", "best_step", "best_loss", "last_step", "last_loss", "last_bits_per_byte"] {
            table.number(title);
        }
        let mut tests: Vec<&String> = self.runs.iter().flat_map(|run| run.test.keys()).collect();
        tests.sort();
        tests.dedup();
        for name in &tests {
            table.number(format!("test_{name}"));
        }
        for title in ["tokens_per_second", "seconds", "age"] {
            table.number(title);
        }
        table.text("tags").text("note");
        for run in &self.runs {
            table.row(raw_cells(run, &tests));
        }
        table.csv()
    }
}

/// The path of a run within the folder that was searched; the name of its own folder if that is the run's.
pub(crate) fn name_of(folder: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    if !inner.as_os_str().is_empty() {
        return inner.display().to_string();
    }
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Orders two runs by a key. Those without a value are last, and those of the same value are in the order of their
/// names.
fn order(a: &RunSummary, b: &RunSummary, key: &str, is_falling: bool) -> Ordering {
    let first = |run: &RunSummary| values(run, key).into_iter().next();
    let ordered = match (first(a), first(b)) {
        (Some(a), Some(b)) if is_falling => b.compare(&a),
        (Some(a), Some(b)) => a.compare(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    ordered.then_with(|| a.name.cmp(&b.name))
}

/// The cells of a run in CSV.
fn raw_cells(run: &RunSummary, tests: &[&String]) -> Vec<String> {
    let whole = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let real = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let validation = |measured: &Option<Measured>| {
        [whole(measured.as_ref().map(|measured| measured.step)), real(measured.as_ref().and_then(Measured::loss))]
    };
    let mut cells = vec![run.name.clone(), run.path.display().to_string(), run.state.to_string()];
    cells.extend([run.reason.clone().unwrap_or_default(), run.step.to_string(), whole(run.steps)]);
    cells.extend(validation(&run.best));
    cells.extend(validation(&run.last));
    cells.push(real(run.last.as_ref().and_then(|last| last.values.get(BITS_PER_BYTE).copied())));
    cells.extend(tests.iter().map(|name| real(run.test.get(*name).copied())));
    cells.extend([real(run.tokens_per_second), real(run.seconds), whole(run.age)]);
    cells.extend([run.tags.join(" "), run.note.clone()]);
    cells
}

/// The cells of a run on a terminal.
fn cells(run: &RunSummary) -> Vec<String> {
    let step = match run.steps {
        Some(steps) if steps != run.step => format!("{}/{steps}", run.step),
        _ => run.step.to_string(),
    };
    let best = run.best.as_ref().and_then(|best| Some(format!("{} @{}", number(best.loss()?), best.step)));
    let last = run.last.as_ref().and_then(Measured::loss).map(number);
    let bits_per_byte = run.last.as_ref().and_then(|last| last.values.get(BITS_PER_BYTE).copied()).map(number);
    let test = run.test_value().map(|(name, value)| match name {
        BITS_PER_BYTE => number(value),
        name => format!("{} {name}", number(value)),
    });
    let step = if run.state == State::Unreadable { NONE.to_owned() } else { step };
    vec![
        run.name.clone(),
        run.state.to_string(),
        step,
        or_none(best),
        or_none(last),
        or_none(bits_per_byte),
        or_none(test),
        or_none(run.tokens_per_second.map(count)),
        or_none(run.seconds.map(duration)),
        or_none(run.age.map(|seconds| age(Duration::from_secs(seconds)))),
        run.tags.join(" "),
        clean::clip(&run.note, NOTE_CHARS).into_owned(),
    ]
}

impl Display for Runs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.runs.is_empty() {
            return writeln!(f, "no runs");
        }
        let mut table = Table::default();
        table.text("name").text("state");
        for title in ["step", "best loss", "last", "bits/byte", "test", "tokens/s", "time", "age"] {
            table.number(title);
        }
        table.text("tags").text("note");
        self.runs.iter().for_each(|run| table.row(cells(run)));
        table.drop_empty(&["best loss", "last", "bits/byte", "test", "tags", "note"], NONE);
        write!(f, "{table}")?;
        for run in &self.runs {
            if let Some(reason) = &run.reason {
                writeln!(f, "{}: {}: {}", clean::line(&run.name), run.state, clean::line(reason))?;
            }
            if let Some(first) = run.first_broken_line {
                let (name, n) = (clean::line(&run.name), run.broken_lines);
                let lines = if n == 1 { "1 line of its log is" } else { &format!("{n} lines of its log are") };
                writeln!(f, "{name}: {lines} broken, the first is line {first}")?;
            }
        }
        Ok(())
    }
}
