//! `[start]` of a run's config: the weights that training begins from.

mod family;
mod folder;
mod guess;
mod imported;
mod load;
mod overrides;
mod report;
mod rows;

pub use family::model_types;
pub use folder::weights_folder;
pub use imported::Imported;
pub use load::StartWeights;
pub use overrides::merge;
pub use report::{ModelReport, TensorReport};

use crate::Result;
use crate::formats::hf::{CONFIG, Folder, NewRows, base};
use crate::formats::safetensors::Weights;
use crate::model::Params;
use crate::plugin::PluginConfig;
use crate::run::Described;
use crate::settings::Section;
use rows::ClassRows;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// `[start]`: the weights that training begins from, instead of random ones.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StartConfig {
    /// A folder of a Hugging Face model, a run's folder, or one of its checkpoints. `[model]` is as it says, and so is
    /// `[tokenizer]` if it has a `tokenizer.json` and nothing else is said.
    pub from: PathBuf,
    /// The vectors of tokens that the folder's vocabulary does not have.
    pub new_rows: NewRows,
    /// Whether the optimizer begins with its state in `from`, a run or one of its checkpoints, instead of zeros.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_optimizer: bool,
    /// Tokens that the folder's model has, as it says itself; the model that is trained has no fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vocab: Option<usize>,
    /// Id of the token that its decoder writes after, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_token: Option<u32>,
    /// Id of the token that it has to write first, as it says itself: a language, or BART's `<s>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begin_token: Option<u32>,
}

/// The file that a tokenizer of Hugging Face is in.
const TOKENIZER: &str = "tokenizer.json";

/// Most ids of tokens.
const IDS: i64 = u32::MAX as i64;

const NEW_ROWS: [(&str, NewRows); 2] = [("mean", NewRows::Mean), ("zeros", NewRows::Zeros)];

impl StartConfig {
    /// Reads the weights into the parameters `params` of the network that `described` has, with the settings of
    /// `plugin` and these `classes`, which are none where it has others than labels and tags. Where the folder has
    /// another head, what it lacks keeps its first values; classes are those of the same name. Returns what of it is
    /// new, for people.
    ///
    /// # Errors
    /// A folder that is no longer there, weights that are damaged or do not fit.
    pub fn load(
        &self,
        plugin: Option<&PluginConfig>,
        (described, classes): (&Described, &[String]),
        params: &Params,
    ) -> Result<Vec<String>> {
        let Described { network, sizes, field, .. } = described;
        let imported = Imported::open(&self.from, plugin)?;
        let rows = ClassRows::new(network, classes, sizes.labels as usize, &imported.folder);
        let head = |config: &PluginConfig| config.config.get("head").cloned();
        let other_head = plugin.is_some_and(|plugin| head(plugin) != head(&imported.config))
            || sizes.labels as usize != imported.folder.sizes.labels;
        let (vocab, head) = (sizes.vocab as usize, (other_head, rows));
        let mut weights = StartWeights::with_head(&imported, (network, field), vocab, head)?;
        weights.load(self.new_rows, params)?;
        Ok(weights.lines())
    }

    /// The files that decide what the model is: `config.json` and those of the weights; none if they are not there.
    pub(super) fn files(&self) -> Option<Vec<PathBuf>> {
        let mut files = vec![self.from.join(CONFIG)];
        files.extend(Weights::open(&self.from).ok()?.files());
        files[0].is_file().then_some(files)
    }

    /// Where the tokenizer of the folder is, if it has one.
    pub(super) fn tokenizer_path(&self) -> Option<PathBuf> {
        let own = self.from.join(TOKENIZER);
        // that of the model that an adapter is for
        let base = || base(&self.from).ok().flatten().map(|base| base.join(TOKENIZER));
        if own.is_file() { Some(own) } else { base().or(Some(own)) }
    }

    /// The tokenizer of the folder, if it has one.
    pub(super) fn tokenizer(&self) -> Option<PathBuf> {
        self.tokenizer_path().filter(|path| path.is_file())
    }

    /// What `[start]` may contain. A run that has begun does not need the folder again: where `is_resolved`, the rest
    /// of the config says what it has said.
    pub(crate) fn read(section: &mut Section<'_>, is_resolved: bool) -> Self {
        let from = section.required_path("from");
        let from = match weights_folder(&from) {
            // The run in it may go on: the config names the checkpoint.
            Ok(folder) => folder,
            Err(error) => {
                if !is_resolved && !from.as_os_str().is_empty() {
                    section.problem("from", error);
                }
                from
            }
        };
        let new_rows = section.choice("new_rows", &NEW_ROWS, NewRows::Mean);
        let keep_optimizer = section.boolean("keep_optimizer", false);
        let vocab = section.optional_integer("vocab", 1..=IDS);
        let start_token = section.optional_integer("start_token", 0..=IDS);
        let begin_token = section.optional_integer("begin_token", 0..=IDS);
        let said = Self { from, new_rows, keep_optimizer, vocab, start_token, begin_token };
        match Folder::open(&said.from) {
            Ok(folder) => Self {
                vocab: Some(folder.sizes.vocab),
                start_token: folder.token("decoder_start_token_id"),
                begin_token: folder.token("forced_bos_token_id"),
                ..said
            },
            Err(_) => said,
        }
    }
}
