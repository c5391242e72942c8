//! Runs with a plugin, and runs with the default of its kind: does it help?

use super::CardOptions;
use super::text::Texts;
use crate::base::dirs;
use crate::experiments::{CompareOptions, Comparison};
use crate::plugin::{Inspection, PluginConfig};
use crate::report::Counter;
use crate::run::{RunConfig, VERSION};
use crate::sweep::{Axis, Base, Design, Event, Options, Plan, Runner, Seeds, Sweep, Values};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What a trial found.
pub struct Trial {
    /// The comparison, where there is one.
    pub comparison: Option<Comparison>,
    /// What was compared, or why nothing was.
    pub text: String,
}

/// A run that takes seconds. The plugins of each kind are the defaults that others are compared with.
const BASE: &str = "\
[tokenizer]
plugin = \"bpe\"
config.vocab_size = 1024
[model]
plugin = \"gpt2\"
context = 128
config.layers = 2
config.heads = 2
config.width = 96
[loss]
plugin = \"cross-entropy\"
[[metric]]
plugin = \"bits-per-byte\"
[optimizer]
lr = 2e-3
[schedule]
warmup = 0.1
[sample]
tokens = 0
[report]
page = false
";

/// Trains and compares.
///
/// # Errors
/// A signal that asks the program to end, a folder that cannot be written.
pub fn trial(config: &PluginConfig, of: &Inspection, texts: &Texts, options: &CardOptions) -> Result<Trial> {
    let without = |text: String| Trial { comparison: None, text };
    let Some((key, default)) = place(&of.kind) else {
        return Ok(without("A metric changes nothing of what is trained: there is nothing to compare.".to_owned()));
    };
    if of.name == default && of.backend == "builtin" {
        return Ok(without("This is the default of its kind: there is nothing to compare it with.".to_owned()));
    }
    match trained(key, config, texts, options)? {
        Err(why) => Ok(without(format!("Nothing was compared: {why}."))),
        Ok(comparison) => {
            let (name, seeds, steps, n) = (&of.name, options.seeds, options.steps, texts.n_held_out);
            let text = format!(
                "Runs with {name} are compared with runs with {default}, seed by seed: {seeds} seeds, {steps} steps \
                 each, measured on {n} documents that no filter saw. What helps such small runs need not help large \
                 ones."
            );
            Ok(Trial { comparison: Some(comparison), text })
        }
    }
}

/// Where a config names a plugin of the kind, and the default there; none of kinds that change nothing of a model.
fn place(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "tokenizer" => Some(("tokenizer", "bpe")),
        "filter" => Some(("data.filter", "no filter")),
        "loss" => Some(("loss", "cross-entropy")),
        "model" => Some(("model", "gpt2")),
        _ => None,
    }
}

/// The comparison of runs with and without the plugin at `key`, or why there is none.
fn trained(
    key: &str,
    config: &PluginConfig,
    texts: &Texts,
    options: &CardOptions,
) -> Result<std::result::Result<Comparison, String>> {
    let sweep = sweep(key, config, texts, options)?;
    let current = std::env::current_dir().map_err(|error| Error::run(format!("the current folder: {error}")))?;
    let base = Base::new(&sweep.base, &RunConfig::load(&sweep.base, &sweep.set)?.to_toml()?, &current)?;
    let cells = sweep.cells(&base)?;
    // every mistake is found before the first run
    if let Some(error) = cells.iter().find_map(|cell| RunConfig::load(&base.path, &cell.sets).err()) {
        return Ok(Err(error.to_string()));
    }
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let program = dirs::program().map_err(|error| Error::run(format!("this program: {error}")))?;
    let run_options = Options { program, version: VERSION.to_owned(), threads: Some(1) };
    let mut runner = Runner::new(Plan::new(sweep, base, jobs, None)?, run_options)?;
    let counter = Counter::of("runs", Some(cells.len() as u64));
    while let Some(event) = runner.next_event()? {
        tracing::info!("{event}");
        if matches!(event, Event::Finished { .. } | Event::Broken(_)) {
            counter.count();
        }
    }
    counter.finish();
    let outcome = runner.outcome();
    if let Some(signal) = outcome.interrupted {
        return Err(Error::interrupted(signal, "no card was written"));
    }
    if let Some(broken) = outcome.broken.first() {
        return Ok(Err(format!("{}: {}", broken.cell, broken.failure.error)));
    }
    let baseline = cells.first().map(|cell| cell.folder.display().to_string());
    let options = CompareOptions { baseline, ..CompareOptions::default() };
    Ok(Comparison::of(std::slice::from_ref(&outcome.folder), &options).map_err(|error| error.to_string()))
}

/// The sweep over both, with its base config beside the texts.
fn sweep(key: &str, config: &PluginConfig, texts: &Texts, options: &CardOptions) -> Result<Sweep> {
    let folder = texts.train.parent().unwrap_or(Path::new("."));
    let path = folder.join("card.toml");
    let named = |path: &Path| Value::from(path.display().to_string());
    let text = format!(
        "[run]\ndir = {}\n[data]\nvalidation = 0.0\ntest = 0.0\n[[data.source]]\npath = {}\n[data.held_out]\npath = {}\n\
         [train]\nsteps = {}\nbatch = 8\nthreads = 1\nvalidate_every = 0\ncheckpoint_every = 0\n{BASE}",
        named(folder),
        named(&texts.train),
        named(&texts.held_out),
        options.steps,
    );
    std::fs::write(&path, text).map_err(|error| Error::io(&path, "write", &error))?;
    let base: Table = BASE.parse().map_err(|error| Error::run(format!("the config of a card: {error}")))?;
    let plugin = Value::Table(table(config)?);
    let values = match base.get(key) {
        Some(default) => vec![default.clone(), plugin],
        // a list, of which the default is empty
        None => vec![Value::Array(Vec::new()), Value::Array(vec![plugin])],
    };
    Ok(Sweep {
        base: path,
        name: "card".to_owned(),
        seeds: Seeds::Count(options.seeds),
        design: Design::Grid,
        set: Vec::new(),
        axes: vec![Axis { key: key.to_owned(), values: Values::List(values) }],
        random: None,
        halving: None,
    })
}

/// The table of a config that names the plugin, wherever the config is.
fn table(config: &PluginConfig) -> Result<Table> {
    let mut table = Table::try_from(config).map_err(|error| Error::run(format!("the plugin as TOML: {error}")))?;
    if let Some(file) = config.file() {
        let file: PathBuf = std::path::absolute(file).map_err(|error| Error::io(Path::new(file), "find", &error))?;
        table.insert("plugin".to_owned(), Value::from(file.display().to_string()));
    }
    // a card says nothing of limits and policies: the names of runs are what is set
    ["limits", "on_error", "max_errors"].iter().for_each(|key| drop(table.remove(*key)));
    Ok(table)
}
