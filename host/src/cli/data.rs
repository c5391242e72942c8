//! `trainyard data`: what is in the documents.

use super::data_args::{DataCommand, InputArgs, StatsArgs};
use super::output::{Outcome, print};
use trainyard::data::{DataConfig, SourceConfig, stats};
use trainyard::{Error, Result, config};

pub fn run(command: &DataCommand) -> Outcome {
    match command {
        DataCommand::Stats(args) => count(args),
    }
}

fn count(args: &StatsArgs) -> Outcome {
    let options = stats::StatsOptions {
        words: args.input.words,
        lowercase: args.lowercase,
        top: args.top,
        memory_bytes: args.input.memory << 20,
    };
    print(&stats::collect(&args.input.sources()?, &options, &std::env::temp_dir())?, args.json)
}

impl InputArgs {
    /// The sources of the config, or the files as sources.
    fn sources(&self) -> Result<DataConfig> {
        let is_config = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        match self.input.as_slice() {
            [path] if is_config(path) => Ok(config::load(path, &self.set)?.data),
            paths if paths.iter().any(is_config) => {
                Err(Error::usage("data: expected one config, or files and folders, got both; name one of them"))
            }
            _ if !self.set.is_empty() => {
                Err(Error::usage("--set: expected a config to change, got files; put the setting into a config"))
            }
            paths => Ok(DataConfig::new(paths.iter().map(SourceConfig::new).collect())),
        }
    }
}
