//! `trainyard plugin new|list|dev|build|inspect|check`.

use super::args::TrustArgs;
use super::dev as dev_command;
use super::output::{Outcome, print, write};
use super::plugin_args::PluginCommand;
use super::settings::plugin_config;
use serde_json::json;
use std::path::{Path, PathBuf};
use trainyard::base::clean;
use trainyard::base::files::{MAX_BINARY_BYTES, read_file};
use trainyard::check::{CheckOptions, Outcome as CheckResult, check};
use trainyard::dev;
use trainyard::loss::Program;
use trainyard::plugin::{Forms, NewPlugin, Plugin, build_all, inspect, is_builtin_only, list, search_path};
use trainyard::run::RunConfig;
use trainyard::{Error, Result};
use trainyard_plugin::graph::ops::OPS;
use trainyard_plugin::{Graph, Kind};

pub fn run(command: &PluginCommand) -> Outcome {
    match command {
        PluginCommand::Inspect { file, graph, config, trust, json } => {
            let formula = match graph {
                true => Some(formula(file, config.as_deref(), trust)?),
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
        PluginCommand::Dev(args) => dev_command::run(args),
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
        PluginCommand::Build { dir, config, wasm, native } => {
            let plugins = match config {
                Some(config) => dev::named(&RunConfig::load(config, &[])?),
                None => Vec::new(),
            };
            build_plugins(dir, plugins, Forms { wasm: *wasm, native: *native })
        }
    }
}

/// Builds the plugins in `dirs` in these forms, or in all that they have where none is asked for, and the `named` ones.
fn build_plugins(dirs: &[PathBuf], named: Vec<(PathBuf, Forms)>, asked: Forms) -> Outcome {
    let mut plugins = named;
    for dir in dirs {
        if dirs.len() > 1 && is_builtin_only(dir) {
            eprintln!("{}: is a part of the host, nothing to build", dir.display());
            continue;
        }
        let forms = if asked.wasm || asked.native { asked } else { Forms::all(dir)? };
        plugins.push((dir.clone(), forms));
    }
    let files = build_all(&plugins)?;
    files.iter().try_for_each(|file| write(format!("{}\n", file.display()).as_bytes()))
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

/// Another one each time: inputs that nobody tried before.
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
fn formula(file: &str, settings: Option<&str>, trust: &TrustArgs) -> Result<String> {
    let plugin = Plugin::open_any(&plugin_config(file, settings, trust)?, &Kind::ALL)?;
    let graph: Graph = match plugin.identity().kind {
        Kind::Loss => plugin.loss()?.describe()?,
        Kind::Metric => plugin.metric()?.describe()?,
        kind => {
            return Err(Error::usage(format!("{file} is a {kind}: --graph is for losses and metrics over tokens")));
        }
    };
    let inputs: Vec<_> = OPS.iter().map(|op| op.name).filter(|name| name.starts_with("input.")).collect();
    let program = Program::compile(&[&graph], &inputs).map_err(|error| error.context(plugin.culprit()))?;
    Ok(program.explain())
}
