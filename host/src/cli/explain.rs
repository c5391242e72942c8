//! `trainyard data why|drops|rethreshold`.

use super::explain_args::{DropsArgs, PreparedArgs, RethresholdArgs, WhyArgs};
use super::output::{Outcome, print};
use trainyard::config::{self, RunConfig};
use trainyard::data::explain::{self, Prepared};
use trainyard::train::{DataPlugins, RunFolder};
use trainyard::{Error, Result};

/// The config of a run, in its folder.
const CONFIG: &str = "config.toml";

pub fn why(args: &WhyArgs) -> Outcome {
    let (prepared, config) = args.prepared.open()?;
    let plugins = config.as_ref().map(DataPlugins::open).transpose()?;
    let filters = plugins.as_ref().map(DataPlugins::named_filters);
    print(&explain::why(&prepared, &args.id, filters.as_deref())?, args.json)
}

pub fn drops(args: &DropsArgs) -> Outcome {
    let (prepared, _) = args.prepared.open()?;
    let table = explain::drops(&prepared, args.samples)?;
    if let Some(path) = &args.html {
        let page = explain::page(&args.prepared.input.display().to_string(), &table);
        std::fs::write(path, page).map_err(|error| Error::io(path, "write", &error))?;
    }
    print(&table, args.json)
}

pub fn rethreshold(args: &RethresholdArgs) -> Outcome {
    let (prepared, config) = args.prepared.open()?;
    let Some(config) = config else {
        let input = args.prepared.input.display();
        return Err(
            Error::usage(format!("{input}: expected a config, or a run with one, got a dataset without")).into()
        );
    };
    let plugins = DataPlugins::open(&config)?;
    print(&explain::rethreshold(&prepared, &plugins.named_filters(), args.list)?, args.json)
}

impl PreparedArgs {
    /// The prepared data, and the config where there is one.
    fn open(&self) -> Result<(Prepared, Option<RunConfig>)> {
        if self.input.is_dir() {
            RunFolder::recover(&self.input)?;
            let path = self.input.join(CONFIG);
            let config = path.is_file().then(|| config::load(&path, &self.set)).transpose()?;
            return Ok((Prepared::open(&self.input)?, config));
        }
        let config = config::load(&self.input, &self.set)?;
        let run = config.run.dir.join(&config.run.name);
        RunFolder::recover(&run)?;
        Ok((Prepared::newest(&config.data, &config.store(), &run)?, Some(config)))
    }
}
