//! `trainyard plugin new|list|dev|build|inspect|check|card`.

use super::build::{self, BuildArgs};
use super::card::{self, CardArgs};
use super::dev::{self, DevArgs};
use super::output::{Outcome, print, write};
use super::settings::{TrustArgs, plugin_config};
use clap::Subcommand;
use serde_json::json;
use std::path::{Path, PathBuf};
use trainyard::base::clean;
use trainyard::base::files::{MAX_BINARY_BYTES, read_file};
use trainyard::check::{CheckOptions, Outcome as CheckResult, check};
use trainyard::loss::Program;
use trainyard::model::explain;
use trainyard::plugin::{Language, NewPlugin, Plugin, PluginConfig, inspect, list, listing, search_path};
use trainyard::{Error, Result};
use trainyard_plugin::network::check_for;
use trainyard_plugin::{Graph, Kind, Sizes};

/// Sizes that a model is described for
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct SizeArgs {
    /// Tokens of the vocabulary, for --graph of a model
    #[arg(long, value_name = "N", default_value_t = 50_257, requires = "graph")]
    vocab: u32,
    /// Longest sequence in tokens, for --graph of a model
    #[arg(long, value_name = "N", default_value_t = 1024, requires = "graph")]
    context: u32,
    /// Classes of a classifier, for --graph of a model
    #[arg(long, value_name = "N", default_value_t = 0, requires = "graph")]
    labels: u32,
}

/// Create, build, inspect and test plugins
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard plugin inspect target/plugins/focal.wasm --graph
  trainyard plugin build plugins/focal                   both forms, into target/plugins/
  trainyard plugin new my-filter --kind filter --lang python")]
pub enum PluginCommand {
    /// Create the folder of a new plugin: a small working one, with a test and a README
    New {
        /// The plugin's name: lower case, digits and hyphens
        name: String,
        /// The plugin's kind
        #[arg(long, value_parser = kind)]
        kind: Kind,
        /// Its language: rust, c, python or js
        #[arg(long, default_value = "rust", value_parser = language)]
        lang: Language,
        /// The folder to create (default: the plugin's name)
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Path to the trainyard-plugin crate (Rust only; default: next to this program's sources)
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Show a plugin's name, version, contract, imports and settings, without running it
    Inspect {
        /// A plugin's file, or the name of a built-in
        file: String,
        /// Run the plugin and show the formula or the network that it describes; for losses, metrics over tokens and
        /// models
        #[arg(long)]
        graph: bool,
        #[command(flatten)]
        sizes: SizeArgs,
        /// The settings for --graph: a TOML file, or TOML itself, such as 'gamma = 1.5'
        #[arg(long, value_name = "TOML", requires = "graph")]
        config: Option<String>,
        #[command(flatten)]
        trust: TrustArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show the built-in plugins, and those in a folder
    ///
    /// Without a folder it looks into those of TRAINYARD_PLUGIN_PATH, target/plugins and plugins. Files that this
    /// program cannot use are shown with the reason.
    List {
        /// Folders with plugins
        dir: Vec<PathBuf>,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    Dev(DevArgs),
    /// Run the conformance tests of a plugin's kind
    ///
    /// Checks identity and settings, determinism, independence of batches, order and threads, and the laws of the kind:
    /// round trips over nasty Unicode, merging of states, gradients against finite differences, and so on. Native code
    /// runs in a child process. The exit code is 3 when a check fails.
    #[command(after_help = "\
Examples:
  trainyard plugin check target/plugins/focal.wasm
  trainyard plugin check target/plugins/libfocal.so --trust native --config 'gamma = 1.5'
  trainyard plugin check target/plugins/bpe.wasm --other bpe --json
  trainyard plugin check hf-tokenizer --model tokenizer.json --seed 42")]
    Check {
        /// A plugin's file, or the name of a built-in
        file: String,
        /// The plugin's settings: a TOML file, or TOML itself, such as 'gamma = 1.5'
        #[arg(long, value_name = "TOML")]
        config: Option<String>,
        #[command(flatten)]
        trust: TrustArgs,
        /// Seed of the random inputs (default: a new one each time, which is printed)
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// Number of random inputs
        #[arg(long, value_name = "N", default_value_t = 200)]
        cases: usize,
        /// The model of a tokenizer that cannot be trained
        #[arg(long)]
        model: Option<PathBuf>,
        /// Another form of the same plugin, which must answer the same: a file, or a built-in's name
        #[arg(long, value_name = "P")]
        other: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    Card(CardArgs),
    Build(BuildArgs),
}

pub fn run(command: &PluginCommand) -> Outcome {
    match command {
        PluginCommand::Inspect { file, graph, sizes, config, trust, json } => {
            let formula = match graph {
                true => Some(formula(file, config.as_deref(), sizes, trust)?),
                false => None,
            };
            show(file, formula, *json)
        }
        PluginCommand::New { name, kind, lang, dir, sdk } => {
            let dir = dir.clone().unwrap_or_else(|| name.into());
            let plugin = NewPlugin { name: name.clone(), kind: *kind, language: *lang, dir, sdk: sdk.clone() };
            plugin.write()?;
            write(format!("{}\n", plugin.dir.display()).as_bytes())
        }
        PluginCommand::List { dir, json } => list_plugins(dir, *json),
        PluginCommand::Dev(args) => dev::run(args),
        PluginCommand::Check { file, config, trust, seed, cases, model, other, json } => {
            let seed = seed.unwrap_or_else(fresh_seed);
            let read =
                |path| read_file(path, MAX_BINARY_BYTES).map_err(|error| Error::io(path, "read the model", &error));
            let form = |file: &String| plugin_config(file, config.as_deref(), trust);
            let options = CheckOptions {
                seed,
                cases: *cases,
                model: model.as_deref().map(read).transpose()?,
                other: other.as_ref().map(form).transpose()?,
            };
            let report = check(&form(file)?, &options)?;
            print(&report, *json)?;
            match report.count(CheckResult::Fail) {
                0 => Ok(()),
                n => {
                    Err(Error::plugin(format!("{}: {n} of {} checks failed", report.plugin, report.checks.len()))
                        .into())
                }
            }
        }
        PluginCommand::Card(args) => card::run(args),
        PluginCommand::Build(args) => build::run(args),
    }
}

fn list_plugins(dirs: &[PathBuf], as_json: bool) -> Outcome {
    let listed = match dirs {
        [] => list(&search_path(), false)?,
        _ => list(dirs, true)?,
    };
    let text = match as_json {
        true => format!("{}\n", json!(listed)),
        false => listed.iter().map(|plugin| format!("{plugin}\n")).collect(),
    };
    write(text.as_bytes())
}

/// A different seed each time, for inputs that were not tried before.
fn fresh_seed() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since_1970.as_millis() as u64 % 1_000_000
}

fn show(file: &str, formula: Option<String>, as_json: bool) -> Outcome {
    let inspection = inspect(Path::new(file))?;
    let text = match (as_json, formula) {
        (true, formula) => {
            let mut object = json!(inspection);
            if let Some(formula) = formula {
                object["graph"] = formula.into();
            }
            format!("{object}\n")
        }
        (false, Some(formula)) => format!("{inspection}\n{}\n", clean::text(&formula)),
        (false, None) => inspection.to_string(),
    };
    write(text.as_bytes())
}

/// What the plugin describes, as the host will compute it.
fn formula(file: &str, settings: Option<&str>, sizes: &SizeArgs, trust: &TrustArgs) -> Result<String> {
    // whoever looks at a plugin may look at a draft
    let is_draft = inspect(Path::new(file))?.stability == "draft";
    let config = plugin_config(file, settings, trust)?;
    let plugin = Plugin::open_any(&PluginConfig { draft: is_draft, ..config }, &Kind::ALL)?;
    let graph: Graph = match plugin.identity().kind {
        Kind::Loss => plugin.loss()?.describe()?,
        Kind::Metric => plugin.metric()?.describe()?,
        Kind::Model => return network(&plugin, sizes),
        kind => {
            return Err(Error::usage(format!(
                "{file} is a {kind}: --graph is for losses, metrics over tokens and models"
            )));
        }
    };
    let program = Program::compile(&[&graph]).map_err(|error| error.context(plugin.culprit()))?;
    Ok(program.explain())
}

/// The network that a model describes, layer by layer.
fn network(plugin: &Plugin, sizes: &SizeArgs) -> Result<String> {
    let SizeArgs { vocab, context, labels } = *sizes;
    let sizes = Sizes::new(vocab, context).labels(labels);
    let network = plugin.model()?.describe(&sizes)?;
    let types = check_for(&network, &sizes)?;
    Ok(format!("{}\n\n{}", listing(&network, &types), explain(&network, &sizes)?))
}

fn kind(text: &str) -> std::result::Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| format!("expected one of {}", Kind::ALL.map(Kind::name).join(", ")))
}

fn language(text: &str) -> std::result::Result<Language, String> {
    let found = Language::ALL.into_iter().find(|language| language.name() == text);
    found.ok_or_else(|| format!("expected one of {}", Language::ALL.map(Language::name).join(", ")))
}
