//! What follows from the kind of a task: its model, loss, metrics and row inputs.

use super::{DenoiseConfig, Form, LabelsConfig, TagsConfig, TaskConfig};
use crate::Result;
use crate::corpus::Packing;
use crate::feed::batch::SUPPLIED;
use crate::feed::tasks::labels::{CLASS, NUMBERS, Values};
use crate::feed::tasks::{Classes, Marks, denoise};
use crate::rows::InputSet;
use std::path::Path;
use trainyard_plugin::Vocabulary;

impl TaskConfig {
    /// Whether the logits of a row are not those of tokens.
    pub fn has_labels(&self) -> bool {
        matches!(self, Self::Labels(_) | Self::Tags(_))
    }

    /// Whether its model writes a text from another.
    pub fn has_source(&self) -> bool {
        matches!(self, Self::Seq2Seq(_) | Self::Denoise(_))
    }

    /// Whether its model continues a text.
    pub fn continues_text(&self) -> bool {
        matches!(self, Self::Causal | Self::Chat(_))
    }

    /// The file that says how conversations are written, where the config names one.
    pub fn template(&self) -> Option<&Path> {
        match self {
            Self::Chat(config) => config.template.as_deref(),
            _ => None,
        }
    }

    /// How documents become sequences where the config does not say.
    pub fn packing(&self) -> Packing {
        if matches!(self, Self::Chat(_)) { Packing::BestFit } else { Packing::Concatenate }
    }

    /// Whether its model writes texts that can be compared with those of documents.
    pub fn writes_text(&self) -> bool {
        matches!(self, Self::Causal | Self::Seq2Seq(_))
    }

    /// The name of the special token that a target is written after, where the config says it.
    pub fn start(&self) -> Option<&str> {
        match self {
            Self::Seq2Seq(config) => config.start.as_deref(),
            Self::Denoise(config) => config.start.as_deref(),
            _ => None,
        }
    }

    /// The tokens that it needs in windows of `context` tokens, besides `marks`.
    ///
    /// # Errors
    /// A tokenizer that has too few.
    pub fn marks(&self, marks: Marks, vocabulary: &Vocabulary, context: usize) -> Result<Marks> {
        match self {
            Self::Denoise(config) if config.form == Form::T5 => {
                marks.with_sentinels(vocabulary, denoise::spans_max(config, context))
            }
            _ => Ok(marks),
        }
    }

    /// Says whether tokens are hidden behind one mask.
    pub fn has_mask(&self) -> bool {
        matches!(self, Self::Masked(_) | Self::Denoise(DenoiseConfig { form: Form::Bart, .. }))
    }

    /// Ids that the model has at least: more than the tokenizer has, where the task needs tokens of its own.
    pub fn n_ids(&self, marks: &Marks) -> usize {
        let with_mask = if self.has_mask() { marks.mask as usize + 1 } else { 0 };
        marks.n_ids().max(with_mask)
    }

    /// Whether what it predicts has names: labels or tags.
    pub fn has_classes(&self) -> bool {
        matches!(self, Self::Tags(_)) || matches!(self, Self::Labels(config) if config.values != Values::Number)
    }

    /// Row inputs that its batches carry.
    pub fn supplied(&self) -> InputSet {
        match self {
            Self::Labels(LabelsConfig { values: Values::One, .. }) | Self::Tags(_) => CLASS,
            Self::Labels(_) | Self::Embeddings(_) => NUMBERS,
            _ => SUPPLIED,
        }
    }

    /// Labels that the config lists, or two where it lists none and needs some; 0 where logits are those of tokens.
    pub fn listed_labels(&self) -> usize {
        match self {
            Self::Labels(config) if config.values == Values::Number => 1,
            Self::Embeddings(_) => 1,
            Self::Labels(LabelsConfig { labels, .. }) | Self::Tags(TagsConfig { labels, .. }) => labels.len().max(2),
            _ => 0,
        }
    }

    /// Number of logits of a row, where they are not tokens.
    pub fn labels(&self, classes: Option<&Classes>) -> usize {
        match self {
            Self::Labels(config) if config.values == Values::Number => 1,
            Self::Embeddings(_) => 1,
            _ => classes.map_or(0, Classes::n),
        }
    }

    /// Parameters that training does not change where the config names none.
    pub fn freeze(&self) -> &'static [&'static str] {
        match self {
            Self::Embeddings(_) => &["sum"],
            _ => &[],
        }
    }

    /// Metrics where the config names none.
    pub fn metrics(&self) -> &'static [&'static str] {
        match self {
            Self::Causal | Self::Chat(_) | Self::Seq2Seq(_) => &["bits-per-byte", "token-accuracy"],
            Self::Masked(_) | Self::Denoise(_) => &["token-accuracy"],
            Self::Labels(LabelsConfig { values: Values::One, .. }) => &["token-accuracy"],
            Self::Labels(_) | Self::Embeddings(_) => &[],
            Self::Tags(config) if config.crf => &[],
            Self::Tags(_) => &["token-accuracy"],
        }
    }

    /// Loss where the config names none.
    pub fn loss(&self) -> &'static str {
        match self {
            Self::Labels(LabelsConfig { values: Values::Several, .. }) | Self::Embeddings(_) => "binary-cross-entropy",
            Self::Labels(LabelsConfig { values: Values::Number, .. }) => "squared-error",
            _ => "cross-entropy",
        }
    }
}
