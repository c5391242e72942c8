//! Files in a checkpoint for other programs, besides `config.json` and the weights: the tokenizer, and how to generate.

mod task;
mod tokens;

use super::folder::checkpoint::Writer;
use crate::feed::Dataset;
use crate::feed::tasks::{ChatTemplate, TaskConfig};
use crate::formats::hf::{Config, GENERATION, read_around};
use crate::formats::peft::{BASE, Base};
use crate::plugin::hugging_face_tokenizer;
use crate::run::{RunConfig, RunTask};
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::Path;
use tokens::Tokens;

const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const TEMPLATE: &str = "chat_template.jinja";

/// The class of transformers that takes a tokenizer as its file says, and names no special tokens by itself.
const ANY: &str = "PreTrainedTokenizerFast";

/// The files of a run's tokenizer, the same in each of its checkpoints.
pub struct TokenizerFolder {
    /// `tokenizer.json` and `tokenizer_config.json`; none for third-party tokenizers.
    files: Option<(Value, Value)>,
    generation: Value,
    /// Ids of tokens that the run's task says.
    ids: Vec<(&'static str, u32)>,
    task: RunTask,
    /// The model, if `tokenizer.json` does not hold it.
    model: Vec<u8>,
    /// How conversations are written, where other files do not say it.
    template: Option<ChatTemplate>,
    /// The model that an adapter is for.
    base: Option<Base>,
    kept: Kept,
}

/// What the model that the run starts from has said to other programs, if the run has its tokenizer too.
#[derive(Default)]
struct Kept {
    /// Files by name: how to generate, special tokens, the chat template.
    files: Vec<(&'static str, Vec<u8>)>,
    /// Ids of special tokens in `config.json`.
    ids: Map<String, Value>,
}

impl Kept {
    /// Reads them: where the run was resumed, from its checkpoint `resumed`.
    fn new(config: &RunConfig, resumed: Option<&Path>) -> Result<Self> {
        let start = config.start.as_ref().filter(|start| config.tokenizer.model == start.tokenizer_path());
        let Some(start) = start else { return Ok(Self::default()) };
        let folder = resumed.or(config.tokenizer_folder()).unwrap_or(&start.from);
        let mut files = read_around(folder)?;
        // The run's own, which is written with what the run does to it.
        files.retain(|(name, _)| *name != TOKENIZER);
        let json = Config::read(folder)?.json().clone();
        let ids = json.into_iter().filter(|(key, id)| key.ends_with("_token_id") && !id.is_null()).collect();
        Ok(Self { files, ids })
    }

    /// Names the special tokens of the task in a `tokenizer_config.json` that does not know them, as that of a run with
    /// another task.
    fn complete(&mut self, task: &RunTask, file: Option<&Value>) -> Result<()> {
        let config = self.files.iter_mut().find(|(name, _)| *name == TOKENIZER_CONFIG);
        let (Some(file), Some((_, bytes))) = (file, config) else { return Ok(()) };
        let Ok(Value::Object(mut config)) = serde_json::from_slice(bytes) else { return Ok(()) };
        if config.get("tokenizer_class").is_none_or(|class| class != ANY) {
            return Ok(());
        }
        for (key, name) in task::special_tokens(task, &Tokens(file)) {
            config.entry(key).or_insert_with(|| name.into());
        }
        *bytes =
            serde_json::to_vec_pretty(&config).map_err(|error| Error::run(format!("{TOKENIZER_CONFIG}: {error}")))?;
        Ok(())
    }
}

impl TokenizerFolder {
    /// Makes the files of the tokenizer that made `data`, for a run of `task` that was resumed from the checkpoint
    /// `resumed`, or from none. Warns if other programs cannot load it.
    ///
    /// # Errors
    /// A model that its tokenizer does not load, files that cannot be read.
    pub fn new(config: &RunConfig, (data, task): (&Dataset, &RunTask), resumed: Option<&Path>) -> Result<Self> {
        let (name, tokenizer) = (&data.manifest.tokenizer.name, &data.tokenizer);
        let end_of_text = tokenizer.end_of_text;
        let file = hugging_face_tokenizer(name, &config.tokenizer.plugin, &tokenizer.model)?;
        if file.is_none() {
            tracing::warn!(
                "tokenizer {name:?} has no form that Hugging Face's programs load: checkpoints have no tokenizer.json, \
                 but trainyard/tokenizer.model"
            );
        }
        let files = file.map(|file| {
            let file = task::describe_tokenizer(file, task);
            let settings = tokenizer_config(&Tokens(&file), end_of_text, task, config.model.context());
            (file, settings)
        });
        let ids: Vec<_> = task.token_ids().collect();
        let mut generation =
            json!({"bos_token_id": end_of_text, "eos_token_id": end_of_text, "pad_token_id": end_of_text});
        ids.iter().for_each(|&(key, id)| generation[key] = id.into());
        let (model, mut kept) = (tokenizer.model.clone(), Kept::new(config, resumed)?);
        let template = template(config, &kept, resumed)?;
        if let (Some(template), Some((file, _))) = (&template, &files)
            && let Some(end) = end_of_turn(template, &Tokens(file))
        {
            let ends: Vec<u32> = end_of_text.into_iter().chain([end]).collect();
            generation["eos_token_id"] = ends.into();
        }
        kept.complete(task, files.as_ref().map(|(file, _)| file))?;
        let base = config.start.as_ref().filter(|_| config.adapter.is_some());
        let base = base.map(|start| Base::of(&start.from)).transpose()?;
        Ok(Self { files, generation, ids, task: task.clone(), model, template, base, kept })
    }

    /// Writes the files into a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, writer: &mut Writer) -> Result<()> {
        for (name, bytes) in self.kept.files.iter().filter(|(name, _)| *name != TEMPLATE || self.template.is_none()) {
            writer.bytes(name, bytes)?;
        }
        if let Some(template) = &self.template {
            writer.bytes(TEMPLATE, template.template.source().as_bytes())?;
        }
        if let Some(base) = &self.base {
            writer.json(BASE, base)?;
        }
        let is_kept = |name: &str| self.kept.files.iter().any(|(kept, _)| *kept == name);
        if !is_kept(GENERATION) {
            writer.json(GENERATION, &self.generation)?;
        }
        let Some((file, settings)) = &self.files else {
            return writer.bytes("trainyard/tokenizer.model", &self.model);
        };
        writer.json(TOKENIZER, file)?;
        if is_kept(TOKENIZER_CONFIG) { Ok(()) } else { writer.json(TOKENIZER_CONFIG, settings) }
    }

    /// `config.json` with the names of the task's classes, the special tokens of the model that the run starts from,
    /// and those of the task.
    pub fn config(&self, mut config: Value) -> Value {
        let none = Value::Null;
        let file = self.files.as_ref().map_or(&none, |(file, _)| file);
        task::describe_classes(&mut config, &self.task, &Tokens(file));
        for (key, id) in &self.kept.ids {
            config[key] = id.clone();
        }
        for &(key, id) in &self.ids {
            config[key] = id.into();
        }
        config
    }
}

/// The template of a run on conversations; none where what is `kept` of another model has it.
///
/// # Errors
/// A template that cannot be read.
fn template(config: &RunConfig, kept: &Kept, resumed: Option<&Path>) -> Result<Option<ChatTemplate>> {
    let TaskConfig::Chat(chat) = &config.task else { return Ok(None) };
    let says = |(name, bytes): &(&str, Vec<u8>)| match *name {
        TEMPLATE => true,
        TOKENIZER_CONFIG => {
            serde_json::from_slice::<Value>(bytes).is_ok_and(|config| config.get("chat_template").is_some())
        }
        _ => false,
    };
    if chat.template.is_none() && kept.files.iter().any(says) {
        return Ok(None);
    }
    let template = match resumed {
        Some(folder) => ChatTemplate::open(None, Some(folder))?,
        None => ChatTemplate::open(chat.template.as_deref(), config.tokenizer_folder())?,
    };
    Ok(Some(template))
}

/// The token that a template writes behind an answer, if that is one.
fn end_of_turn(template: &ChatTemplate, tokens: &Tokens<'_>) -> Option<u32> {
    let (text, place) = template.behind_answer()?;
    let names = tokens.added_names().filter(|name| text[place..].starts_with(name));
    tokens.id(names.max_by_key(|name| name.len())?)
}

/// Tells transformers to use the tokenizer exactly as in the file, whatever the model's architecture.
fn tokenizer_config(tokens: &Tokens<'_>, end_of_text: Option<u32>, task: &RunTask, context: usize) -> Value {
    let mut config = Map::new();
    config.insert("tokenizer_class".into(), ANY.into());
    config.insert("model_max_length".into(), context.into());
    config.insert("clean_up_tokenization_spaces".into(), false.into());
    if let Some(end) = end_of_text.and_then(|id| tokens.name(id)) {
        for key in ["bos_token", "eos_token", "pad_token"] {
            config.insert(key.into(), end.clone().into());
        }
    }
    let model = &tokens.0["model"];
    let unknown = model["unk_token"]
        .as_str()
        .or_else(|| model["vocab"][usize::try_from(model["unk_id"].as_u64()?).ok()?][0].as_str());
    if let Some(unknown) = unknown {
        config.insert("unk_token".into(), unknown.into());
    }
    config.extend(task::special_tokens(task, tokens).into_iter().map(|(key, name)| (key.to_owned(), name.into())));
    if task.config().has_source() {
        // transformers' models of this task refuse types of tokens
        config.insert("model_input_names".into(), json!(["input_ids", "attention_mask"]));
    }
    Value::Object(config)
}
