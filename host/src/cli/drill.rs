//! `trainyard drill`.

use super::output::{self, Outcome};
use super::overrides::Overrides;
use clap::Args;
use std::path::PathBuf;
use trainyard::Error;
use trainyard::drill::{Drill, DrillOptions, Trial, Verdict};

/// Kill, starve and damage a config's run in a scratch folder, and check that it resumes to the same bytes
///
/// Trains the config a few steps as often as needed: left alone, killed before chosen file operations of every phase
/// and at moments in time, on a disk that fills up, and with each of its files damaged in turn. Every run is then
/// resumed and compared, byte by byte, with the one that was left alone. Damage may also end in an error that names it.
/// Nothing outside the scratch folder is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard drill configs/austen.toml
  trainyard drill my.toml --kills 200 --steps 40
  trainyard drill my.toml --set model.dropout=0.1 --scratch /fast/disk --json

Exit codes: 0 every run ended as it should, 1 one did not, 2 the command line or the config is wrong.")]
pub struct DrillArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Steps of each run
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: u64,
    /// Runs to kill
    #[arg(long, default_value_t = 20)]
    pub kills: usize,
    /// Runs on a disk that fills up
    #[arg(long, default_value_t = 4)]
    pub full_disks: usize,
    /// Skip the trials with damaged files
    #[arg(long)]
    pub no_damage: bool,
    /// Seed of the moments at which runs are killed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder in which the scratch folder is made (default: the system's folder for temporary files)
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// The trainyard program to drill (default: this one)
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// Keep the scratch folder
    #[arg(long)]
    pub keep: bool,
    /// Print the report as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs the drill.
pub fn run(args: &DrillArgs) -> Outcome {
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(|error| Error::run(format!("cannot find this program: {error}")))?,
    };
    let mut drill = Drill::start(DrillOptions {
        program,
        config: args.config.clone(),
        set: args.overrides.list(),
        steps: args.steps,
        kills: args.kills,
        full_disks: args.full_disks,
        seed: args.seed,
        scratch: args.scratch.clone(),
        keep: args.keep,
    })?;
    let quiet = args.json;
    say(quiet, &format!("left alone twice: the same bytes; {} file operations", drill.n_operations()));
    say(quiet, &format!("killed: {}", tally(drill.kill()?)));
    say(quiet, &format!("disk full: {}", tally(drill.fill_disk()?)));
    if !args.no_damage {
        say(quiet, &format!("damaged: {}", tally(drill.damage()?)));
    }
    let report = drill.finish();
    output::print(&report, args.json)?;
    match report.passed {
        true => Ok(()),
        false => Err(Error::run(format!("{}: {}", args.config.display(), report.failure())).into()),
    }
}

fn say(quiet: bool, line: &str) {
    if !quiet {
        eprintln!("{line}");
    }
}

fn tally(trials: &[Trial]) -> String {
    let wrong = trials.iter().filter(|trial| matches!(trial.verdict, Verdict::Wrong(_))).count();
    format!("{} runs, {wrong} wrong", trials.len())
}
