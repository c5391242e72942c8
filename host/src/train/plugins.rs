//! The plugins of a run.

use crate::config::RunConfig;
use crate::data::{self, Dataset, NamedFilter, NamedTokenizer};
use crate::plugin::{Plugin, Stamp, Usage};
use crate::report::PluginReport;
use crate::{Error, Result};
use std::fs;
use std::path::Path;
use trainyard_plugin::Kind;

/// Every plugin that a run's config names, loaded.
pub struct RunPlugins {
    /// Text to tokens.
    pub tokenizer: Plugin,
    /// Which documents stay, in order.
    pub filters: Vec<Plugin>,
    /// What is minimised.
    pub loss: Plugin,
    /// Numbers over tokens.
    pub metrics: Vec<Plugin>,
    /// Numbers over generated text.
    pub text_metrics: Vec<Plugin>,
}

impl RunPlugins {
    /// Loads all of them, so that a missing or wrong one stops the run before any work.
    pub fn open(config: &RunConfig) -> Result<Self> {
        let filters = config.data.filter.iter().map(|filter| Plugin::open(filter, Kind::Filter));
        let (mut metrics, mut text_metrics) = (Vec::new(), Vec::new());
        for metric in &config.metric {
            let plugin = Plugin::open_any(metric, &[Kind::Metric, Kind::TextMetric])?;
            match plugin.identity().kind {
                Kind::TextMetric => text_metrics.push(plugin),
                _ => metrics.push(plugin),
            }
        }
        Ok(Self {
            tokenizer: Plugin::open(&config.tokenizer.plugin, Kind::Tokenizer)?,
            filters: filters.collect::<Result<_>>()?,
            loss: Plugin::open(&config.loss, Kind::Loss)?,
            metrics,
            text_metrics,
        })
    }

    /// Each plugin with its place in the config.
    fn all(&self) -> impl Iterator<Item = (&'static str, &Plugin)> {
        let metrics = self.metrics.iter().chain(&self.text_metrics);
        let all = [("tokenizer", &self.tokenizer), ("loss", &self.loss)].into_iter();
        all.chain(self.filters.iter().map(|plugin| ("filter", plugin))).chain(metrics.map(|plugin| ("metric", plugin)))
    }

    /// Each plugin's place in the config and its stamp.
    pub fn stamps(&self) -> Vec<(&'static str, &Stamp)> {
        self.all().map(|(place, plugin)| (place, plugin.stamp())).collect()
    }

    /// What each did and cost so far.
    pub fn report(&self) -> Vec<PluginReport> {
        let report = |(place, plugin): (&'static str, &Plugin)| {
            let Usage { calls, items, bytes, seconds, errors, skipped, restarts } = plugin.usage();
            let Stamp { name, backend, .. } = plugin.stamp().clone();
            PluginReport { place, name, backend, calls, items, bytes, seconds, errors, skipped, restarts }
        };
        self.all().map(report).collect()
    }

    /// The config's data, filtered and tokenized by new instances of the plugins, or its tokens, in `folder`.
    pub fn prepare(&self, config: &RunConfig, folder: &Path) -> Result<Dataset> {
        let mut tokenizer = self.named_tokenizer(config)?;
        match &config.data.tokens {
            Some(tokens) => data::import(tokens, &mut tokenizer, folder),
            None => data::prepare(&config.data, &mut self.named_filters()?, &mut tokenizer, folder),
        }
    }

    /// New instances of the filters, for the data path.
    fn named_filters(&self) -> Result<Vec<NamedFilter>> {
        let named = |plugin: &Plugin| {
            let name = plugin.identity().name.clone();
            Ok(NamedFilter { name, digest: describe(plugin.stamp()), instance: plugin.filter()? })
        };
        self.filters.iter().map(named).collect()
    }

    /// A new tokenizer, and its model if the config names one.
    fn named_tokenizer(&self, config: &RunConfig) -> Result<NamedTokenizer> {
        let read = |path| fs::read(path).map_err(|error| Error::io(path, "read the tokenizer's model", &error));
        Ok(NamedTokenizer {
            name: self.tokenizer.identity().name.clone(),
            digest: describe(self.tokenizer.stamp()),
            model: config.tokenizer.model.as_deref().map(read).transpose()?,
            instance: self.tokenizer.tokenizer()?,
        })
    }
}

/// One line that changes whenever the plugin or its settings do.
pub fn describe(stamp: &Stamp) -> String {
    let Stamp { name, version, backend, sha256, settings, .. } = stamp;
    format!("{name} {version} ({backend} {}) {settings}", sha256.get(..16).unwrap_or("-"))
}
