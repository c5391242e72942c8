//! Texts that were written, as text metrics get them.

use crate::Result;
use crate::plugin::Plugin;
use crate::report::{Comparable, MetricValue};
use crate::run::RunPlugins;
use std::collections::BTreeMap;
use trainyard_plugin::{Direction, PROMPTS, PromptedPair, TextMetric, TextPair};

/// The output of each metric that says on how many documents it was measured.
const DOCUMENTS: &str = "documents";

/// A text that was written, with what it is compared with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Example {
    /// What was given before; none where that is not known.
    pub prompt: Option<String>,
    /// What was written.
    pub hypothesis: String,
    /// What might have been written.
    pub references: Vec<String>,
}

impl Example {
    fn pair(&self) -> TextPair<'_> {
        TextPair { hypothesis: &self.hypothesis, references: self.references.iter().map(String::as_str).collect() }
    }

    fn prompted(&self) -> Option<PromptedPair<'_>> {
        Some(PromptedPair { prompt: self.prompt.as_deref()?, pair: self.pair() })
    }
}

/// Counts `examples`, with their prompts where the plugin reads them and all are known.
///
/// # Errors
/// Whatever the plugin reports.
pub fn count(plugin: &Plugin, metric: &mut dyn TextMetric, examples: &[Example]) -> Result<()> {
    let reads_prompts = plugin.identity().has(PROMPTS);
    match examples.iter().map(Example::prompted).collect::<Option<Vec<_>>>().filter(|_| reads_prompts) {
        Some(pairs) => metric.update_prompted(&pairs)?,
        None => metric.update(&examples.iter().map(Example::pair).collect::<Vec<_>>())?,
    }
    Ok(())
}

/// The values of the run's text metrics on `examples`, each or why there is none.
pub fn values(plugins: &RunPlugins, examples: &[Example], comparable: Comparable) -> Vec<Result<MetricValue>> {
    let measure = |(plugin, name): (&Plugin, String)| {
        let mut metric = plugin.text_metric()?;
        count(plugin, metric.as_mut(), examples)?;
        let info = metric.info()?;
        let value = metric.value()?;
        plugins.keep(metric);
        Ok(MetricValue {
            name,
            plugin: plugin.identity().name.clone(),
            value,
            unit: info.unit,
            higher_is_better: info.direction == Direction::HigherIsBetter,
            comparable,
            outputs: BTreeMap::from([(DOCUMENTS.to_owned(), examples.len() as f64)]),
        })
    };
    plugins.text_metrics.iter().zip(plugins.metric_names().text).map(measure).collect()
}
