//! `trainyard data why|drops|rethreshold`.

use super::explain_args::{DropsArgs, PreparedArgs, RethresholdArgs, WhyArgs};
use super::output::{Outcome, print};
use std::path::Path;
use trainyard::corpus::explain::{self, Prepared};
use trainyard::run::RunConfig;
use trainyard::run::{Filters, OpenedRun, RunFolder, config_of, load, named_filters, open_filters};
use trainyard::{Error, Result};

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
    set: &'a [String],
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
            Origin::Run(root) => open_filters(&OpenedRun::open(root, self.set, &["filter"])?.config.data).map(Some),
            Origin::Config(config) => open_filters(&config.data).map(Some),
        }
    }
}

impl PreparedArgs {
    fn open(&self) -> Result<Opened<'_>> {
        let set = &self.set;
        if self.input.is_dir() {
            RunFolder::recover(&self.input)?;
            return match RunFolder::open(&self.input) {
                Ok(folder) => {
                    let store = config_of(&folder, set)?.store();
                    let prepared = Prepared::open_with(&self.input, Some(&store))?;
                    Ok(Opened { prepared, set, from: Origin::Run(&self.input) })
                }
                Err(_) => Ok(Opened { prepared: Prepared::open(&self.input)?, set, from: Origin::Dataset }),
            };
        }
        let config = load(&self.input, set)?;
        let run = config.run.dir.join(&config.run.name);
        RunFolder::recover(&run)?;
        let prepared = Prepared::newest(&config.data, &config.store(), &run)?;
        Ok(Opened { prepared, set, from: Origin::Config(Box::new(config)) })
    }
}
