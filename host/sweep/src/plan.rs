//! What there is to do: runs, how far each is, and what they will cost.

use super::base::Base;
use super::cells::Cell;
use super::part::Part;
use super::state::State;
use super::sweep::Sweep;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use trainyard_base::{Error, Result};
use trainyard_report::bytes;

/// Seeds that a table has a column for.
const COLUMNS_MAX: usize = 8;

/// A sweep, and how far its runs are.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) sweep: Sweep,
    pub(super) base: Base,
    pub(super) part: Option<Part>,
    pub(super) jobs: usize,
    pub(super) memory: Option<u64>,
    /// The runs, in the order in which they are started; with halving, those of the first rung.
    pub runs: Vec<Planned>,
}

/// A run of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Planned {
    /// The run.
    #[serde(flatten)]
    pub cell: Cell,
    /// How far it is.
    #[serde(flatten)]
    pub state: State,
    /// What it will cost from its start; none where that was not predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// What a run will cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Memory at its peak.
    pub bytes: u64,
    /// Time from start to end.
    pub seconds: f64,
}

/// A plan in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Totals {
    /// Runs, with those of later rungs.
    pub runs: u64,
    /// Runs that are done.
    pub done: u64,
    /// Runs at a time.
    pub jobs: usize,
    /// Time until all are done; none where it was not predicted.
    pub seconds: Option<f64>,
    /// Memory of the runs at a time, at its peak; none where it was not predicted.
    pub bytes: Option<u64>,
}

impl Cost {
    /// The cost of a run with so many times the steps.
    pub(super) fn for_steps(self, times: f64) -> Self {
        Self { seconds: self.seconds * times, ..self }
    }
}

impl Plan {
    /// The plan of a sweep whose runs are trained `jobs` at a time. Of a `part`, its runs.
    ///
    /// # Errors
    /// As [`Sweep::cells`]; a record that cannot be read; a part of a sweep with halving, or one that has no runs.
    pub fn new(sweep: Sweep, base: Base, jobs: usize, part: Option<Part>) -> Result<Self> {
        let cells = sweep.cells(&base)?;
        if let (Some(part), true) = (part, sweep.halving.is_some()) {
            return Err(Error::usage(format!(
                "part: expected none for design = halving, whose rungs need all results, got {part}; run it on one machine"
            )));
        }
        if let Some(part) = part.filter(|part| part.index >= cells.len()) {
            let n = cells.len();
            return Err(Error::usage(format!("part: expected at most {n} parts of {n} runs, got {part}")));
        }
        let cells = cells.into_iter().enumerate().filter(|(index, _)| part.is_none_or(|part| part.holds(*index)));
        let runs = planned(cells.map(|(_, cell)| cell).collect())?;
        Ok(Self { sweep, base, part, jobs: jobs.max(1), memory: None, runs })
    }

    /// The plan with what each of its runs will cost, in their order.
    #[must_use]
    pub fn with_costs(mut self, costs: Vec<Option<Cost>>) -> Self {
        self.runs.iter_mut().zip(costs).for_each(|(run, cost)| run.cost = cost);
        self
    }

    /// The plan for so many bytes of memory: fewer runs are trained at a time where they are predicted to need more.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The sweep.
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// The base.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The plan in numbers.
    pub fn totals(&self) -> Totals {
        let mut seconds = 0.0;
        let mut bytes = 0;
        let n_variants = self.runs.len() / usize::try_from(self.sweep.seeds.len()).unwrap_or(1).max(1);
        let rungs = self.sweep.rungs(n_variants);
        for (rung, (n, steps)) in rungs.iter().enumerate() {
            // which variants reach a later rung is not known: the first runs stand for theirs
            let n_runs = if rung == 0 { self.runs.len() } else { self.runs.len() * n / n_variants.max(1) };
            let longer = rungs[0].1.zip(*steps).map_or(1.0, |(first, steps)| steps as f64 / first as f64);
            let cost = |run: &Planned| {
                run.cost.unwrap_or_default().for_steps(if rung == 0 { run.state.left() } else { longer })
            };
            let costs: Vec<_> = self.runs[..n_runs].iter().map(cost).filter(|cost| cost.seconds > 0.0).collect();
            let (rung_seconds, rung_bytes) = schedule(&costs, self.jobs, self.memory);
            seconds += rung_seconds;
            bytes = bytes.max(rung_bytes);
        }
        let is_predicted = self.runs.iter().all(|run| run.cost.is_some());
        let runs = if self.part.is_some() { self.runs.len() as u64 } else { self.sweep.n_runs(n_variants) };
        Totals {
            runs,
            done: self.runs.iter().filter(|run| run.state == State::Done).count() as u64,
            jobs: self.jobs,
            seconds: is_predicted.then_some(seconds),
            bytes: is_predicted.then_some(bytes),
        }
    }
}

impl State {
    /// The share of a run that is left to do.
    fn left(&self) -> f64 {
        match self {
            Self::Done => 0.0,
            Self::Partial { step, of } => 1.0 - *step as f64 / (*of).max(1) as f64,
            _ => 1.0,
        }
    }
}

/// Runs with their states.
///
/// # Errors
/// A record that cannot be read.
pub fn planned(cells: Vec<Cell>) -> Result<Vec<Planned>> {
    cells.into_iter().map(|cell| Ok(Planned { state: State::read(&cell)?, cell, cost: None })).collect()
}

/// Tells if a run may be started beside others that take so many bytes.
pub fn has_room(n_running: usize, bytes_running: u64, next: &Cost, jobs: usize, memory: Option<u64>) -> bool {
    // a run that is too large for the machine alone is for `trainyard train` to refuse
    let fits = memory.is_none_or(|memory| bytes_running.saturating_add(next.bytes) <= memory);
    n_running == 0 || (n_running < jobs && fits)
}

/// Time and peak memory of runs that are started in their order.
fn schedule(costs: &[Cost], jobs: usize, memory: Option<u64>) -> (f64, u64) {
    let (mut now, mut peak, mut running): (f64, u64, Vec<(f64, u64)>) = (0.0, 0, Vec::new());
    for cost in costs {
        let bytes = |running: &[(f64, u64)]| running.iter().map(|(_, bytes)| bytes).sum::<u64>();
        while !has_room(running.len(), bytes(&running), cost, jobs, memory) {
            now = running.iter().map(|(end, _)| *end).fold(f64::INFINITY, f64::min);
            running.retain(|(end, _)| *end > now);
        }
        running.push((now + cost.seconds, cost.bytes));
        peak = peak.max(bytes(&running));
    }
    (running.iter().map(|(end, _)| *end).fold(now, f64::max), peak)
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            sweep: &'a Sweep,
            #[serde(skip_serializing_if = "Option::is_none")]
            part: Option<Part>,
            runs: &'a [Planned],
            totals: Totals,
        }
        let Self { sweep, part, runs, .. } = self;
        Shown { sweep, part: *part, runs, totals: self.totals() }.serialize(serializer)
    }
}

impl Display for Plan {
    /// Writes the runs as a table of variants and seeds, and the totals below.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let part = self.part.map_or(String::new(), |part| format!(", part {part}"));
        let folder = self.sweep.folder(&self.base);
        writeln!(f, "{}: {} in {}{part}", self.sweep.name, self.sweep.design, folder.display())?;
        let rows = self.rows();
        let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        let budgets = self.sweep.rungs(rows.len() - 1);
        if let [(n, Some(steps)), later @ ..] = budgets.as_slice() {
            let then = |(n, steps): &(usize, Option<u64>)| format!(", then {n} of {}", steps.unwrap_or(0));
            writeln!(f, "rungs: {n} of {steps} steps{}", later.iter().map(then).collect::<String>())?;
        }
        write!(f, "{}", self.totals())
    }
}

impl Plan {
    /// The table, with its heading.
    fn rows(&self) -> Vec<Vec<String>> {
        let mut seeds: Vec<_> = self.runs.iter().map(|run| run.cell.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let mut variants: Vec<Vec<&Planned>> = Vec::new();
        let mut rows = BTreeMap::new();
        for run in &self.runs {
            let row = *rows.entry(&run.cell.variant).or_insert(variants.len());
            variants.resize(variants.len().max(row + 1), Vec::new());
            variants[row].push(run);
        }
        let is_wide = seeds.len() > COLUMNS_MAX;
        let mut heading = vec!["variant".to_owned()];
        match is_wide {
            true => heading.push(format!("{} seeds", seeds.len())),
            false => heading.extend(seeds.iter().map(|seed| format!("seed {seed}"))),
        }
        let has_costs = self.runs.iter().any(|run| run.cost.is_some());
        heading.extend(has_costs.then_some(["memory", "time"].map(str::to_owned)).into_iter().flatten());
        let row = |runs: &Vec<&Planned>| {
            let mut row = vec![runs[0].cell.variant.clone()];
            match is_wide {
                true => {
                    let done = runs.iter().filter(|run| run.state == State::Done).count();
                    row.push(format!("{done} done"));
                }
                false => row.extend(seeds.iter().map(|seed| {
                    runs.iter().find(|run| run.cell.seed == *seed).map_or("-".to_owned(), |run| run.state.to_string())
                })),
            }
            if let Some(cost) = runs.iter().find_map(|run| run.cost) {
                row.extend([bytes(cost.bytes as f64), time(cost.seconds)]);
            }
            row
        };
        [heading].into_iter().chain(variants.iter().map(row)).collect()
    }
}

impl Display for Totals {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { runs, done, jobs, seconds, .. } = self;
        write!(f, "{runs} run{}", if *runs == 1 { "" } else { "s" })?;
        if *done > 0 {
            write!(f, ", {done} done")?;
        }
        match seconds {
            Some(seconds) => write!(f, "; about {} at {jobs} at a time", time(*seconds))?,
            None => write!(f, "; {jobs} at a time")?,
        }
        self.bytes.map_or(Ok(()), |peak| write!(f, "; peak {}", bytes(peak as f64)))
    }
}

/// `45 s`, `14 min`, `2.5 h`: no more digits than a prediction has.
fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}
