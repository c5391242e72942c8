//! Bad plugins of all kinds and forms: each gives one line that names the culprit, what was expected, what it got and
//! what to do. The host survives them all.

mod cases; // the table
mod compile; // what takes a compiler for ever
mod components; // what no Rust guest can do
mod endless; // files without an end
mod files; // what is no plugin, or not the one that it says
mod leaks;
mod libraries; // what no Rust guest can do
mod networks; // what models answer
mod noise; // prints
mod policy; // `on_error`

use crate::plugins::{built, config, isolated};
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::{Kind, Sizes, TextPair};

/// Where a hostile plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Wasm,
    Native,
    /// The component in a process of its own.
    WasmProcess,
    /// The library in a process of its own.
    NativeProcess,
}

/// The hostile guest of a kind.
fn guest(kind: Kind) -> &'static str {
    match kind {
        Kind::Tokenizer => "tests/guests/hostile",
        Kind::Filter => "tests/guests/hostile-filter",
        Kind::Loss => "tests/guests/hostile-loss",
        Kind::Metric => "tests/guests/hostile-metric",
        Kind::TextMetric => "tests/guests/hostile-text-metric",
        Kind::Model => "tests/guests/hostile-model",
    }
}

/// The hostile guest of a kind with a behaviour.
pub fn hostile(kind: Kind, form: Form, behaviour: &str, change: impl FnOnce(&mut PluginConfig)) -> Plugin {
    let (files, settings) = (built(guest(kind)), format!("behaviour = {behaviour:?}"));
    let mut config = match form {
        Form::Wasm => config(files.wasm.display().to_string(), &settings),
        Form::Native => config(files.native.display().to_string(), &settings),
        Form::WasmProcess => isolated(&files.wasm, &settings),
        Form::NativeProcess => isolated(&files.native, &settings),
    };
    config.limits.memory_mb = 64;
    change(&mut config);
    Plugin::open(&config, kind).expect("the file itself is a plugin")
}

/// An error without the digest, which changes with the compiler, and without the lines of panics.
pub fn text(plugin: &Plugin, error: impl ToString) -> String {
    let error = error.to_string().replace(&plugin.stamp().sha256[..4], "DIGEST");
    match error.split_once("src/lib.rs:") {
        Some((before, after)) => {
            format!(
                "{before}src/lib.rs:LINE{}",
                after.trim_start_matches(|char: char| char.is_ascii_digit() || char == ':')
            )
        }
        None => error,
    }
}

const TEXTS: [&str; 2] = ["é one", "two"];

/// Calls every function in its order. The first error, as a user sees it.
pub fn exercise(plugin: &Plugin, kind: Kind) -> Result<(), String> {
    let run = || -> trainyard::Result<()> {
        match kind {
            Kind::Tokenizer => {
                let mut tokenizer = plugin.tokenizer()?;
                tokenizer.observe(&TEXTS)?;
                let model = tokenizer.train()?;
                tokenizer.load(&model)?;
                let batch = tokenizer.encode(&TEXTS)?;
                tokenizer.decode(&batch)?;
            }
            Kind::Filter => {
                let mut filter = plugin.filter()?;
                if filter.two_pass() {
                    filter.observe(&TEXTS)?;
                    let state = filter.state()?;
                    filter.merge(&state)?;
                }
                filter.judge(&TEXTS)?;
            }
            Kind::Loss => {
                let graph = plugin.loss()?.describe()?;
                trainyard::loss::Program::compile(&[&graph])?;
            }
            Kind::Metric => {
                let metric = plugin.metric()?;
                metric.info()?;
                metric.describe()?;
            }
            Kind::TextMetric => {
                let mut metric = plugin.text_metric()?;
                metric.info()?;
                metric.update(&[TextPair { hypothesis: TEXTS[0], references: vec![TEXTS[1]] }])?;
                let state = metric.state()?;
                metric.merge(&state)?;
                metric.value()?;
            }
            Kind::Model => {
                let model = plugin.model()?;
                let sizes = Sizes::new(50, 16);
                model.describe(&sizes)?;
                model.describe(&sizes)?;
                let config = model.export(&sizes)?;
                model.import(&config)?;
            }
        }
        Ok(())
    };
    run().map_err(|error| text(plugin, error))
}
