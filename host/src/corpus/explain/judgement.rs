//! What one filter said of one document.

use super::sample::{Excerpt, excerpts, line};
use crate::corpus::Outcome;
use crate::corpus::rules::RuleReport;
use serde::Serialize;
use std::fmt;
use trainyard_plugin::Rule;

/// What one filter said of one document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The filter's name.
    pub filter: String,
    /// Whether it was asked: not after another filter dropped the document for good.
    pub asked: bool,
    /// Of a filter that measures: each rule with the document's value.
    pub rules: Vec<RuleLine>,
    /// Whether it keeps the document.
    pub keep: bool,
    /// Why not.
    pub reason: String,
    /// The value that was compared with the limit.
    pub score: Option<f64>,
    /// Whether it rewrote the text.
    pub rewrote: bool,
    /// Of deduplication: the id of the document that stays for this one. Of decontamination: the reference.
    pub note: Option<String>,
    /// Where the reason lies.
    pub spans: Vec<Excerpt>,
}

/// A rule and what it was compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleLine {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleReport,
    /// What was measured; none when that is no number, which breaks no rule.
    pub value: Option<f64>,
    /// Whether the value is on the allowed side.
    pub passes: bool,
}

impl Judgement {
    /// `text` is what the filter saw, where it is known: its spans are parts of it.
    pub(super) fn new(filter: &str, rules: &[Rule], outcome: &Outcome, text: Option<&str>) -> Self {
        let lines = match outcome {
            Outcome::Values(values) => rules.iter().zip(values).map(RuleLine::new).collect(),
            _ => Vec::new(),
        };
        let verdict = outcome.verdict(rules);
        let asked = verdict.is_some();
        let verdict = verdict.unwrap_or_default();
        Self {
            filter: filter.into(),
            asked,
            rules: lines,
            keep: asked && verdict.keep,
            reason: verdict.reason,
            score: verdict.score,
            note: match outcome {
                Outcome::Verdict { note, .. } => note.clone(),
                _ => None,
            },
            rewrote: matches!(outcome, Outcome::Verdict { rewrote: true, .. }),
            spans: text.map(|text| excerpts(text, &verdict.spans)).unwrap_or_default(),
        }
    }
}

impl RuleLine {
    fn new((rule, &value): (&Rule, &f64)) -> Self {
        let passes = !rule.is_broken_by(value);
        Self { rule: rule.into(), value: (!value.is_nan()).then_some(value), passes }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says = match (self.asked, self.keep, self.rewrote) {
            (false, ..) => "was not asked",
            (_, true, true) => "keeps it, rewritten",
            (_, true, false) => "keeps it",
            (_, false, _) => "drops it",
        };
        write!(f, "{}: {says}", self.filter)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        if let Some(score) = self.score.filter(|_| self.rules.is_empty()) {
            write!(f, " ({})", number(score))?;
        }
        if let Some(note) = &self.note {
            let what = if self.keep { "beside" } else { "because of" };
            write!(f, ", {what} {}", line(note))?;
        }
        writeln!(f)?;
        for RuleLine { rule, value, passes } in &self.rules {
            let value = value.map_or("no number".into(), number);
            let mark = if *passes { " " } else { "✗" };
            writeln!(f, "  {mark} {:<30} {value:>12}  {}", rule.reason, rule.text())?;
        }
        for Excerpt { start, end, before, text, after } in &self.spans {
            writeln!(f, "    bytes {start}..{end}: {before}⟦{text}⟧{after}")?;
        }
        Ok(())
    }
}

/// With the digits that tell it from a limit, and no more than needed.
pub fn number(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    format!("{}", if rounded.is_finite() { rounded } else { value })
}
