//! What the filters of a prepared corpus decide by, kept next to it: a decision can be told without the plugins.

use crate::Result;
use crate::corpus::prepare::DECONTAMINATE;
use crate::corpus::{Judged, NamedFilter, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trainyard_plugin::{Bound, Rule, Verdict};

/// A filter as it was when the corpus was prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilterRules {
    /// Its name.
    pub name: String,
    /// The plugin without its settings: name, version, file.
    pub plugin: String,
    /// The settings that the config gives, as text.
    pub settings: BTreeMap<String, String>,
    /// Index of the source that it is for; none when it is for all.
    pub source: Option<u16>,
    /// True when it saw the whole corpus before its first verdict.
    pub two_pass: bool,
    /// What its stored values are compared with; empty when verdicts are stored.
    pub rules: Vec<RuleReport>,
}

impl FilterRules {
    /// What a filter is now; its rules if what it measures is stored (`scores`).
    ///
    /// # Errors
    /// A filter that cannot be made.
    pub(super) fn of(filter: &NamedFilter<'_>, scores: bool) -> Result<Self> {
        let instance = (filter.make)()?;
        let rules = if scores { instance.rules() } else { Vec::new() };
        Ok(Self::new(filter, &rules, instance.two_pass()))
    }

    pub(super) fn new(filter: &NamedFilter<'_>, rules: &[Rule], two_pass: bool) -> Self {
        Self {
            name: filter.name.clone(),
            plugin: filter.plugin.clone(),
            settings: filter.settings.clone(),
            source: filter.source,
            two_pass,
            rules: rules.iter().map(RuleReport::from).collect(),
        }
    }

    /// Whether the stage is that which drops training text that evaluations know.
    pub(super) fn is_decontamination(&self) -> bool {
        self.plugin.is_empty() && self.name == DECONTAMINATE
    }

    /// A stage behind the filters, such as `dedup`.
    pub(super) fn of_stage(name: &str) -> Self {
        let (plugin, settings) = (String::new(), BTreeMap::new());
        Self { name: name.into(), plugin, settings, source: None, two_pass: true, rules: Vec::new() }
    }
}

/// A [`Rule`] in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleReport {
    /// The verdict's reason.
    pub reason: String,
    /// The setting that gives the limit.
    pub setting: String,
    /// `at-least` or `at-most`.
    pub bound: BoundReport,
    /// The limit; none where every value is allowed.
    pub limit: Option<f64>,
}

/// Which side of a limit is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoundReport {
    /// The limit and above.
    AtLeast,
    /// The limit and below.
    AtMost,
}

impl From<&Rule> for RuleReport {
    fn from(rule: &Rule) -> Self {
        let bound = match rule.bound {
            Bound::AtLeast => BoundReport::AtLeast,
            Bound::AtMost => BoundReport::AtMost,
        };
        // JSON has no infinity; the largest number does the same
        let limit = if rule.limit.is_finite() { Some(rule.limit) } else { unlimited(rule) };
        Self { reason: rule.reason.clone(), setting: rule.setting.clone(), bound, limit }
    }
}

/// What stands for an infinite limit: nothing, or, where it forbids everything, the largest number.
fn unlimited(rule: &Rule) -> Option<f64> {
    let allows_all = (rule.bound == Bound::AtLeast) == (rule.limit < 0.0);
    (!allows_all).then(|| f64::MAX.copysign(rule.limit))
}

impl RuleReport {
    /// The rule itself.
    pub fn rule(&self) -> Rule {
        let (bound, none) = match self.bound {
            BoundReport::AtLeast => (Bound::AtLeast, f64::NEG_INFINITY),
            BoundReport::AtMost => (Bound::AtMost, f64::INFINITY),
        };
        Rule { reason: self.reason.clone(), setting: self.setting.clone(), bound, limit: self.limit.unwrap_or(none) }
    }

    /// For example `min_words ≥ 50`; the setting alone when there is no limit.
    pub fn text(&self) -> String {
        let sign = match self.bound {
            BoundReport::AtLeast => '≥',
            BoundReport::AtMost => '≤',
        };
        match self.limit {
            Some(limit) => format!("{} {sign} {limit}", self.setting),
            None => format!("{} (no limit)", self.setting),
        }
    }
}

/// The filters of a corpus, in the order in which they apply, with their rules at hand.
#[derive(Debug, Clone)]
pub struct Limits {
    pub filters: Vec<FilterRules>,
    /// Per filter.
    rules: Vec<Vec<Rule>>,
}

impl Limits {
    pub fn new(filters: Vec<FilterRules>) -> Self {
        let rules = filters.iter().map(|filter| filter.rules.iter().map(RuleReport::rule).collect()).collect();
        Self { filters, rules }
    }

    /// The outcomes of a document, each with the index of its filter and the filter's rules.
    pub fn outcomes<'a>(&'a self, judged: &'a Judged) -> impl Iterator<Item = (usize, &'a [Rule], &'a Outcome)> {
        let source = judged.document.source;
        let filters = self.filters.iter().enumerate();
        let of_source = filters.filter(move |(_, filter)| filter.source.is_none_or(|of| of == source));
        of_source.zip(&judged.outcomes).map(|((index, _), outcome)| (index, self.rules[index].as_slice(), outcome))
    }

    /// The filter that drops the document, and its verdict; none when the document stays.
    pub fn dropped_by(&self, judged: &Judged) -> Option<(usize, Verdict)> {
        self.outcomes(judged).find_map(|(index, rules, outcome)| {
            let verdict = outcome.verdict(rules).filter(|verdict| !verdict.keep)?;
            Some((index, verdict))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_survive_json() {
        for rule in [
            Rule::at_least("few", "min", 3.0),
            Rule::at_most("many", "max", f64::INFINITY),
            Rule::at_least("few", "min", f64::NEG_INFINITY),
            Rule::at_most("many", "max", 0.1 + 0.2),
        ] {
            let json = serde_json::to_string(&RuleReport::from(&rule)).unwrap();
            let back: RuleReport = serde_json::from_str(&json).unwrap();
            assert_eq!(back.rule(), rule, "{json}");
        }
        let nothing = Rule::at_least("few", "min", f64::INFINITY);
        assert_eq!(RuleReport::from(&nothing).rule().limit, f64::MAX);
        assert_eq!(RuleReport::from(&Rule::at_least("few", "min", 3.0)).text(), "min ≥ 3");
    }
}
