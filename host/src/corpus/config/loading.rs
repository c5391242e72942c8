//! What `[data]` says about loading: packing, curriculum.

use super::SourceConfig;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How documents become sequences of `model.context` tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// All documents in one stream, which is cut into sequences; attention crosses from one document to the next.
    #[default]
    Concatenate,
    /// Whole documents are put together so that they fill sequences; attention stays within a document.
    BestFit,
    /// A document per sequence, the rest of which is empty.
    Pad,
}

impl Packing {
    const CHOICES: [(&'static str, Self); 3] =
        [("concatenate", Self::Concatenate), ("best-fit", Self::BestFit), ("pad", Self::Pad)];

    /// `data.packing`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        section.choice("packing", &Self::CHOICES, Self::default())
    }
}

/// `[[data.curriculum]]`: other weights of the sources from some step on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CurriculumConfig {
    /// Share of the steps that are done when it begins, 0 to below 1.
    pub from: f64,
    /// Weights by the name of the source; the others keep the weight that their `[[data.source]]` gives them.
    pub weights: BTreeMap<String, f64>,
}

impl CurriculumConfig {
    /// `[[data.curriculum]]`, whose weights are of these sources.
    pub(super) fn read(section: &mut Section<'_>, sources: &[SourceConfig]) -> Vec<Self> {
        let phases = section.sections("curriculum", |section| Self::read_one(section, sources)).unwrap_or_default();
        if !phases.is_sorted_by(|a, b| a.from <= b.from) {
            section.problem("curriculum", "expected phases in the order in which they begin, by their `from`");
        }
        phases
    }

    fn read_one(section: &mut Section<'_>, sources: &[SourceConfig]) -> Self {
        let from = section.number("from", 0.0..1.0, 0.0);
        let mut weights = BTreeMap::new();
        for (name, value) in section.settings("weights") {
            if !sources.iter().any(|source| source.name == name) {
                let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
                section.problem("weights", format!("no source is named {name:?}; there are {}", names.join(", ")));
            }
            if sources.iter().any(|source| source.name == name && source.share.is_some()) {
                section.problem("weights", format!("{name} has a share, which it keeps; give it a weight instead"));
            }
            let number = value.as_float().or(value.as_integer().map(|integer| integer as f64));
            match number.filter(|number| number.is_finite() && *number >= 0.0) {
                Some(number) => drop(weights.insert(name, number)),
                None => section.problem("weights", format!("{name}: expected a number of 0 or more, got {value}")),
            }
        }
        Self { from, weights }
    }
}
