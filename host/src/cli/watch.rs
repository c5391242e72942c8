//! `trainyard watch`: a live page of runs.

use super::output::{Outcome, write};
use clap::Args;
use std::path::PathBuf;
use trainyard::base::interrupt;
use trainyard::watch::Watch;

const INTERRUPTED: &str = "interrupted: the page ends; runs are not touched";

/// Serve a live page of runs on this machine: their curves while they train, ticked to overlay
///
/// Prints the page's address. It is served on loopback only and reads what runs write, so that a page that hangs slows
/// no run. A run can be stopped from it: it finishes its step and is saved, as after Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard watch
  trainyard watch runs/ablation --port 8080")]
pub struct WatchArgs {
    /// The folder with the runs, also deeper in it
    #[arg(value_name = "DIR", default_value = "runs")]
    pub folder: PathBuf,
    /// The port (default: any that is free)
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
}

pub fn run(args: &WatchArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let watch = Watch::new(args.folder.clone(), args.port)?;
    write(format!("{}\n", watch.address()).as_bytes())?;
    eprintln!("Ctrl-C ends it");
    Ok(watch.serve()?)
}
