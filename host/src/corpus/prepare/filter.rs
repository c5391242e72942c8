//! The corpus's filters: who they are, in which order they apply, and what they decide.

use super::judged::Judged;
use super::store::key;
use crate::corpus::rules::FilterRules;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use trainyard_plugin::{Filter, Rule, Verdict};

/// The stage that drops training text which evaluations know.
pub(crate) const DECONTAMINATE: &str = "decontaminate";

/// A filter and how reports name it.
pub struct NamedFilter<'a> {
    /// Its name.
    pub name: String,
    /// The plugin without its settings: name, version, file.
    pub plugin: String,
    /// The settings that the config gives, as text.
    pub settings: BTreeMap<String, String>,
    /// The source that it is for; none when it is for all.
    pub source: Option<u16>,
    /// Makes an instance.
    pub make: Box<dyn Fn() -> Result<Box<dyn Filter>> + Send + Sync + 'a>,
}

impl NamedFilter<'_> {
    /// What its verdicts are a function of, besides the documents.
    pub fn digest(&self) -> String {
        let settings: Vec<_> = self.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        format!("{} {}", self.plugin, settings.join(", "))
    }
}

/// All filters, those of single sources first.
pub(crate) struct Filters<'a> {
    pub all: &'a [NamedFilter<'a>],
    /// Per filter: its rules, when what it measures is stored; else none.
    pub rules: Vec<Vec<Rule>>,
    two_pass: Vec<bool>,
    /// Stages behind the filters, such as `dedup`: each adds an outcome to every document.
    pub later: Vec<&'static str>,
}

impl<'a> Filters<'a> {
    /// Asks one instance of each filter for its rules, if values are to be stored (`scores`).
    ///
    /// # Errors
    /// A filter that cannot be made; a two-pass filter, or one out of order, of a single source.
    pub fn new(all: &'a [NamedFilter<'a>], scores: bool, later: Vec<&'static str>) -> Result<Self> {
        let (mut rules, mut two_pass) = (Vec::new(), Vec::new());
        for (index, filter) in all.iter().enumerate() {
            if filter.source.is_some() && all[..index].iter().any(|before| before.source.is_none()) {
                return Err(Error::run("filters of single sources come before those of all"));
            }
            let instance = (filter.make)()?;
            if instance.two_pass() && filter.source.is_some() {
                return Err(Error::usage(format!(
                    "data.source.filter: {:?} must see the whole corpus first, move it to [[data.filter]]",
                    filter.name
                )));
            }
            two_pass.push(instance.two_pass());
            rules.push(if scores { instance.rules() } else { Vec::new() });
        }
        rules.extend(later.iter().map(|_| Vec::new()));
        Ok(Self { all, rules, two_pass, later })
    }

    /// What they decide by, as it is kept with what they made.
    pub fn described(&self) -> Vec<FilterRules> {
        let filters = self.all.iter().zip(&self.rules).zip(&self.two_pass);
        let filters = filters.map(|((filter, rules), two_pass)| FilterRules::new(filter, rules, *two_pass));
        filters.chain(self.later.iter().map(|name| FilterRules::of_stage(name))).collect()
    }

    /// Whether the corpus passes through the filter twice.
    pub fn is_two_pass(&self, index: usize) -> bool {
        self.two_pass[index]
    }

    /// The filters that apply to a source, in order, then the later stages.
    pub fn of_source(&self, source: u16) -> impl Iterator<Item = usize> {
        let applies = move |index: &usize| match self.all.get(*index) {
            Some(filter) => filter.source.is_none_or(|of| of == source),
            None => true,
        };
        (0..self.rules.len()).filter(applies)
    }

    /// Filters that apply in one go: a two-pass filter must see all that the filters before it keep, so one begins
    /// there. The first may be empty.
    pub fn stages(&self) -> Vec<Range<usize>> {
        let starts: Vec<usize> = (0..self.all.len()).filter(|&index| self.two_pass[index]).collect();
        let first = std::iter::once(0).chain(starts.iter().copied());
        first.zip(starts.iter().copied().chain([self.all.len()])).map(|(start, end)| start..end).collect()
    }

    /// Whether one of the document's outcomes drops it.
    pub fn drops(&self, judged: &Judged) -> bool {
        let mut outcomes = judged.outcomes.iter().zip(self.of_source(judged.document.source));
        outcomes.any(|(outcome, index)| outcome.drops(&self.rules[index]))
    }

    /// Whether an outcome drops it other than that of decontamination, which is the last.
    pub fn drops_before_decontamination(&self, judged: &Judged) -> bool {
        let last = self.later.last().filter(|name| **name == DECONTAMINATE).map(|_| self.rules.len() - 1);
        let outcomes = judged.outcomes.iter().zip(self.of_source(judged.document.source));
        let mut before = outcomes.filter(|(_, index)| Some(*index) != last);
        before.any(|(outcome, index)| outcome.drops(&self.rules[index]))
    }

    /// The filter that drops the document, and its verdict; none when the document stays.
    pub fn dropped_by(&self, judged: &Judged) -> Option<(usize, Verdict)> {
        let outcomes = judged.outcomes.iter().zip(self.of_source(judged.document.source));
        outcomes
            .filter(|(outcome, index)| outcome.drops(&self.rules[*index]))
            .find_map(|(outcome, index)| Some((index, outcome.verdict(&self.rules[index])?)))
    }

    /// What the outcomes of the filters `range` are a function of, besides the documents. Settings that only give a
    /// limit are left out where values are stored.
    pub fn outcome_key(&self, range: &Range<usize>, source: u16) -> String {
        let filters = self.of_source(source).filter(|index| range.contains(index));
        let parts = filters.flat_map(|index| {
            let filter = &self.all[index];
            let is_limit = |setting: &str| self.rules[index].iter().any(|rule| rule.setting == setting);
            let settings = filter.settings.iter().filter(|(name, _)| !is_limit(name));
            let settings = settings.flat_map(|(name, value)| [name.clone(), value.clone()]);
            let kind = if self.rules[index].is_empty() { "verdicts" } else { "values" };
            [filter.plugin.clone(), kind.to_owned()].into_iter().chain(settings).collect::<Vec<_>>()
        });
        key(parts)
    }

    /// What the decisions of the filters before `end` are a function of, besides their outcomes.
    pub fn limits_key(&self, end: usize) -> String {
        key(self.rules[..end].iter().flatten().map(|rule| format!("{rule:?}")))
    }
}
