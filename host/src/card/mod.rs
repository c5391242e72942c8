//! `plugin card`: what a vendor shows of a plugin. Conformance, cost and a comparison with the default of its kind are
//! those of `check`, `bench` and `sweep`, on one page.

mod cost;
mod text;
mod trial;

use crate::base::write::write_file;
use crate::check::{CheckLine, CheckOptions, CheckReport, Outcome, check};
use crate::experiments::{CARD_GENERATOR, Card, CardCheck, CardSetting, Report};
use crate::plugin::{Inspection, PluginConfig, inspect};
use crate::report::now;
use crate::run::VERSION;
use crate::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use text::Texts;

/// Seed of the random inputs of the checks: the card of a plugin that is made again says the same.
const CHECK_SEED: u64 = 1;

/// How a card is made.
#[derive(Debug, Clone)]
pub struct CardOptions {
    /// Text that runs learn and are measured on.
    pub text: PathBuf,
    /// Runs with the plugin, and as many without it.
    pub seeds: u64,
    /// Steps of each run.
    pub steps: u64,
    /// Random inputs of the checks.
    pub cases: usize,
}

/// Makes the card of the plugin that `config` names, with what the checks found. Texts and runs are in the folder
/// `scratch`.
///
/// # Errors
/// A file that is no plugin, text that cannot be read or is too short, a signal that asks the program to end. What the
/// plugin does wrong is on the card.
pub fn card(config: &PluginConfig, options: &CardOptions, scratch: &Path) -> Result<(Card, CheckReport)> {
    let inspection = inspect(Path::new(&config.plugin))?;
    let texts = Texts::write(&options.text, scratch)?;
    let checked = check(config, &CheckOptions { seed: CHECK_SEED, cases: options.cases, ..CheckOptions::default() })?;
    let cost = cost::cost(config, &inspection.kind, &texts.held_out)?;
    let trial = trial::trial(config, &inspection, &texts, options)?;
    let card = Card {
        generator: CARD_GENERATOR,
        program: VERSION.to_owned(),
        made: now(),
        name: inspection.name.clone(),
        description: inspection.description.clone(),
        identity: identity(&inspection, config),
        settings: settings(&inspection, config),
        conformance: checked.checks.iter().map(conformance).collect(),
        cost,
        comparison: trial.comparison,
        trial: trial.text,
    };
    Ok((card, checked))
}

fn identity(of: &Inspection, config: &PluginConfig) -> Vec<(String, String)> {
    let or_none = |texts: &[String]| if texts.is_empty() { "none".to_owned() } else { texts.join(", ") };
    let grants: Vec<_> = config.allow.iter().map(ToString::to_string).collect();
    let digest = if of.sha256.is_empty() { "linked into the program".to_owned() } else { of.sha256.clone() };
    let entries = [
        ("name", of.name.clone()),
        ("version", of.version.clone()),
        ("kind", format!("{}, {}", of.kind, of.stability)),
        ("form", of.backend.to_owned()),
        ("contract", format!("{}, SDK {}", of.contract, of.sdk)),
        ("license", of.license.clone()),
        ("sha256", digest),
        ("size", format!("{} bytes", of.size_bytes)),
        ("abilities", or_none(&of.abilities)),
        ("grants", or_none(&grants)),
        ("imports", or_none(&of.imports)),
    ];
    entries.map(|(name, value)| (name.to_owned(), value)).into()
}

fn settings(of: &Inspection, config: &PluginConfig) -> Vec<CardSetting> {
    let settings = of.settings.iter().map(|setting| CardSetting {
        name: setting.name.clone(),
        value_type: setting.value_type.clone(),
        default: setting.default.clone(),
        value: config.config.get(&setting.name).map(ToString::to_string),
        meaning: setting.doc.clone(),
    });
    settings.collect()
}

fn conformance(line: &CheckLine) -> CardCheck {
    let outcome = match line.outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Skip => "skip",
    };
    CardCheck { name: line.name, outcome, detail: line.detail.clone() }
}

/// The two files of a card.
pub struct CardFiles {
    /// The page.
    pub page: PathBuf,
    /// The same for programs.
    pub json: PathBuf,
}

impl CardFiles {
    /// Names the files of a plugin, beside its file or in `folder`; those of a built-in are in the current folder.
    ///
    /// # Errors
    /// Files that are there and no cards, which stay.
    pub fn new(plugin: &str, folder: Option<&Path>) -> Result<Self> {
        let plugin = Path::new(plugin);
        let name = plugin.file_stem().unwrap_or(plugin.as_os_str());
        let folder = folder.or(plugin.parent()).unwrap_or(Path::new(""));
        let file = |end: &str| folder.join(name).with_added_extension(end);
        let files = Self { page: file("card.html"), json: file("card.json") };
        Report::check_place(&files.page)?;
        if files.json.is_dir() || files.json.is_file() && !is_card(&files.json) {
            let shown = files.json.display();
            return Err(Error::usage(format!("{shown}: is no card of a plugin, and stays; rename it or give --out")));
        }
        Ok(files)
    }

    /// Writes both, also over an earlier card.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save(&self, card: &Card) -> Result<()> {
        if let Some(folder) = self.page.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", &error))?;
        }
        let json = serde_json::to_vec_pretty(card).map_err(|error| Error::run(format!("the card as JSON: {error}")))?;
        card.report().save(&self.page)?;
        write_file(&self.json, &json)
    }
}

/// Whether a file is a card that trainyard wrote.
fn is_card(path: &Path) -> bool {
    let json = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    json.is_some_and(|json| json["generator"] == CARD_GENERATOR)
}
