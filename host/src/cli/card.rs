//! `trainyard plugin card`: what a vendor shows of a plugin.

use super::INTERRUPTED;
use super::output::{Outcome, write};
use super::settings::{TrustArgs, plugin_config};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use trainyard::Error;
use trainyard::base::interrupt;
use trainyard::card::{CardFiles, CardOptions, card};
use trainyard::check::Outcome as CheckResult;

/// Write the card of a plugin: conformance, cost, and whether it helps, on one page
///
/// Checks the plugin as `plugin check` does, measures it as `bench` does, and trains small runs with it and with the
/// default of its kind, seed by seed, on two megabytes of the text at most. Writes an HTML page that needs nothing else
/// and a JSON file, beside the plugin. A metric changes nothing of a run, so none is trained with it. The exit code is
/// 3 when a check fails.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard plugin card target/plugins/focal.wasm
  trainyard plugin card target/plugins/focal.wasm --config 'gamma = 1.5' --seeds 5 --out cards
  trainyard plugin card ./my-model.wasm --config 'layers = 2' --text novels.txt --steps 500")]
pub struct CardArgs {
    /// A plugin's file, or the name of a built-in
    pub file: String,
    /// The plugin's settings: a TOML file, or TOML itself, such as 'gamma = 1.5'
    #[arg(long, value_name = "TOML")]
    pub config: Option<String>,
    #[command(flatten)]
    pub trust: TrustArgs,
    /// The folder of both files (default: that of the plugin)
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// The text that runs are trained and measured on: a file or a folder
    #[arg(long, value_name = "FILE", default_value = "corpus/austen.txt.zst")]
    pub text: PathBuf,
    /// Runs with the plugin, and as many with the default
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Steps of each run
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: u64,
    /// Random inputs of the checks
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub cases: usize,
    /// Print the card as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &CardArgs) -> Outcome {
    interrupt::listen(INTERRUPTED)?;
    let files = CardFiles::new(&args.file, args.out.as_deref())?;
    let config = plugin_config(&args.file, args.config.as_deref(), &args.trust)?;
    let options = CardOptions { text: args.text.clone(), seeds: args.seeds, steps: args.steps, cases: args.cases };
    let scratch =
        tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a temporary folder: {error}")))?;
    let (card, checked) = card(&config, &options, scratch.path())?;
    files.save(&card)?;
    let shown = match args.json {
        true => format!("{}\n", json!(card)),
        false => format!("{}\n{}\n", files.page.display(), files.json.display()),
    };
    write(shown.as_bytes())?;
    match checked.count(CheckResult::Fail) {
        0 => Ok(()),
        n => Err(Error::plugin(format!("{}: {n} of {} checks failed", checked.plugin, checked.checks.len())).into()),
    }
}
