//! `trainyard prepare`: the data of a config, without training.

use super::output::{Outcome, write};
use super::overrides::Overrides;
use super::ranks::join;
use super::{INTERRUPTED, interrupted};
use clap::Args;
use std::path::PathBuf;
use trainyard::Error;
use trainyard::base::{clean, interrupt};
use trainyard::feed::Preparation;
use trainyard::report::Detail;
use trainyard::run::{self, DataPlugins};

/// Prepare the data of a config: read, filter, split, tokenize
///
/// Finished work is kept in the store (`runs/store`, or data.store): an interrupted preparation resumes, an unchanged
/// stage is not run again, and `train` finds what was prepared.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard prepare configs/austen.toml
  trainyard prepare configs/austen.toml --set data.filter.0.config.min_words=100
  trainyard prepare big.toml --part 2/4      one of four machines with a common store, or stores copied together
                                             afterwards; then once without --part")]
pub struct PrepareArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Filter only the I-th of N parts of the files
    #[arg(long, value_name = "I/N", value_parser = part)]
    pub part: Option<(usize, usize)>,
    /// Print the report as one JSON object on stdout
    #[arg(long, conflicts_with = "part")]
    pub json: bool,
}

pub fn run(args: &PrepareArgs) -> Outcome {
    let mut config = run::load(&args.config, &args.overrides.list())?;
    if config.data.tokens.is_some() {
        return Err(Error::usage("data.tokens: there is no text to prepare, `trainyard train` reads them").into());
    }
    interrupt::listen(INTERRUPTED)?;
    let ranks = if args.part.is_some() { None } else { join(&mut config)? };
    let plugins = DataPlugins::open(&config)?;
    let (filters, tokenizer, store) = (plugins.named_filters(), plugins.named_tokenizer(&config)?, config.store());
    let encoding = config.task.encoding(config.tokenizer_folder())?;
    let (filters, tokenizer, task) = (&filters, &tokenizer, encoding.as_ref());
    let preparation =
        Preparation { config: &config.data, filters, tokenizer, task, store: &store, detail: Detail::All };
    if let Some((part, n_parts)) = args.part {
        let n_units = preparation.prepare_part(part, n_parts).map_err(unfinished)?;
        let line = format!("part {part}/{n_parts}: {n_units} units of the corpus filtered, in {}\n", store.display());
        return write(line.as_bytes());
    }
    if let Some(group) = &ranks {
        // every rank filters its part; the first one finds them in the store
        preparation.prepare_part(group.rank() + 1, group.size()).map_err(unfinished)?;
        if group.rank() > 0 {
            group.answer(&[])?;
            return Ok(group.finish()?);
        }
        group.collect()?;
        group.finish()?;
    }
    let (folder, dataset) = preparation.prepare_in_store().map_err(unfinished)?;
    let report = &dataset.manifest.report;
    let vocabulary = plugins.vocabulary(&config, dataset.tokenizer.n_tokens);
    let text = match args.json {
        true => serde_json::json!({ "dataset": folder, "report": report, "vocabulary": vocabulary }).to_string(),
        false => {
            let lines = report.lines().into_iter().chain(vocabulary.line());
            let lines = lines.collect::<Vec<_>>().join("\n");
            clean::text(&lines).into_owned() + &format!("\ndataset: {}", folder.display())
        }
    };
    write((text + "\n").as_bytes())
}

/// What becomes of a preparation that a signal ended.
fn unfinished(error: Error) -> Error {
    interrupted(error, "what is finished stays in the store, the same command continues there")
}

fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(part, n)| Some((part.parse().ok()?, n.parse().ok()?)));
    let is_part = |(part, n_parts): &(usize, usize)| (1..=*n_parts).contains(part);
    numbers.filter(is_part).ok_or_else(|| "expected a part of several, such as 2/4".into())
}
