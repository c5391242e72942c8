//! A model that is asked about documents: that of a run, or one in a folder of another program that no run knows.

use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::eval::run::{OpenRun, network};
use crate::feed::Given;
use crate::feed::tasks::Classes;
use crate::formats::hf::{CONFIG, Config, Folder, NewRows};
use crate::formats::peft::ADAPTER_CONFIG;
use crate::model::Model;
use crate::plugin::Plugin;
use crate::run::{Imported, RunConfig, RunFolder, RunTask, StartWeights, open_tokenizer, trained_tokenizer};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use trainyard_plugin::Kind;

/// A model with what its task says of documents.
pub struct PredictingModel {
    /// The run's config, or that of a run that would start from the folder.
    pub config: RunConfig,
    /// The task.
    pub task: RunTask,
    /// The network.
    pub model: Model,
    /// Bytes of text per token, shape [vocabulary].
    pub token_bytes: Vec<u32>,
    /// The folder of its files.
    pub folder: PathBuf,
    tokenizer: Plugin,
    /// What the tokenizer loads.
    file: Vec<u8>,
}

impl PredictingModel {
    /// Takes the model of an opened run, and warns of plugins that are not the run's.
    pub fn of_run(run: OpenRun) -> Self {
        run.warn_of_changes();
        let OpenRun { run, tokenizer, data, task, model, checkpoint, .. } = run;
        let (token_bytes, file) = (data.tokenizer.token_bytes, data.tokenizer.model);
        Self { config: run.config, task, model, token_bytes, folder: checkpoint.folder, tokenizer, file }
    }

    /// Opens the model of another program in the folder `from`, whose `config.json` says what it does, with the
    /// tokenizer next to it. `set` are settings as of a run that starts from it.
    ///
    /// # Errors
    /// A folder that cannot be imported or has no tokenizer, a model that predicts nothing of documents.
    pub fn of_folder(from: &Path, set: &[String]) -> Result<Self> {
        let config = as_run(&Folder::open(from)?, set)?;
        let imported = Imported::open(from, config.model.named_plugin())?;
        let tokenizer = open_tokenizer(&config)?;
        let path = config.tokenizer.model.as_deref().ok_or_else(|| {
            let cure = "name one with --set tokenizer.model=FILE, and its plugin with --set tokenizer.plugin=NAME";
            Error::usage(format!("{}: no tokenizer.json in it; {cure}", from.display()))
        })?;
        let file = read_file(path, MAX_BINARY_BYTES).map_err(|error| Error::io(path, "read", &error))?;
        let given = Given::new(&trained_tokenizer(&config, &tokenizer), &file)?;
        let (vocabulary, classes) = (given.vocabulary(), Classes::listed(imported.folder.label_names()));
        let task = RunTask::with_classes(&config, vocabulary, given.end_of_text(), classes)?;
        let plugin = Plugin::open(&config.model.plugin(), Kind::Model)?;
        let (model, described) = network(&config, &plugin, &task)?;
        StartWeights::new(&imported, &described.network, task.sizes.vocab)?.load(NewRows::default(), model.params())?;
        let token_bytes = vocabulary.tokens.iter().map(|token| token.len() as u32).collect();
        Ok(Self { config, task, model, token_bytes, folder: from.to_owned(), tokenizer, file })
    }

    /// Its tokenizer, loaded.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn given(&self) -> Result<Given> {
        Given::new(&trained_tokenizer(&self.config, &self.tokenizer), &self.file)
    }
}

/// The config of a run in the folder `root`, or of one that would start from the model of another program there.
///
/// # Errors
/// A folder that is neither, settings that are refused.
pub fn config_of(root: &Path, set: &[String]) -> Result<RunConfig> {
    match is_model(root) {
        true => as_run(&Folder::open(root)?, set),
        false => crate::run::config_of(&RunFolder::open(root)?, set),
    }
}

/// Says whether a folder is the model of another program, and not a run.
pub fn is_model(root: &Path) -> bool {
    let has = |name: &str| root.join(name).is_file();
    (has(CONFIG) || has(ADAPTER_CONFIG)) && !has("config.toml")
}

/// The config of a run that would start from `folder`, for what its model predicts.
fn as_run(folder: &Folder, set: &[String]) -> Result<RunConfig> {
    let (task, root) = (task(&folder.config, folder.sizes.labels)?, folder.root());
    let Some(from) = root.to_str() else {
        return Err(Error::usage(format!("{}: expected a path in UTF-8", root.display())));
    };
    let from = toml::Value::from(from);
    let data = "[data]\npacking = \"pad\"\n[[data.source]]\npath = \"documents.jsonl\"\n";
    RunConfig::parse(&format!("{data}[start]\nfrom = {from}\n[task]\n{task}\n"), set)
}

/// `[task]` of what a model with so many labels does, as the class in transformers says that it was saved from.
fn task(config: &Config, labels: usize) -> Result<&'static str> {
    let text = |key: &str| config.get(key).and_then(|value| value.as_str());
    let classes = config.architectures();
    let is_for = |what: &str| classes.iter().any(|class| class.ends_with(what));
    Ok(match (labels, text("problem_type")) {
        _ if is_for("ForConditionalGeneration") => "kind = \"seq2seq\"",
        _ if is_for("ForCausalLM") || is_for("LMHeadModel") => "kind = \"causal\"",
        (0, _) => {
            let got = if classes.is_empty() { "no class".to_owned() } else { classes.join(", ") };
            let expected = "a model for sequence or token classification, for conditional generation, or a causal one";
            return Err(config.wrong(&format!("architectures: expected {expected}, got {got}")));
        }
        _ if is_for("ForTokenClassification") || text("head") == Some("tokens") => "kind = \"tags\"",
        (_, Some("multi_label_classification")) => "kind = \"labels\"\nvalues = \"several\"",
        (_, Some("regression")) | (1, None) => "kind = \"labels\"\nvalues = \"number\"",
        _ => "kind = \"labels\"",
    })
}
