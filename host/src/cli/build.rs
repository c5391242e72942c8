//! `trainyard plugin build`.

use super::output::{Outcome, write};
use clap::Args;
use std::path::PathBuf;
use trainyard::dev;
use trainyard::plugin::{Forms, build_all, is_builtin_only};
use trainyard::run::RunConfig;

/// Build the folders of plugins; prints the files made
///
/// Crates of one workspace are built together. Of several folders, those of plugins that are parts of the host are
/// skipped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trainyard plugin build plugins/focal                       both forms, into target/plugins/
  trainyard plugin build plugins/* --wasm                    every plugin here as a component
  trainyard plugin build --for configs/austen.toml           what a run needs, in the form that it names")]
pub struct BuildArgs {
    /// The folders, each with a Cargo.toml or a plugin.toml
    #[arg(required_unless_present = "config")]
    pub dir: Vec<PathBuf>,
    /// Build the plugins whose files this config names and whose sources are beside them
    #[arg(long = "for", value_name = "CONFIG", conflicts_with_all = ["wasm", "native"])]
    pub config: Option<PathBuf>,
    /// Build the WASM component; every form that the language has if none is asked for
    #[arg(long)]
    pub wasm: bool,
    /// Build the native library, of Rust or C
    #[arg(long)]
    pub native: bool,
}

pub fn run(args: &BuildArgs) -> Outcome {
    let mut plugins = match &args.config {
        Some(config) => dev::named(&RunConfig::load(config, &[])?),
        None => Vec::new(),
    };
    let asked = Forms { wasm: args.wasm, native: args.native };
    for dir in &args.dir {
        if args.dir.len() > 1 && is_builtin_only(dir) {
            eprintln!("{}: is a part of the host, nothing to build", dir.display());
            continue;
        }
        let forms = if asked.wasm || asked.native { asked } else { Forms::all(dir)? };
        plugins.push((dir.clone(), forms));
    }
    let files = build_all(&plugins)?;
    files.iter().try_for_each(|file| write(format!("{}\n", file.display()).as_bytes()))
}
