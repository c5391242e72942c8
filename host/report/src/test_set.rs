//! What a model wrote for prompts of a file, and how good that is.

use super::MetricValue;
use super::text::{NAME_CHARS, count};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use trainyard_base::clean;

/// A test set: prompts with references, and what text metrics say of what was written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestSetReport {
    /// Prompts that were used.
    pub documents: u64,
    /// SHA-256 of its file: numbers of two runs may be compared only where it is the same.
    pub digest: String,
    /// The values of the text metrics.
    pub values: Vec<MetricValue>,
}

impl Display for TestSetReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plural = if self.documents == 1 { "" } else { "s" };
        write!(f, "{} prompt{plural}", count(self.documents as f64))?;
        for MetricValue { name, value, unit, higher_is_better, .. } in &self.values {
            let direction = if *higher_is_better { "higher is better" } else { "lower is better" };
            let unit = if unit.is_empty() { String::new() } else { format!("{unit}, ") };
            let name = clean::clip(name, NAME_CHARS);
            write!(f, "\n{name:14}  {value:>10.4}  {unit}{direction}")?;
        }
        Ok(())
    }
}
