//! The plugins of a run.

use crate::config::RunConfig;
use crate::data::{self, Dataset, EndOfText, NamedFilter, NamedTokenizer, Preparation};
use crate::plugin::{Plugin, Stamp, Usage};
use crate::report::{Detail, PluginReport};
use crate::{Error, Result};
use std::fs;
use std::path::Path;
use trainyard_plugin::{Kind, NO_END_OF_TEXT};

/// The plugins that make a run's data, loaded.
pub struct DataPlugins {
    /// Text to tokens.
    pub tokenizer: Plugin,
    /// Which documents stay, in order: those of single sources first, each with the source's number.
    pub filters: Vec<(Option<u16>, Plugin)>,
}

/// Every plugin that a run's config names, loaded.
pub struct RunPlugins {
    /// Those that make the data.
    pub data: DataPlugins,
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
        let data = DataPlugins::open(config)?;
        let (mut metrics, mut text_metrics) = (Vec::new(), Vec::new());
        for metric in &config.metric {
            let plugin = Plugin::open_any(metric, &[Kind::Metric, Kind::TextMetric])?;
            match plugin.identity().kind {
                Kind::TextMetric => text_metrics.push(plugin),
                _ => metrics.push(plugin),
            }
        }
        Ok(Self { data, loss: Plugin::open(&config.loss, Kind::Loss)?, metrics, text_metrics })
    }

    /// Each plugin with its place in the config.
    fn all(&self) -> impl Iterator<Item = (&'static str, &Plugin)> {
        let metrics = self.metrics.iter().chain(&self.text_metrics);
        let all = [("tokenizer", &self.data.tokenizer), ("loss", &self.loss)].into_iter();
        all.chain(self.data.filters.iter().map(|(_, plugin)| ("filter", plugin)))
            .chain(metrics.map(|plugin| ("metric", plugin)))
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
}

impl DataPlugins {
    /// Loads them.
    pub fn open(config: &RunConfig) -> Result<Self> {
        let filters = config.data.filters();
        let filters = filters.map(|(source, filter)| Ok((source, Plugin::open(filter, Kind::Filter)?)));
        Ok(Self { filters: filters.collect::<Result<_>>()?, tokenizer: open_tokenizer(config)? })
    }

    /// The config's data, filtered and tokenized by new instances of the plugins, or its tokens, in `folder`.
    pub fn prepare(&self, config: &RunConfig, folder: &Path) -> Result<Dataset> {
        let (filters, tokenizer) = (self.named_filters(), self.named_tokenizer(config)?);
        if let Some(tokens) = &config.data.tokens {
            return data::import(tokens, &tokenizer, folder);
        }
        let store = config.store();
        let (config, store) = (&config.data, store.as_path());
        Preparation { config, filters: &filters, tokenizer: &tokenizer, store, detail: Detail::Long }.prepare(folder)
    }

    /// The filters, for the data path.
    pub fn named_filters(&self) -> Vec<NamedFilter<'_>> {
        self.filters.iter().map(|(source, plugin)| named_filter(*source, plugin)).collect()
    }

    /// The tokenizer, and its model if the config names one.
    pub fn named_tokenizer(&self, config: &RunConfig) -> Result<NamedTokenizer<'_>> {
        let read = |path| fs::read(path).map_err(|error| Error::io(path, "read the tokenizer's model", &error));
        let mut digest = describe(self.tokenizer.stamp());
        let told = self.tokenizer.settings_given().get(END_OF_TEXT).and_then(toml::Value::as_str).unwrap_or_default();
        let end_of_text = match &config.tokenizer.end_of_text {
            // its settings are in the digest
            _ if told == NO_END_OF_TEXT => EndOfText::Named(told.to_owned()),
            _ if can_be_told(&self.tokenizer) => EndOfText::Required,
            Some(name) => {
                digest.push_str(&format!(" end of text {name:?}"));
                EndOfText::Named(name.clone())
            }
            None => EndOfText::Own,
        };
        Ok(NamedTokenizer {
            name: self.tokenizer.identity().name.clone(),
            digest,
            model: config.tokenizer.model.as_deref().map(read).transpose()?,
            end_of_text,
            make: Box::new(|| self.tokenizer.tokenizer()),
        })
    }
}

/// The setting of a tokenizer that can be told which of its tokens ends a document.
const END_OF_TEXT: &str = "end_of_text";

fn can_be_told(tokenizer: &Plugin) -> bool {
    tokenizer.identity().settings.iter().any(|setting| setting.name == END_OF_TEXT)
}

/// The tokenizer, told which token ends a document if the config says so and it can be told.
fn open_tokenizer(config: &RunConfig) -> Result<Plugin> {
    let tokenizer = Plugin::open(&config.tokenizer.plugin, Kind::Tokenizer)?;
    match &config.tokenizer.end_of_text {
        Some(name) if can_be_told(&tokenizer) => {
            let mut settings = config.tokenizer.plugin.config.clone();
            settings.insert(END_OF_TEXT.into(), name.clone().into());
            tokenizer.with_settings(&settings)
        }
        _ => Ok(tokenizer),
    }
}

fn named_filter(source: Option<u16>, plugin: &Plugin) -> NamedFilter<'_> {
    NamedFilter {
        name: plugin.identity().name.clone(),
        plugin: file(plugin.stamp()),
        settings: plugin.settings().collect(),
        source,
        make: Box::new(|| plugin.filter()),
    }
}

/// One line that changes whenever the plugin or its settings do.
pub fn describe(stamp: &Stamp) -> String {
    format!("{} {}", file(stamp), stamp.settings)
}

/// The plugin without its settings.
fn file(stamp: &Stamp) -> String {
    let Stamp { name, version, backend, sha256, .. } = stamp;
    format!("{name} {version} ({backend} {})", sha256.get(..16).unwrap_or("-"))
}
