//! Which documents to train on.

use crate::{PluginError, Result};

/// A filter or cleaner of documents.
///
/// Order of calls: `create`; if `two_pass` says so, every document goes through `observe` and the states of all
/// instances through `merge` before the first `judge`. A verdict may depend on the settings, the observed state and the
/// one document it is about, never on the batch around it. One instance serves one thread.
pub trait Filter: Send {
    /// One verdict per document, in order.
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>>;

    /// Whether the whole corpus must pass through `observe` before the first `judge`.
    fn two_pass(&self) -> bool {
        false
    }

    /// Takes one batch of the corpus in the first pass. Only called when `two_pass` is true.
    fn observe(&mut self, _documents: &[&str]) -> Result<()> {
        Err(PluginError::unsupported("this filter has no first pass"))
    }

    /// What was observed so far, to be merged into another instance.
    fn state(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// Adds what another instance observed: the order of merging may not matter.
    fn merge(&mut self, _state: &[u8]) -> Result<()> {
        Ok(())
    }

    /// The rules of a filter that only compares measured values with limits, in the order in which they apply; empty
    /// for any other filter. A function of the settings alone. Exported as `measured_filter`, such a filter lets the
    /// host store what was measured, and try other limits without reading the text again.
    fn rules(&self) -> Vec<Rule> {
        Vec::new()
    }

    /// What each of [`Filter::rules`] compares, shape [documents, rules]. No limit has a say in it.
    fn measure(&mut self, _documents: &[&str]) -> Result<Vec<f64>> {
        Err(PluginError::unsupported("this filter measures nothing"))
    }
}

/// A limit to a measured value: a document beyond it is dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The verdict's reason.
    pub reason: String,
    /// The setting that gives the limit. Settings named here have no say in what is measured: the host relies on it
    /// when it tries other limits on stored values.
    pub setting: String,
    /// Which side of the limit is allowed.
    pub bound: Bound,
    /// The limit itself is allowed; infinite when the rule is off.
    pub limit: f64,
}

/// Which side of a limit is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The limit and above.
    AtLeast,
    /// The limit and below.
    AtMost,
}

impl Rule {
    /// Drops what is below `limit`, which the setting `setting` gives.
    pub fn at_least(reason: impl Into<String>, setting: impl Into<String>, limit: f64) -> Self {
        Self { reason: reason.into(), setting: setting.into(), bound: Bound::AtLeast, limit }
    }

    /// Drops what is above `limit`, which the setting `setting` gives.
    pub fn at_most(reason: impl Into<String>, setting: impl Into<String>, limit: f64) -> Self {
        Self { reason: reason.into(), setting: setting.into(), bound: Bound::AtMost, limit }
    }

    /// The rule if its limit lies in 0 to `most`, and off when it is 0, so that a setting of 0 is no limit. Otherwise
    /// an error that names the setting.
    ///
    /// # Errors
    /// A limit outside of the range; it names the setting.
    pub fn within(mut self, most: f64) -> Result<Self> {
        // also refuses NaN and infinity
        if !(0.0..=most.min(f64::MAX)).contains(&self.limit) {
            let range = if most < f64::MAX { format!("0 to {most}") } else { "0 or more".to_owned() };
            return Err(PluginError::config(format!("{}: expected {range}, got {}", self.setting, self.limit)));
        }
        if self.limit == 0.0 {
            self.limit = match self.bound {
                Bound::AtLeast => f64::NEG_INFINITY,
                Bound::AtMost => f64::INFINITY,
            };
        }
        Ok(self)
    }

    /// Whether a document with this value goes. What is not a number, such as a share of nothing, breaks no rule.
    pub fn is_broken_by(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtLeast => value < self.limit,
            Bound::AtMost => value > self.limit,
        }
    }

    /// The verdict on one document of which `values` were measured, one per rule: the first broken rule is the reason.
    pub fn verdict(rules: &[Rule], values: &[f64]) -> Verdict {
        match rules.iter().zip(values).find(|(rule, value)| rule.is_broken_by(**value)) {
            Some((rule, &value)) => Verdict::drop(&rule.reason).score(value),
            None => Verdict::keep(),
        }
    }
}

/// What a filter says of one document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// Whether the document stays.
    pub keep: bool,
    /// A stable code such as `gopher_short_doc`; empty when nothing is to be said.
    pub reason: String,
    /// The value that was compared with the threshold.
    pub score: Option<f64>,
    /// The document rewritten; none when it stays as it is.
    pub text: Option<String>,
    /// Where in the document the reason lies.
    pub spans: Vec<Span>,
}

/// Half-open range of bytes in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Verdict {
    /// The document stays as it is.
    pub fn keep() -> Self {
        Self { keep: true, ..Self::default() }
    }

    /// The document stays, with new text.
    pub fn rewrite(text: String) -> Self {
        Self { keep: true, text: Some(text), ..Self::default() }
    }

    /// The document goes, for the reason `reason`.
    pub fn drop(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// The same verdict with the value that decided it.
    pub fn score(mut self, score: f64) -> Self {
        self.score = Some(score);
        self
    }
}
