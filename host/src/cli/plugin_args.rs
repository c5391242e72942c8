//! The command line of `trainyard plugin`: what its `--help` shows.

use super::args::TrustArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use trainyard::plugin::Language;
use trainyard_plugin::Kind;

/// Look into plugins and build them
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  trainyard plugin inspect target/plugins/focal.wasm --graph
  trainyard plugin build plugins/focal                   both forms, into target/plugins/
  trainyard plugin new my-filter --kind filter --lang python")]
pub enum PluginCommand {
    /// Make the folder of a new plugin: a small real one, its test and a README
    New {
        /// The plugin's name: lower case, digits and hyphens
        name: String,
        /// What it is for
        #[arg(long, value_parser = kind)]
        kind: Kind,
        /// What it is written in: rust, c, python or js
        #[arg(long, default_value = "rust", value_parser = language)]
        lang: Language,
        /// The folder to make; its name is the plugin's if not given
        #[arg(long)]
        dir: Option<PathBuf>,
        /// The folder of the crate trainyard-plugin, for Rust; the one beside this program's sources if not given
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Show who a plugin is, its contract, imports and settings, without running it
    Inspect {
        /// A plugin's file, or the name of a built-in
        file: String,
        /// Run the plugin and show the formula that it describes; for losses and metrics over tokens
        #[arg(long)]
        graph: bool,
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
    /// Hold a plugin to the contract: the conformance suite
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
        /// Of the random inputs; a new one each time if not given, and printed
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// Random inputs
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
    /// Build the folders of plugins; prints the files made
    ///
    /// Crates of one workspace are built together. With several folders, plugins that are parts of the host are skipped.
    #[command(after_help = "\
Examples:
  trainyard plugin build plugins/focal                       both forms, into target/plugins/
  trainyard plugin build plugins/* --wasm                    every plugin here as a component
  trainyard plugin build --for configs/austen.toml           what a run needs, in the form that it names")]
    Build {
        /// The folders, each with a Cargo.toml or a plugin.toml
        #[arg(required_unless_present = "config")]
        dir: Vec<PathBuf>,
        /// Build the plugins whose files this config names and whose sources are beside them
        #[arg(long = "for", value_name = "CONFIG", conflicts_with_all = ["wasm", "native"])]
        config: Option<PathBuf>,
        /// Build the WASM component; every form that the language has if none is asked for
        #[arg(long)]
        wasm: bool,
        /// Build the native library, of Rust or C
        #[arg(long)]
        native: bool,
    },
}

/// Watch the sources of a config's plugins: build, load and try them on every save
///
/// A filter judges the first documents of the config's data, a tokenizer learns and encodes them, a loss or metric
/// shows its formula. A version that does not build, load or work leaves the one before in place. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard plugin dev configs/austen.toml                       every plugin with its sources beside it
  trainyard plugin dev my.toml --plugin my-loss                  one of them, whose sources are in my-loss
  trainyard plugin dev configs/austen.toml --once                once, for scripts")]
pub struct DevArgs {
    /// The config, a TOML file
    pub config: PathBuf,
    /// The folder of a plugin to work on; may be given several times
    #[arg(long, value_name = "DIR")]
    pub plugin: Vec<PathBuf>,
    /// Change a setting of the config; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Build and try once, and end
    #[arg(long)]
    pub once: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| format!("expected one of {}", Kind::ALL.map(Kind::name).join(", ")))
}

fn language(text: &str) -> Result<Language, String> {
    let found = Language::ALL.into_iter().find(|language| language.name() == text);
    found.ok_or_else(|| format!("expected one of {}", Language::ALL.map(Language::name).join(", ")))
}
