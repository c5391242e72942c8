//! `trainyard plugin dev`.

use super::output::{Outcome, write};
use super::overrides::Overrides;
use clap::Args;
use std::path::PathBuf;
use trainyard::base::clean;
use trainyard::dev::{Report, Session};
use trainyard::run::RunConfig;

/// Watch the sources of a config's plugins: build, load and try them on every save
///
/// A filter judges the first documents of the config's data, a tokenizer learns and encodes them, a loss or metric
/// shows its formula. A version that does not build, load or work leaves the previous one in place. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard plugin dev configs/austen.toml                       every plugin with its sources next to it
  trainyard plugin dev my.toml --plugin my-loss                  one of them, whose sources are in my-loss
  trainyard plugin dev configs/austen.toml --once                once, for scripts")]
pub struct DevArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    /// The folder of a plugin to work on; may be given several times
    #[arg(long, value_name = "DIR")]
    pub plugin: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Build and try once, and end
    #[arg(long)]
    pub once: bool,
}

pub fn run(args: &DevArgs) -> Outcome {
    let config = RunConfig::load(&args.config, &args.overrides.list())?;
    let mut session = Session::start(&config, &args.plugin)?;
    let mut failed = None;
    for report in session.all() {
        show(&report)?;
        failed = report.outcome.err().or(failed);
    }
    if args.once {
        return failed.map_or(Ok(()), |error| Err(error.into()));
    }
    loop {
        eprintln!("watching; Ctrl-C ends");
        show(&session.wait())?;
    }
}

fn show(report: &Report) -> Outcome {
    let Report { plugin, build_seconds, try_seconds, outcome, kept_old } = report;
    let mut text = format!("{plugin}: ");
    match outcome {
        Ok(lines) => {
            text += &format!("built in {build_seconds:.2} s, loaded and tried in {try_seconds:.2} s\n");
            lines.iter().for_each(|line| text += &format!("  {}\n", clean::text(line)));
        }
        Err(error) => {
            text += if *kept_old { "failed, the version before is kept\n" } else { "failed\n" };
            text += &format!("  {error}\n");
        }
    }
    write(text.as_bytes())
}
