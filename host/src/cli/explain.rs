//! `trainyard data why|drops|rethreshold`.

use super::output::{Outcome, print};
use super::overrides::Overrides;
use clap::Args;
use std::path::{Path, PathBuf};
use trainyard::base::files::check_output;
use trainyard::corpus::explain::{self, Prepared};
use trainyard::run::RunConfig;
use trainyard::run::{Filters, OpenedRun, RunFolder, config_of, load, named_filters, open_filters};
use trainyard::{Error, Result};

/// Show why a document was kept or dropped
///
/// Shows what every filter measured next to its limits, the first rule that the document breaks, and where in the text
/// the reason lies. The corpus is not read again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data why runs/austen austen.txt#17
  trainyard data why configs/austen.toml austen.txt#17 --json")]
pub struct WhyArgs {
    #[command(flatten)]
    pub prepared: PreparedArgs,
    /// The document's id
    #[arg(value_name = "DOCUMENT")]
    pub id: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Count what every filter dropped, by reason, with examples
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data drops runs/austen
  trainyard data drops configs/austen.toml --samples 20 --html drops.html")]
pub struct DropsArgs {
    #[command(flatten)]
    pub prepared: PreparedArgs,
    /// Examples of each reason
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub samples: usize,
    /// Write a page for a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Replace the page if there is one
    #[arg(long, requires = "html")]
    pub overwrite: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Show what other limits would drop, from what was measured
///
/// The limits are those of the config with the --set given. No text is read again. A setting that changes what is
/// measured is refused: that needs trainyard prepare.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard data rethreshold configs/austen.toml --set data.filter.0.config.min_words=60
  trainyard data rethreshold runs/austen --set data.filter.0.config.min_words=60 --list")]
pub struct RethresholdArgs {
    #[command(flatten)]
    pub prepared: PreparedArgs,
    /// Name the documents whose verdict changes
    #[arg(long)]
    pub list: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prepared data.
#[derive(Debug, Args)]
pub struct PreparedArgs {
    /// A run's folder, a config (its newest prepared data), or a dataset that trainyard prepare named
    #[arg(value_name = "RUN")]
    pub input: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
}

pub fn why(args: &WhyArgs) -> Outcome {
    let opened = args.prepared.open()?;
    // Without its filters a document's spans are not known, everything else is stored.
    let plugins = opened.filters().unwrap_or_else(|error| {
        tracing::warn!("{error}; the filters are not asked again");
        None
    });
    let filters = plugins.as_deref().map(named_filters);
    print(&explain::why(&opened.prepared, &args.id, filters.as_deref())?, args.json)
}

pub fn drops(args: &DropsArgs) -> Outcome {
    if let Some(path) = &args.html {
        check_output(path, args.overwrite)?;
    }
    let table = explain::drops(&args.prepared.open()?.prepared, args.samples)?;
    if let Some(path) = &args.html {
        let page = explain::page(&args.prepared.input.display().to_string(), &table);
        std::fs::write(path, page).map_err(|error| Error::io(path, "write", &error))?;
    }
    print(&table, args.json)
}

pub fn rethreshold(args: &RethresholdArgs) -> Outcome {
    let opened = args.prepared.open()?;
    let Some(plugins) = opened.filters()? else {
        let input = args.prepared.input.display();
        return Err(
            Error::usage(format!("{input}: expected a config, or a run with one, got a dataset without")).into()
        );
    };
    print(&explain::rethreshold(&opened.prepared, &named_filters(&plugins), args.list)?, args.json)
}

/// Prepared data, and where its filters are.
struct Opened<'a> {
    prepared: Prepared,
    set: Vec<String>,
    from: Origin<'a>,
}

/// What names the filters.
enum Origin<'a> {
    /// A dataset: nothing.
    Dataset,
    /// A run, which may have been moved.
    Run(&'a Path),
    Config(Box<RunConfig>),
}

impl Opened<'_> {
    /// The filters, loaded; none of a dataset without a config.
    fn filters(&self) -> Result<Option<Filters>> {
        match &self.from {
            Origin::Dataset => Ok(None),
            Origin::Run(root) => open_filters(&OpenedRun::open(root, &self.set, &["filter"])?.config.data).map(Some),
            Origin::Config(config) => open_filters(&config.data).map(Some),
        }
    }
}

impl PreparedArgs {
    fn open(&self) -> Result<Opened<'_>> {
        let set = self.overrides.list();
        if self.input.is_dir() {
            RunFolder::recover(&self.input)?;
            return match RunFolder::open(&self.input) {
                Ok(folder) => {
                    let store = config_of(&folder, &set)?.store();
                    let prepared = Prepared::open_with(&self.input, Some(&store))?;
                    Ok(Opened { prepared, set, from: Origin::Run(&self.input) })
                }
                Err(_) => Ok(Opened { prepared: Prepared::open(&self.input)?, set, from: Origin::Dataset }),
            };
        }
        let config = load(&self.input, &set)?;
        let run = config.run.dir.join(&config.run.name);
        RunFolder::recover(&run)?;
        let prepared = Prepared::newest(&config.data, &config.store(), &run)?;
        Ok(Opened { prepared, set, from: Origin::Config(Box::new(config)) })
    }
}
