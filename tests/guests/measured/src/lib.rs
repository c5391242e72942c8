//! A filter with the ability `measures`, and with a setting that makes it break a law of that ability.

use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Verdict, config, export};

config! {
    /// Settings of `measured-filter`.
    pub struct Settings {
        /// fewest characters of a document that stays
        min_chars: u32 = 3u32,
        /// largest share of capitals among the letters of a document that stays; 1 is no limit
        max_capitals: f64 = 0.5,
        /// whether letters outside of ASCII count
        unicode: bool = true,
        /// the law to break
        breaks: String = "",
    }
}

/// The filter.
pub struct Measured(Settings);

impl Create for Measured {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        match settings.max_capitals.is_nan() {
            true => Err(PluginError::config("max_capitals: expected a number, got NaN")),
            false => Ok(Self(settings)),
        }
    }
}

impl Measured {
    fn values(&self, document: &str) -> [f64; 2] {
        let n_chars = document.chars().count() as f64;
        let counts = |char: char| char.is_alphabetic() && (self.0.unicode || char.is_ascii());
        let n_letters = document.chars().filter(|&char| counts(char)).count() as f64;
        let n_capitals = document.chars().filter(|&char| counts(char) && char.is_uppercase()).count() as f64;
        match self.0.breaks.as_str() {
            "limit" => [n_chars.min(f64::from(self.0.min_chars)), n_capitals / n_letters],
            _ => [n_chars, n_capitals / n_letters],
        }
    }
}

impl Filter for Measured {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let rules = self.rules();
        let verdict = |document: &&str| match self.0.breaks.as_str() {
            "judge" => Verdict::keep(),
            _ => Rule::verdict(&rules, &self.values(document)),
        };
        Ok(documents.iter().map(verdict).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        let reason = if self.0.breaks == "reason" { "" } else { "few_chars" };
        let setting = if self.0.breaks == "setting" { "max_chars" } else { "min_chars" };
        let max_capitals = if self.0.max_capitals == 1.0 { f64::INFINITY } else { self.0.max_capitals };
        vec![
            Rule::at_least(reason, setting, self.0.min_chars.into()),
            Rule::at_most("many_capitals", "max_capitals", max_capitals),
        ]
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        if documents.iter().any(|document| document.contains("poison")) {
            return Err(PluginError::internal("poisoned"));
        }
        let mut values: Vec<f64> = documents.iter().flat_map(|document| self.values(document)).collect();
        match self.0.breaks.as_str() {
            "count" => values.truncate(1),
            "batch" => values.iter_mut().for_each(|value| *value += documents.len() as f64),
            _ => {}
        }
        Ok(values)
    }
}

export!(measured_filter "measured-filter" = Measured, abilities = ["idempotent"]);
