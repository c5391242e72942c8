//! `trainyard data show`.

use super::output::{self, Outcome, write};
use super::overrides::Overrides;
use super::{INTERRUPTED, interrupted};
use clap::Args;
use clap::builder::styling::{AnsiColor, Style};
use std::path::PathBuf;
use trainyard::Error;
use trainyard::base::{clean, interrupt};
use trainyard::run::{self, DataPlugins};
use trainyard::train::{ShownPart, first_sequences};

/// Show the first sequences that a config trains on, and what of them is predicted
///
/// Prepares the data first, as train does. In a terminal what is predicted is green and what is only read is dim;
/// elsewhere what is predicted is between \u{27e6} and \u{27e7}. A line of --- separates documents of one sequence,
/// between which there is no attention where data.packing keeps them apart.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data show configs/assistant.toml
  trainyard data show configs/austen.toml --sequences 1 --set model.context=64")]
pub struct ShowArgs {
    /// The run's config
    pub config: PathBuf,
    /// Sequences to show
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub sequences: u16,
    #[command(flatten)]
    pub overrides: Overrides,
}

const PREDICTED: Style = AnsiColor::Green.on_default();
const READ: Style = Style::new().dimmed();

/// Writes the sequences.
pub fn run(args: &ShowArgs) -> Outcome {
    let config = run::load(&args.config, &args.overrides.list())?;
    interrupt::listen(INTERRUPTED)?;
    let plugins = DataPlugins::open(&config)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Error::run(format!("cannot make a temporary folder: {error}")))?;
    let prepared = plugins.prepare(&config, scratch.path());
    let data = prepared.map_err(|error| interrupted(error, "what is finished is kept"))?;
    let is_coloured = output::has_colours();
    for (number, documents) in (1..).zip(first_sequences(&config, &plugins, &data, args.sequences.into())?) {
        let n = |is_predicted: bool| -> usize {
            let parts = documents.iter().flatten().filter(|part| part.is_predicted == is_predicted);
            parts.map(|part| part.tokens).sum()
        };
        let (learnt, read) = (n(true), n(false));
        write(format!("sequence {number}: {learnt} tokens predicted, {read} only read\n").as_bytes())?;
        let texts = documents.iter().map(|parts| parts.iter().map(|part| painted(part, is_coloured)).collect());
        let texts: Vec<String> = texts.collect();
        write(format!("{}\n\n", texts.join("\n---\n")).as_bytes())?;
    }
    Ok(())
}

/// The text of a part, as it is told from others.
fn painted(part: &ShownPart, is_coloured: bool) -> String {
    let text = clean::text(&part.text);
    match (is_coloured, part.is_predicted) {
        (true, predicted) => {
            let style = if predicted { PREDICTED } else { READ };
            format!("{style}{text}{style:#}")
        }
        (false, true) => format!("\u{27e6}{text}\u{27e7}"),
        (false, false) => text.into_owned(),
    }
}
