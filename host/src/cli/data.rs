//! `trainyard data`: what is in the documents.

use super::data_args::{DataCommand, FeaturesArgs, InputArgs, Kind, StatsArgs};
use super::explain;
use super::output::{Outcome, print};
use trainyard::corpus::survey::features::{self, FeatureKind, FeatureOptions};
use trainyard::corpus::survey::stats;
use trainyard::corpus::{DataConfig, SourceConfig};
use trainyard::run::RunConfig;
use trainyard::{Error, Result};

pub fn run(command: &DataCommand) -> Outcome {
    match command {
        DataCommand::Stats(args) => count(args),
        DataCommand::Features(args) => extract(args),
        DataCommand::Why(args) => explain::why(args),
        DataCommand::Drops(args) => explain::drops(args),
        DataCommand::Rethreshold(args) => explain::rethreshold(args),
    }
}

fn count(args: &StatsArgs) -> Outcome {
    let options = stats::StatsOptions {
        words: args.words,
        lowercase: args.lowercase,
        top: args.top,
        memory_bytes: args.memory << 20,
    };
    print(&stats::collect(&args.input.sources()?, &options, &std::env::temp_dir())?, args.json)
}

fn extract(args: &FeaturesArgs) -> Outcome {
    let options = FeatureOptions {
        kind: match args.kind {
            Kind::Counts => FeatureKind::Counts,
            Kind::Tfidf => FeatureKind::Tfidf,
            Kind::Hashing => FeatureKind::Hashing(args.columns),
        },
        tokens: args.words,
        lowercase: !args.case_sensitive,
        ngrams: args.ngrams.0..=args.ngrams.1,
        min_df: args.min_df,
        max_df: args.max_df,
        max_features: args.max_features,
        sublinear: args.sublinear,
        single: args.single,
        neighbours: args.neighbours,
    };
    print(&features::extract(&args.input.sources()?, &options, &args.out)?, args.json)
}

impl InputArgs {
    /// The sources of the config, or the files as sources.
    fn sources(&self) -> Result<DataConfig> {
        let is_config = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        match self.input.as_slice() {
            [path] if is_config(path) => Ok(RunConfig::load(path, &self.set)?.data),
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
