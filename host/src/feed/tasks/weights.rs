//! Weights of classes in the loss.

use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How much rows of each class count in the loss.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ClassWeights {
    /// Whether all classes count alike, however many rows each has.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub balanced: bool,
    /// Weights by name; 1 where a class is not named.
    #[serde(rename = "class_weights", skip_serializing_if = "BTreeMap::is_empty")]
    pub of: BTreeMap<String, f64>,
}

impl ClassWeights {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let mut of = BTreeMap::new();
        for (name, value) in section.settings("class_weights") {
            match value.as_float().or(value.as_integer().map(|whole| whole as f64)) {
                Some(weight) if weight >= 0.0 && weight.is_finite() => drop(of.insert(name, weight)),
                _ => section.problem("class_weights", format!("{name}: expected a number of 0 or more, got {value}")),
            }
        }
        let weights = Self { balanced: section.boolean("balanced", false), of };
        if weights.balanced && !weights.of.is_empty() {
            section.conflict(&["balanced", "class_weights"], "expected one of the two, got both");
        }
        weights
    }
}
