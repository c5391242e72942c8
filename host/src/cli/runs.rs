//! `trainyard runs`: the runs below a folder, and what can go of them.

use super::output::{Outcome, plot, print, write};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use trainyard::base::clean;
use trainyard::experiments::{Clean, CleanOptions, Listing, Runs};

/// List runs: state, steps, validation, test, speed, tags
///
/// Reads the folders of runs and changes nothing in them; a run that trains is listed as it is now.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  trainyard runs
  trainyard runs runs/ablation --where loss.plugin=focal --where 'optimizer.lr<1e-3' --sort test
  trainyard runs --where tag=baseline --json
  trainyard runs runs/austen --plot                       its loss, drawn in the terminal
  trainyard runs clean                                    what can go, and how large it is
  trainyard runs clean --apply"
)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    /// The folder with the runs, also deeper in it
    #[arg(value_name = "DIR", default_value = "runs")]
    pub folder: PathBuf,
    /// List only runs that meet this: a key of the config, a column, `state` or `tag`, with =, !=, <, <=, > or >=; may
    /// be given several times
    #[arg(long = "where", value_name = "CONDITION")]
    pub conditions: Vec<String>,
    /// Sort by a column or a key of the config; -KEY puts the largest first
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Draw their losses below the list
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub plot: bool,
    /// Print one JSON array on stdout
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print all columns as CSV on stdout
    #[arg(long)]
    pub csv: bool,
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    Clean(CleanArgs),
}

/// Show what can go of runs and how large it is; --apply removes it
///
/// These are checkpoints that are neither the run's model nor its last or best one, and what killed processes left.
/// Only files that trainyard wrote are removed, and runs that train are left alone.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// The folder with the runs, also deeper in it
    #[arg(value_name = "DIR", default_value = "runs")]
    pub folder: PathBuf,
    /// Also prepared data in the store that no run has
    #[arg(long)]
    pub unused_data: bool,
    /// Remove it
    #[arg(long)]
    pub apply: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &RunsArgs) -> Outcome {
    if let Some(RunsCommand::Clean(args)) = &args.command {
        return clean_up(args);
    }
    let listing = Listing { conditions: args.conditions.clone(), sort: args.sort.clone() };
    let runs = Runs::find(&args.folder, &listing)?;
    match args.csv {
        true => write(clean::text(&runs.csv()).as_bytes())?,
        false => print(&runs, args.json)?,
    }
    match args.plot && !runs.runs.is_empty() {
        true => plot(&runs.runs.iter().map(|run| run.path.clone()).collect::<Vec<_>>()),
        false => Ok(()),
    }
}

fn clean_up(args: &CleanArgs) -> Outcome {
    let plan = Clean::plan(&args.folder, &CleanOptions { unused_data: args.unused_data })?;
    match args.apply {
        true => print(&plan.apply(), args.json),
        false => print(&plan, args.json),
    }
}
