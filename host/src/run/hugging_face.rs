//! Files in a checkpoint for other programs, besides `config.json` and the weights: the tokenizer, and how to generate.

use super::folder::checkpoint::Writer;
use crate::Result;
use crate::feed::Dataset;
use crate::formats::hf::{Config, GENERATION, read_around};
use crate::plugin::hugging_face_tokenizer;
use crate::run::{RunConfig, RunTask};
use serde_json::{Map, Value, json};
use std::path::Path;

const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// The files of a run's tokenizer, the same in each of its checkpoints.
pub struct TokenizerFolder {
    /// `tokenizer.json` and `tokenizer_config.json`; none for third-party tokenizers.
    files: Option<(Value, Value)>,
    generation: Value,
    /// Ids of tokens that the run's task says.
    ids: Vec<(&'static str, u32)>,
    /// The model, if `tokenizer.json` does not hold it.
    model: Vec<u8>,
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
        let folder = resumed.unwrap_or(&start.from);
        let mut files = read_around(folder)?;
        // The run's own, which is written with what the run does to it.
        files.retain(|(name, _)| *name != TOKENIZER);
        let json = Config::read(folder)?.json().clone();
        let ids = json.into_iter().filter(|(key, id)| key.ends_with("_token_id") && !id.is_null()).collect();
        Ok(Self { files, ids })
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
            let settings = tokenizer_config(&file, end_of_text, config.model.context());
            (file, settings)
        });
        let ids: Vec<_> = task.token_ids().collect();
        let mut generation =
            json!({"bos_token_id": end_of_text, "eos_token_id": end_of_text, "pad_token_id": end_of_text});
        ids.iter().for_each(|&(key, id)| generation[key] = id.into());
        Ok(Self { files, generation, ids, model: tokenizer.model.clone(), kept: Kept::new(config, resumed)? })
    }

    /// Writes the files into a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, writer: &mut Writer) -> Result<()> {
        for (name, bytes) in &self.kept.files {
            writer.bytes(name, bytes)?;
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

    /// `config.json` with the special tokens of the model that the run starts from, and those of the run's task.
    pub fn config(&self, mut config: Value) -> Value {
        for (key, id) in &self.kept.ids {
            config[key] = id.clone();
        }
        for &(key, id) in &self.ids {
            config[key] = id.into();
        }
        config
    }
}

/// Tells transformers to use the tokenizer exactly as in the file, whatever the model's architecture.
fn tokenizer_config(file: &Value, end_of_text: Option<u32>, context: usize) -> Value {
    let tokens = file["added_tokens"].as_array();
    let name = |id: u64| {
        let token = tokens.into_iter().flatten().find(|token| token["id"].as_u64() == Some(id));
        token.and_then(|token| token["content"].as_str())
    };
    let mut config = Map::new();
    config.insert("tokenizer_class".into(), "PreTrainedTokenizerFast".into());
    config.insert("model_max_length".into(), context.into());
    config.insert("clean_up_tokenization_spaces".into(), false.into());
    if let Some(end) = end_of_text.and_then(|id| name(id.into())) {
        for key in ["bos_token", "eos_token", "pad_token"] {
            config.insert(key.into(), end.into());
        }
    }
    let unknown = &file["model"]["unk_token"];
    let unknown = unknown
        .as_str()
        .or_else(|| file["model"]["vocab"][usize::try_from(file["model"]["unk_id"].as_u64()?).ok()?][0].as_str());
    if let Some(unknown) = unknown {
        config.insert("unk_token".into(), unknown.into());
    }
    Value::Object(config)
}
