//! The conformance suite: holds a plugin to the contract, on inputs that its author did not think of.
//!
//! Every kind has its laws ([`tokenizer`], [`filter`], [`graph`], [`text_metric`], [`model`]); all of them are asked
//! for identity and settings ([`settings`]), for determinism, and for independence of batches, order and threads.
//! Random inputs come from one seed, so that a report can be replayed. Native code runs in a child process, where it
//! can only hurt itself.

mod filter;
mod gradient;
mod graph;
mod input;
mod measures;
mod model;
mod report;
mod settings;
#[cfg(test)]
mod tests;
mod text_metric;
mod tokenizer;

pub use report::{CheckLine, CheckReport, Outcome};

use crate::Result;
use crate::plugin::{Isolation, Plugin, PluginConfig, inspect};
use input::Inputs;
use std::fmt::Debug;
use std::path::Path;
use trainyard_plugin::{Kind, PluginError};

/// What to check with.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Seed of all random inputs.
    pub seed: u64,
    /// Random inputs.
    pub cases: usize,
    /// A tokenizer's model, for one that cannot be trained.
    pub model: Option<Vec<u8>>,
    /// Another form of the same plugin: it must answer the same.
    pub other: Option<PluginConfig>,
}

/// Checks the plugin that `config` names, with its settings.
///
/// # Errors
/// A file that cannot be read or is no plugin for this host; what a plugin does wrong is in the report.
pub fn check(config: &PluginConfig, options: &CheckOptions) -> Result<CheckReport> {
    let plugin = open(config)?;
    let other = options.other.as_ref().map(open).transpose()?;
    let inputs = Inputs::new(options.seed, options.cases);
    let mut report = CheckReport::new(&plugin, options.seed);
    settings::check(&mut report, &plugin, config);
    let subject = Subject { plugin: &plugin, other: other.as_ref(), inputs: &inputs, options };
    match plugin.identity().kind {
        Kind::Tokenizer => tokenizer::check(&mut report, &subject),
        Kind::Filter => filter::check(&mut report, &subject),
        Kind::Loss | Kind::Metric => graph::check(&mut report, &subject),
        Kind::TextMetric => text_metric::check(&mut report, &subject),
        Kind::Model => model::check(&mut report, &subject),
    }
    Ok(report)
}

/// Opens a plugin of any kind, native code in a process of its own.
fn open(config: &PluginConfig) -> Result<Plugin> {
    let mut config = config.clone();
    let inspection = inspect(Path::new(&config.plugin))?;
    if inspection.backend == "native" {
        config.isolation = Some(Isolation::Process);
    }
    // a check is for the plugin's author, who knows
    config.draft |= inspection.stability == "draft";
    Plugin::open_any(&config, &Kind::ALL)
}

/// What is checked, and with what.
struct Subject<'a> {
    plugin: &'a Plugin,
    other: Option<&'a Plugin>,
    inputs: &'a Inputs,
    options: &'a CheckOptions,
}

/// Instances on as many threads, to find state that they share.
const THREADS: usize = 4;

impl Subject<'_> {
    /// What `work` makes of the plugin, which must be the same on every thread as here.
    fn same_on_threads<T: PartialEq + Send + Sync>(&self, work: impl Fn(&Plugin) -> Found<T> + Sync) -> Found<String> {
        let here = work(self.plugin)?;
        let same = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..THREADS).map(|_| scope.spawn(|| Ok(work(self.plugin)? == here) as Found<bool>)).collect();
            let mut same = true;
            for thread in threads {
                same &= thread.join().map_err(|_| Defect("a thread of the check panicked".into()))??;
            }
            Ok(same) as Found<bool>
        })?;
        match same {
            true => Ok(format!("{THREADS} instances on {THREADS} threads")),
            false => {
                Err(Defect("an instance on another thread answers otherwise: instances must share nothing".into()))
            }
        }
    }

    /// What `work` makes of the other form of the plugin, which must be what it makes of this one.
    fn same_in_other_form<T: PartialEq>(&self, report: &mut CheckReport, work: impl Fn(&Plugin) -> Found<T>) {
        let Some(other) = self.other else { return };
        report.add(
            "other-form",
            (|| match work(self.plugin)? == work(other)? {
                true => Ok(format!("answers as {}", other.culprit())),
                false => Err(Defect(format!("answers otherwise than {}", other.culprit()))),
            })(),
        );
    }
}

/// What a check found: what it did, or the defect.
type Found<T> = std::result::Result<T, Defect>;

/// Why a check fails.
#[derive(Debug, Clone, PartialEq)]
struct Defect(String);

impl From<PluginError> for Defect {
    fn from(error: PluginError) -> Self {
        Self(error.message)
    }
}

impl From<crate::Error> for Defect {
    fn from(error: crate::Error) -> Self {
        Self(error.to_string())
    }
}

/// Fails with what differs: `what` names both sides.
fn equal<T: PartialEq + Debug>(left: &T, right: &T, what: impl FnOnce() -> String) -> Found<()> {
    match left == right {
        true => Ok(()),
        false => Err(Defect(format!("{}: {} and {}", what(), short(left), short(right)))),
    }
}

/// A value in a message.
fn short(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
