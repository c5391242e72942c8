//! The plugins of a run.

use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::corpus::{DataConfig, NamedFilter};
use crate::feed::{self, Dataset, EndOfText, NamedTokenizer, Preparation};
use crate::plugin::{METRICS, Plugin, PluginConfig, RESERVED_NAMES, Stamp, Usage};
use crate::report::{Detail, PluginReport, VocabularyReport, distinct};
use crate::run::network::check_head;
use crate::run::{DataSizes, Described, RunConfig};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use trainyard_plugin::{Kind, NO_END_OF_TEXT};

/// The setting that asks a tokenizer for a number of tokens.
pub(crate) const VOCAB_SIZE: &str = "vocab_size";

/// The plugins that make a run's data, loaded.
pub struct DataPlugins {
    /// The tokenizer.
    pub tokenizer: Plugin,
    /// The filters, in order: those of single sources first, each with the source's number.
    pub filters: Filters,
}

/// Every plugin that a run's config names, loaded.
pub struct RunPlugins {
    /// The plugins that make the data.
    pub data: DataPlugins,
    /// The model.
    pub model: Plugin,
    /// Whether the config names the model's plugin, and not with `kind`.
    names_model: bool,
    /// The loss.
    pub loss: Plugin,
    /// Metrics over tokens.
    pub metrics: Vec<Plugin>,
    /// Metrics over generated text.
    pub text_metrics: Vec<Plugin>,
    /// Whether each metric of the config is one over text.
    is_text: Vec<bool>,
    /// See [`RunPlugins::keep`].
    kept: Mutex<Vec<Box<dyn Kept>>>,
}

/// The names of a run's metrics in results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricNames {
    /// Names of [`RunPlugins::metrics`], in order.
    pub tokens: Vec<String>,
    /// Names of [`RunPlugins::text_metrics`], in order.
    pub text: Vec<String>,
    /// Names that were used twice, and their replacements.
    pub renamed: Vec<(String, String)>,
}

impl MetricNames {
    /// Returns a line for each renamed metric.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let line = |(name, own): &(String, String)| {
            format!(
                "metric: the name {name:?} is taken, this one is recorded as {own:?}; give it a `name` in [[metric]]"
            )
        };
        self.renamed.iter().map(line)
    }
}

/// An instance of a plugin that is no longer used.
trait Kept: Send {}

impl<T: Send> Kept for T {}

impl RunPlugins {
    /// Loads all of them, so that a missing or wrong one stops the run before any work.
    ///
    /// # Errors
    /// A plugin that cannot be opened, is of another kind, or refuses its settings.
    pub fn open(config: &RunConfig) -> Result<Self> {
        Self::with(config, DataPlugins::open(config)?)
    }

    /// Loads those that measure a finished model, in addition to its `tokenizer`: no filters.
    ///
    /// # Errors
    /// A plugin that cannot be opened, is of another kind, or refuses its settings.
    pub fn measuring(config: &RunConfig, tokenizer: Plugin) -> Result<Self> {
        Self::with(config, DataPlugins { tokenizer, filters: Vec::new() })
    }

    fn with(config: &RunConfig, data: DataPlugins) -> Result<Self> {
        let (mut metrics, mut text_metrics, mut is_text) = (Vec::new(), Vec::new(), Vec::new());
        let writes_text = config.task.writes_text() || !config.eval.text.is_empty();
        for metric in &config.metric {
            let plugin = Plugin::open_any(metric, METRICS)?;
            is_text.push(plugin.identity().kind == Kind::TextMetric);
            match plugin.identity().kind {
                Kind::TextMetric if writes_text => text_metrics.push(plugin),
                Kind::TextMetric => {
                    let (name, task) = (&plugin.identity().name, config.task.name());
                    return Err(Error::usage(format!(
                        "metric: {name:?} compares texts, and task {task:?} writes none; remove it"
                    )));
                }
                _ => metrics.push(plugin),
            }
        }
        if text_metrics.is_empty() && !config.eval.text.is_empty() {
            return Err(Error::usage(
                "eval.text: no metric compares texts; add one, such as [[metric]] plugin = \"exact-match\"",
            ));
        }
        let loss = Plugin::open(&config.loss, Kind::Loss)?;
        let model = Plugin::open(&config.model.plugin(), Kind::Model)?;
        check_head(&config.task, &model)?;
        let names_model = config.model.named_plugin().is_some();
        Ok(Self { data, model, names_model, loss, metrics, text_metrics, is_text, kept: Mutex::default() })
    }

    /// Returns what the model's plugin says for data of these sizes.
    ///
    /// # Errors
    /// Whatever the plugin reports.
    pub fn described(&self, config: &RunConfig, sizes: DataSizes) -> Result<Described> {
        Described::new(&self.model, &config.model.sizes(sizes))?.of_run(config)
    }

    /// Returns the name of every metric: they differ, so that none hides another in a record.
    pub fn metric_names(&self) -> MetricNames {
        let all = self.metrics.iter().chain(&self.text_metrics).map(Plugin::result_name);
        let mut tokens = distinct(all.clone(), &RESERVED_NAMES);
        let renamed = all.zip(&tokens).filter(|(name, own)| name != own);
        let renamed = renamed.map(|(name, own)| (name.to_owned(), own.clone())).collect();
        let text = tokens.split_off(self.metrics.len());
        MetricNames { tokens, text, renamed }
    }

    /// Takes an instance that has done its work. It is destroyed with the plugins, after the report was shown: closing
    /// a plugin can fail, and this must not lose the results.
    pub fn keep(&self, instance: impl Send + 'static) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(instance));
    }

    /// Returns each plugin with its place in the config. A model that is named by its kind has none: it was no plugin
    /// when that was the only way.
    fn all(&self) -> impl Iterator<Item = (&'static str, &Plugin)> {
        let metrics = self.metrics.iter().chain(&self.text_metrics);
        let model = Some(("model", &self.model)).filter(|_| self.names_model);
        let all = [("tokenizer", &self.data.tokenizer), ("loss", &self.loss)].into_iter().chain(model);
        all.chain(self.data.filters.iter().map(|(_, plugin)| ("filter", plugin)))
            .chain(metrics.map(|plugin| ("metric", plugin)))
    }

    /// Returns each plugin's place in the config and its stamp.
    pub fn stamps(&self) -> Vec<(&'static str, &Stamp)> {
        self.all().map(|(place, plugin)| (place, plugin.stamp())).collect()
    }

    /// Returns each plugin with its key in the config, such as `metric.0`, and its table there.
    pub(crate) fn in_config<'a>(&'a self, config: &'a RunConfig) -> Vec<(String, &'a Plugin, &'a PluginConfig)> {
        let (mut metrics, mut text_metrics) = (self.metrics.iter(), self.text_metrics.iter());
        let next = |is_text: &bool| if *is_text { text_metrics.next() } else { metrics.next() };
        let metrics: Vec<_> = self.is_text.iter().filter_map(next).collect();
        let keys = (0..).map(|index: usize| format!("metric.{index}"));
        let metrics = keys.zip(metrics).zip(&config.metric).map(|((key, plugin), config)| (key, plugin, config));
        let filters = self.data.filters.iter().zip(config.data.filters());
        let filters = filter_keys(&config.data).into_iter().zip(filters);
        let filters = filters.map(|(key, ((_, plugin), (_, config)))| (key, plugin, config));
        let tokenizer = ("tokenizer".to_owned(), &self.data.tokenizer, &config.tokenizer.plugin);
        let single = [tokenizer, ("loss".to_owned(), &self.loss, &config.loss)];
        let model = config.model.named_plugin().map(|config| ("model".to_owned(), &self.model, config));
        single.into_iter().chain(model).chain(filters).chain(metrics).collect()
    }

    /// Returns the key that names each plugin, such as `metric.0.plugin`, with name, version and file, for the
    /// identity.
    pub(crate) fn files(&self, config: &RunConfig) -> BTreeMap<String, String> {
        let all = self.in_config(config).into_iter();
        all.map(|(key, plugin, _)| (key + ".plugin", file(plugin.stamp()))).collect()
    }

    /// Returns what each plugin did and cost so far.
    pub fn report(&self) -> Vec<PluginReport> {
        let report = |(place, plugin): (&'static str, &Plugin)| {
            let Usage { calls, items, bytes, seconds, errors, skipped, restarts } = plugin.usage();
            let Stamp { name, backend, .. } = plugin.stamp().clone();
            let place = place.into();
            PluginReport { place, name, backend, calls, items, bytes, seconds, errors, skipped, restarts }
        };
        // a conditional random field asks no loss
        let did = |report: &PluginReport| report.place != "loss" || report.calls > 0;
        self.all().map(report).filter(did).collect()
    }
}

impl DataPlugins {
    /// Loads them.
    ///
    /// # Errors
    /// A plugin that cannot be opened, is of another kind, or refuses its settings.
    pub fn open(config: &RunConfig) -> Result<Self> {
        Ok(Self { filters: open_filters(&config.data)?, tokenizer: open_tokenizer(config)? })
    }

    /// Prepares the config's data, filtered and tokenized by new instances of the plugins, or its tokens, in `folder`.
    ///
    /// # Errors
    /// Data that cannot be read, a plugin that fails, or a folder that cannot be written.
    pub fn prepare(&self, config: &RunConfig, folder: &Path) -> Result<Dataset> {
        let (filters, tokenizer) = (self.named_filters(), self.named_tokenizer(config)?);
        if let Some(tokens) = &config.data.tokens {
            return feed::import(tokens, &tokenizer, folder);
        }
        let store = config.store();
        let encoding = config.task.encoding(config.tokenizer_folder())?;
        let (config, task, store) = (&config.data, encoding.as_ref(), store.as_path());
        Preparation { config, filters: &filters, tokenizer: &tokenizer, task, store, detail: Detail::Long }
            .prepare(folder)
    }

    /// Returns the filters, for the data path.
    pub fn named_filters(&self) -> Vec<NamedFilter<'_>> {
        named_filters(&self.filters)
    }

    /// Returns the tokenizer, and its model if the config names one.
    ///
    /// # Errors
    /// A model file that cannot be read.
    pub fn named_tokenizer(&self, config: &RunConfig) -> Result<NamedTokenizer<'_>> {
        let wrong = |path, error| Error::io(path, "read the tokenizer's model", &error);
        let read = |path| read_file(path, MAX_BINARY_BYTES).map_err(|error| wrong(path, error));
        Ok(NamedTokenizer {
            model: config.tokenizer.model.as_deref().map(read).transpose()?,
            ..self.trained_tokenizer(config)
        })
    }

    /// Returns the tokenizer, for use with an existing model.
    pub fn trained_tokenizer(&self, config: &RunConfig) -> NamedTokenizer<'_> {
        trained_tokenizer(config, &self.tokenizer)
    }

    /// Returns the size of a vocabulary that a tokenizer which is trained is asked for.
    fn asked_vocabulary(&self) -> Option<u64> {
        let given = self.tokenizer.settings().find(|(key, _)| key == VOCAB_SIZE).map(|(_, value)| value);
        let default = || self.tokenizer.identity().settings.iter().find(|setting| setting.name == VOCAB_SIZE);
        let asked = given.or_else(|| default().map(|setting| setting.default.clone()));
        let digits = asked.map(|text| text.chars().take_while(|c| c.is_ascii_digit() || *c == '_').collect::<String>());
        digits.and_then(|digits| digits.replace('_', "").parse().ok())
    }

    /// Returns the size of the vocabulary that the config's tokenizer has, or will have once it is trained.
    ///
    /// # Errors
    /// A model that cannot be read, whatever the tokenizer reports.
    pub fn expected_vocabulary(&self, config: &RunConfig) -> Result<usize> {
        let named = self.named_tokenizer(config)?;
        if let (None, Some(asked)) = (&named.model, self.asked_vocabulary()) {
            return Ok(asked as usize);
        }
        let mut tokenizer = self.tokenizer.tokenizer()?;
        let model = match named.model {
            Some(model) => model,
            // one that is not trained has the same vocabulary whatever the text
            None => tokenizer.observe(&["text"]).and_then(|()| tokenizer.train())?,
        };
        tokenizer.load(&model)?;
        Ok(tokenizer.vocabulary()?.tokens.len())
    }

    /// Returns the size of a vocabulary of `n_tokens` tokens, and the size that a trained tokenizer was asked for.
    pub fn vocabulary(&self, config: &RunConfig, n_tokens: usize) -> VocabularyReport {
        let asked = self.asked_vocabulary();
        let tokens = n_tokens as u64;
        let is_trained = config.tokenizer.model.is_none() && config.data.tokens.is_none();
        VocabularyReport { tokens, asked: asked.filter(|&asked| is_trained && asked > tokens) }
    }
}

/// Returns a run's tokenizer, for use with an existing model.
pub fn trained_tokenizer<'a>(config: &RunConfig, tokenizer: &'a Plugin) -> NamedTokenizer<'a> {
    let (digest, end_of_text) = end_of_text(config, tokenizer);
    NamedTokenizer {
        name: tokenizer.identity().name.clone(),
        digest,
        model: None,
        end_of_text,
        make: Box::new(|| tokenizer.tokenizer()),
    }
}

/// Filters, each with the number of the source that it is for, if it is for one.
pub type Filters = Vec<(Option<u16>, Plugin)>;

/// Loads only the filters.
///
/// # Errors
/// A plugin that cannot be opened, is of another kind, or refuses its settings.
pub fn open_filters(data: &DataConfig) -> Result<Filters> {
    data.filters().map(|(source, filter)| Ok((source, Plugin::open(filter, Kind::Filter)?))).collect()
}

/// Filters for the data path.
pub fn named_filters(filters: &[(Option<u16>, Plugin)]) -> Vec<NamedFilter<'_>> {
    filters.iter().map(|(source, plugin)| named_filter(*source, plugin)).collect()
}

/// Every plugin that a config names: the key of its table, its place, and its config. Whatever is done to all plugins
/// of a config goes through here, so that none is forgotten.
pub(crate) fn named_plugins(config: &mut RunConfig) -> Vec<(String, &'static str, &mut PluginConfig)> {
    let filter_keys = filter_keys(&config.data).into_iter();
    let of_sources = config.data.source.iter_mut().flat_map(|source| &mut source.filter);
    let filters = of_sources.chain(&mut config.data.filter).zip(filter_keys);
    let metrics = config.metric.iter_mut().enumerate().map(|(index, plugin)| (plugin, format!("metric.{index}")));
    let filters = filters.map(|(plugin, key)| (key, "filter", plugin));
    let metrics = metrics.map(|(plugin, key)| (key, "metric", plugin));
    let tokenizer = ("tokenizer".to_owned(), "tokenizer", &mut config.tokenizer.plugin);
    let model = config.model.named_plugin_mut().map(|plugin| ("model".to_owned(), "model", plugin));
    let single = [tokenizer, ("loss".to_owned(), "loss", &mut config.loss)].into_iter().chain(model);
    single.chain(filters).chain(metrics).collect()
}

/// Returns the key of each filter's table, in the order of [`DataConfig::filters`].
pub(crate) fn filter_keys(data: &DataConfig) -> Vec<String> {
    let of = |table: String, n: usize| (0..n).map(move |index| format!("{table}.{index}"));
    let sources = data.source.iter().enumerate();
    let of_sources = sources.flat_map(|(index, source)| of(format!("data.source.{index}.filter"), source.filter.len()));
    of_sources.chain(of("data.filter".to_owned(), data.filter.len())).collect()
}

/// The setting of a tokenizer that says which of its tokens ends a document.
const END_OF_TEXT: &str = "end_of_text";

/// Returns what the tokens depend on besides the tokenizer's model, and which of them ends a document.
fn end_of_text(config: &RunConfig, tokenizer: &Plugin) -> (String, EndOfText) {
    let digest = describe(tokenizer.stamp());
    let told = tokenizer.settings_given().get(END_OF_TEXT).and_then(toml::Value::as_str).unwrap_or_default();
    match &config.tokenizer.end_of_text {
        // its settings are in the digest
        _ if told == NO_END_OF_TEXT => (digest, EndOfText::Named(told.to_owned())),
        _ if can_be_told(tokenizer) => (digest, EndOfText::Required),
        Some(name) => (format!("{digest} end of text {name:?}"), EndOfText::Named(name.clone())),
        None => (digest, EndOfText::Own),
    }
}

/// Returns the name of the tokenizer in the manifest of the data that it made.
pub fn tokenizer_digest(config: &RunConfig, tokenizer: &Plugin) -> String {
    end_of_text(config, tokenizer).0
}

fn can_be_told(tokenizer: &Plugin) -> bool {
    tokenizer.identity().settings.iter().any(|setting| setting.name == END_OF_TEXT)
}

/// Opens the tokenizer, and passes on which token ends a document if the config says so and the tokenizer accepts it.
/// # Errors
/// A plugin that cannot be opened, or refuses its settings.
pub fn open_tokenizer(config: &RunConfig) -> Result<Plugin> {
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

/// Returns one line that changes whenever the plugin or its settings do.
pub fn describe(stamp: &Stamp) -> String {
    format!("{} {}", file(stamp), stamp.settings)
}

/// Returns the plugin without its settings.
fn file(stamp: &Stamp) -> String {
    let Stamp { name, version, backend, sha256, .. } = stamp;
    format!("{name} {version} ({backend} {})", sha256.get(..16).unwrap_or("-"))
}
