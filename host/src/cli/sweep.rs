//! `trainyard sweep`: many runs of one config, with some settings changed.

use super::output::{Outcome, print};
use super::overrides::Overrides;
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainyard::base::{clean, dirs, interrupt};
use trainyard::bench::{PlanOptions, plan};
use trainyard::experiments::{CompareOptions, Comparison};
use trainyard::ops::Device;
use trainyard::run::{DataPlugins, DataSizes, Memory, RunConfig, VERSION, available_memory};
use trainyard::sweep::{self, Base, Cell, Cost, Options, Part, Runner, Seeds, Sweep};
use trainyard::{Error, Result};

/// Seconds that a run is measured for by --dry-run.
const MEASURED: f64 = 3.0;

const INTERRUPTED: &str = "interrupted: runs are being saved; once more ends at once";

/// Train many runs of one config: a grid, an ablation, random settings or halving, over seeds
///
/// Each run is a `trainyard train` of its own, several at a time within cores and memory, in
/// `runs/<sweep>/<variant>/seed-N`. Data and tokenizers that runs have in common are prepared once. Killed or
/// interrupted, the same command resumes; a run that breaks does not stop the others. It ends with the comparison that
/// `trainyard compare` shows.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard sweep configs/ablation.toml
  trainyard sweep configs/ablation.toml --dry-run
  trainyard sweep configs/austen.toml --grid loss.plugin=cross-entropy,focal --grid optimizer.lr=1e-3,2e-3 --seeds 3
  trainyard sweep configs/ablation.toml --part 1/4        one of four machines; Slurm's and mpirun's are known")]
pub struct SweepArgs {
    /// A sweep, a TOML file with `base` and `[axes]`; or a config, with --grid
    #[arg(value_name = "SWEEP|CONFIG")]
    pub sweep: PathBuf,
    /// Values of a setting, separated by commas; may be given several times
    #[arg(long, value_name = "KEY=A,B")]
    pub grid: Vec<String>,
    /// Seeds of each variant
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// Which variants there are (default: grid)
    #[arg(long, value_enum)]
    pub design: Option<Design>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Runs at a time (default: as many as cores and memory allow)
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Threads of each run (default: train.threads, or 1)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Train only this part of the runs
    #[arg(long, value_name = "I/N")]
    pub part: Option<Part>,
    /// Print runs, time and memory, and train nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Set an earlier sweep of this name aside
    #[arg(long)]
    pub overwrite: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// `--design`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Design {
    Grid,
    OneAtATime,
}

pub fn run(args: &SweepArgs) -> Outcome {
    let sweep = sweep_of(args)?;
    let current = std::env::current_dir().map_err(|error| Error::run(format!("the current folder: {error}")))?;
    let config = RunConfig::load(&sweep.base, &sweep.set)?;
    let base = Base::new(&sweep.base, &config.to_toml()?, &current)?;
    let cells = sweep.cells(&base)?;
    // every mistake is found before the first run
    let configs = cells.iter().map(|cell| config_of(&base.path, cell)).collect::<Result<Vec<_>>>()?;
    let threads = args.threads.or(Some(config.train.threads).filter(|&threads| threads > 0)).unwrap_or(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or((cores / threads).max(1));
    let part = match args.part {
        Some(part) => Some(part),
        None => sweep::part_of(&std::env::vars().collect::<BTreeMap<_, _>>())?,
    };
    if args.overwrite && !args.dry_run {
        sweep::set_aside(&sweep, &base)?;
    }
    let costs = costs(&cells, &configs, part, args.dry_run)?;
    let mut plan = sweep::Plan::new(sweep, base, jobs, part)?.with_costs(costs);
    if let Some(bytes) = available_memory() {
        plan = plan.with_memory(bytes as u64);
    }
    if args.dry_run {
        return print(&plan, args.json);
    }
    train(plan, threads, args.json)
}

/// The sweep of the command line.
fn sweep_of(args: &SweepArgs) -> Result<Sweep> {
    let mut sweep = match args.grid.is_empty() {
        true => Sweep::open(&args.sweep)?,
        false => Sweep::from_flags(&args.sweep, &args.grid, None)?,
    };
    if let Some(seeds) = args.seeds {
        sweep.seeds = Seeds::Count(seeds);
    }
    match args.design {
        Some(Design::Grid) => sweep.design = sweep::Design::Grid,
        Some(Design::OneAtATime) => sweep.design = sweep::Design::OneAtATime,
        None => {}
    }
    sweep.set.extend(args.overrides.list());
    sweep.check()?;
    Ok(sweep)
}

/// The config of a run.
fn config_of(base: &Path, cell: &Cell) -> Result<RunConfig> {
    RunConfig::load(base, &cell.sets).map_err(|error| error.context(cell))
}

/// What each run of the part needs: memory, and for `timed` also time. Runs of one variant need the same.
fn costs(cells: &[Cell], configs: &[RunConfig], part: Option<Part>, timed: bool) -> Result<Vec<Option<Cost>>> {
    let mut known: BTreeMap<&str, Option<Cost>> = BTreeMap::new();
    let mut costs = Vec::new();
    for (index, (cell, config)) in cells.iter().zip(configs).enumerate() {
        if !part.is_none_or(|part| part.holds(index)) {
            continue;
        }
        let cost = match known.get(cell.variant.as_str()) {
            Some(cost) => *cost,
            None => cost(config, timed).map_err(|error| error.context(cell))?,
        };
        known.insert(&cell.variant, cost);
        costs.push(cost);
    }
    Ok(costs)
}

/// What a run needs; none where the size of its vocabulary is known only later.
fn cost(config: &RunConfig, timed: bool) -> Result<Option<Cost>> {
    let Ok(vocab) = DataPlugins::open(config)?.expected_vocabulary(config) else { return Ok(None) };
    if timed {
        let plan = plan(config, &PlanOptions { vocab: Some(vocab), seconds: MEASURED, ..PlanOptions::default() })?;
        return Ok(Some(Cost { bytes: plan.memory as u64, seconds: plan.seconds() }));
    }
    let (device, _) = Device::open(config.train.device)?;
    let sizes = DataSizes { vocab: config.vocab(vocab), labels: config.task.listed_labels() };
    let bytes = Memory::of(config, sizes, &device)?.total() as u64;
    Ok(Some(Cost { bytes, seconds: 0.0 }))
}

/// Trains the runs, and compares them.
fn train(plan: sweep::Plan, threads: usize, json: bool) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let program = dirs::program().map_err(|error| Error::run(format!("this program: {error}")))?;
    let options = Options { program, version: VERSION.to_owned(), threads: Some(threads) };
    let mut runner = Runner::new(plan, options)?;
    while let Some(event) = runner.next_event()? {
        eprintln!("{}", clean::text(&event.to_string()));
    }
    let outcome = runner.outcome().clone();
    eprintln!("{}", clean::line(&outcome.to_string()));
    if let Some(signal) = outcome.interrupted {
        return Err(Error::interrupted(signal, outcome.to_string()).into());
    }
    let is_last_rung = outcome.rungs.last().map(|rung| outcome.folder.join(format!("rung-{}", rung.rung)));
    let folder = is_last_rung.filter(|folder| folder.is_dir()).unwrap_or_else(|| outcome.folder.clone());
    if outcome.done > 1 {
        let options = CompareOptions { allow_unfinished: !outcome.broken.is_empty(), ..CompareOptions::default() };
        print(&Comparison::of(&[folder], &options)?, json)?;
    }
    match outcome.broken.len() {
        0 => Ok(()),
        n => Err(Error::run(format!("{n} of {} runs broke; to try again: the same command", outcome.runs)).into()),
    }
}
