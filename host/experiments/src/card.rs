//! The card of a plugin as a page: who it is, whether it keeps the laws of its kind, what it costs, whether it helps.

use crate::compare::Comparison;
use crate::report::{Maker, Report, comparison_tables};
use serde::Serialize;
use trainyard_page::{Block, Facts, Page, Section};

/// What a vendor shows of a plugin.
#[derive(Debug, Clone, Serialize)]
pub struct Card {
    /// The name of the program that makes cards, by which a card is recognised.
    pub generator: &'static str,
    /// The version of the program.
    pub program: String,
    /// The time at which it was made.
    pub made: String,
    /// The plugin's name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Who it is, by name.
    pub identity: Vec<(String, String)>,
    /// Its settings.
    pub settings: Vec<CardSetting>,
    /// What its kind demands of it.
    pub conformance: Vec<CardCheck>,
    /// What it costs on this machine, by name.
    pub cost: Vec<(String, String)>,
    /// Runs with it, compared with runs that have the default of its kind.
    pub comparison: Option<Comparison>,
    /// What was compared, or why nothing was.
    pub trial: String,
}

/// A setting of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardSetting {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: String,
    /// Its default.
    pub default: String,
    /// The value that the card was made with, where that is another one.
    pub value: Option<String>,
    /// What it means.
    pub meaning: String,
}

/// A check of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardCheck {
    /// Its name.
    pub name: &'static str,
    /// `pass`, `fail` or `skip`.
    pub outcome: &'static str,
    /// What was tried, what is wrong, or why it was skipped.
    pub detail: String,
}

/// The value of [`Card::generator`].
pub const CARD_GENERATOR: &str = "trainyard plugin card";

impl Card {
    /// The card as a page.
    pub fn report(&self) -> Report {
        let sections = [self.identity(), self.settings(), Some(self.conformance()), self.cost(), Some(self.trial())];
        Report::of_page(Page {
            title: format!("Plugin {}", self.name),
            subtitle: self.description.clone(),
            generator: format!("Made by trainyard {}, {}.", self.program, self.made),
            sections: sections.into_iter().flatten().collect(),
        })
    }

    fn identity(&self) -> Option<Section> {
        facts("Identity", &self.identity)
    }

    fn settings(&self) -> Option<Section> {
        let mut table = Maker::new("What can be set").texts(&["setting", "type", "default", "here", "meaning"]);
        for CardSetting { name, value_type, default, value, meaning } in &self.settings {
            let value = value.clone().unwrap_or_default();
            table.row([name.clone(), value_type.clone(), default.clone(), value, meaning.clone()]);
        }
        if table.is_empty() {
            return None;
        }
        table.drop_empty(&[""]);
        Some(Section { heading: "Settings".to_owned(), blocks: vec![table.block()], ..Section::default() })
    }

    fn conformance(&self) -> Section {
        let failed: Vec<_> = self.conformance.iter().filter(|check| check.outcome == "fail").collect();
        let text = match failed.len() {
            0 => "Every check that applies passed.".to_owned(),
            n => format!("{n} of {} checks failed.", self.conformance.len()),
        };
        let notices = failed.iter().map(|check| Block::Notice(format!("{}: {}", check.name, check.detail)));
        let mut table = Maker::new("Laws of its kind").texts(&["check", "outcome", "what was tried"]);
        for CardCheck { name, outcome, detail } in &self.conformance {
            table.row([(*name).to_owned(), (*outcome).to_owned(), detail.clone()]);
        }
        let blocks = notices.chain([table.block()]).collect();
        Section { heading: "Conformance".to_owned(), text, blocks }
    }

    fn cost(&self) -> Option<Section> {
        facts("Cost", &self.cost)
    }

    fn trial(&self) -> Section {
        let blocks = self.comparison.as_ref().map(comparison_tables).unwrap_or_default();
        Section { heading: "Against the default".to_owned(), text: self.trial.clone(), blocks }
    }
}

fn facts(heading: &str, entries: &[(String, String)]) -> Option<Section> {
    let facts = Block::Facts(Facts { entries: entries.to_vec() });
    let section = Section { heading: heading.to_owned(), blocks: vec![facts], ..Section::default() };
    (!entries.is_empty()).then_some(section)
}
