//! Text metric `label-scores`: each text is a label, such as the class of a document. The value is the share of texts
//! with the right label, or the F1 of the labels, 0 to 1, as scikit-learn computes them.
//!
//! `score` says which: `accuracy`; `f1-macro`, the mean F1 of the labels that are in texts or references;
//! `f1-weighted`, their mean with the references of each as weights; `f1-micro`, the F1 of all labels together, which
//! equals the accuracy because each text has one label. A label without a match has the F1 0 (scikit-learn's
//! `zero_division = 0`).
//!
//! White space around a label does not count. Of several references, the one that equals the text counts, or else the
//! first. Pairs without a reference are not counted.

mod state;

use std::collections::BTreeMap;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};
use trainyard_text::chars::is_space;

config! {
    /// Settings of `label-scores`.
    pub struct Settings {
        /// accuracy, f1-macro, f1-micro or f1-weighted
        score: String = "accuracy",
        /// whether upper and lower case are the same
        ignore_case: bool = false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Score {
    /// The accuracy, which is the micro F1 too.
    Accuracy,
    Macro,
    Weighted,
}

/// The metric.
#[derive(Debug)]
pub struct LabelScores {
    score: Score,
    ignore_case: bool,
    /// What was counted of each label, sorted, so that equal counts have equal states and the same sums.
    labels: BTreeMap<String, Counts>,
}

/// How often a label was right, said and both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    references: u64,
    hypotheses: u64,
    matches: u64,
}

impl Counts {
    /// The sum of both; none when it is too large.
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            references: self.references.checked_add(other.references)?,
            hypotheses: self.hypotheses.checked_add(other.hypotheses)?,
            matches: self.matches.checked_add(other.matches)?,
        })
    }

    fn f1(self) -> f64 {
        2.0 * self.matches as f64 / (self.references as f64 + self.hypotheses as f64)
    }
}

impl Create for LabelScores {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let score = match settings.score.as_str() {
            "accuracy" | "f1-micro" => Score::Accuracy,
            "f1-macro" => Score::Macro,
            "f1-weighted" => Score::Weighted,
            other => {
                let why = format!("score: expected accuracy, f1-macro, f1-micro or f1-weighted, got {other:?}");
                return Err(PluginError::config(why));
            }
        };
        Ok(Self { score, ignore_case: settings.ignore_case, labels: BTreeMap::new() })
    }
}

impl TextMetric for LabelScores {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs {
            let hypothesis = self.label(pair.hypothesis);
            let mut references = pair.references.iter().map(|reference| self.label(reference));
            let Some(first) = references.next() else { continue };
            let is_match = first == hypothesis || references.any(|other| other == hypothesis);
            let gold = if is_match { hypothesis.clone() } else { first };
            self.labels.entry(gold).or_default().references += 1;
            let said = self.labels.entry(hypothesis).or_default();
            said.hypotheses += 1;
            said.matches += u64::from(is_match);
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        state::write(&self.labels, self.ignore_case)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let others = state::read(state, self.ignore_case)?;
        let mut sums = Vec::with_capacity(others.len());
        for (label, other) in others {
            let counts = self.labels.get(label).copied().unwrap_or_default();
            sums.push((label, counts.plus(other).ok_or_else(|| state::corrupt("more than 2^64 texts"))?));
        }
        for (label, counts) in sums {
            self.labels.insert(label.to_owned(), counts);
        }
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        let labels = || self.labels.values();
        let total = labels().map(|counts| counts.references as f64).sum::<f64>();
        Ok(match self.score {
            Score::Accuracy => labels().map(|counts| counts.matches as f64).sum::<f64>() / total,
            Score::Macro => labels().map(|counts| counts.f1()).sum::<f64>() / self.labels.len() as f64,
            Score::Weighted => labels().map(|counts| counts.f1() * counts.references as f64).sum::<f64>() / total,
        })
    }
}

impl LabelScores {
    fn label(&self, text: &str) -> String {
        let text = text.trim_matches(is_space);
        if self.ignore_case { text.to_lowercase() } else { text.to_owned() }
    }
}

trainyard_plugin::export!(text_metric "label-scores" = LabelScores);

#[cfg(test)]
mod tests;
