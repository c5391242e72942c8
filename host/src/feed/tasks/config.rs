//! `[task]` of a run's config: what is learnt of the documents.

mod kinds;
mod properties;

pub use kinds::{
    ChatConfig, DenoiseConfig, EmbeddingsConfig, EmbeddingsForm, Form, LabelsConfig, Learn, MaskedConfig,
    Seq2SeqConfig, TagsConfig,
};

use super::denoise::Denoise;
use super::embeddings::{self, Embeddings};
use super::features::{Bags, FeaturesConfig};
use super::labels::Values;
use super::masked::Masked;
use super::{Borders, Causal, Classes, Encode, Marks, Task, WordFeatures, chat, labels, seq2seq, tags};
use crate::corpus::NameReport;
use crate::feed::shard::Shard;
use crate::settings::Section;
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use trainyard_plugin::{Tokenizer, Vocabulary};

/// `[task]`: what is learnt of the documents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum TaskConfig {
    /// Every token from those before it.
    #[default]
    Causal,
    /// The answers of conversations.
    Chat(ChatConfig),
    /// Hidden tokens from those around them.
    Masked(MaskedConfig),
    /// A text from a damaged one.
    Denoise(DenoiseConfig),
    /// The label of a document.
    Labels(LabelsConfig),
    /// A tag for each word.
    Tags(TagsConfig),
    /// A text from another.
    Seq2Seq(Seq2SeqConfig),
    /// Vectors of tokens, from those near them.
    Embeddings(EmbeddingsConfig),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Causal,
    Chat,
    Masked,
    Denoise,
    Labels,
    Tags,
    Seq2Seq,
    Embeddings,
}

const KINDS: [(&str, Kind); 8] = [
    ("causal", Kind::Causal),
    ("chat", Kind::Chat),
    ("masked", Kind::Masked),
    ("denoise", Kind::Denoise),
    ("labels", Kind::Labels),
    ("tags", Kind::Tags),
    ("seq2seq", Kind::Seq2Seq),
    ("embeddings", Kind::Embeddings),
];

/// Keys of `[task]` with the kinds that have them.
const KEYS: [(&str, &[Kind]); 26] = [
    ("date", &[Kind::Chat]),
    ("template", &[Kind::Chat]),
    ("learn", &[Kind::Chat]),
    ("form", &[Kind::Denoise, Kind::Embeddings]),
    ("rate", &[Kind::Masked, Kind::Denoise]),
    ("span", &[Kind::Denoise]),
    ("permute_sentences", &[Kind::Denoise]),
    ("mask", &[Kind::Masked]),
    ("random", &[Kind::Masked]),
    ("whole_words", &[Kind::Masked]),
    ("values", &[Kind::Labels]),
    ("labels", &[Kind::Labels, Kind::Tags]),
    ("balanced", &[Kind::Labels, Kind::Tags]),
    ("class_weights", &[Kind::Labels, Kind::Tags]),
    ("pair", &[Kind::Labels]),
    ("weights", &[Kind::Labels]),
    ("sublinear", &[Kind::Labels]),
    ("ngrams", &[Kind::Labels]),
    ("buckets", &[Kind::Labels, Kind::Tags]),
    ("word_features", &[Kind::Tags]),
    ("all_pieces", &[Kind::Tags]),
    ("crf", &[Kind::Tags]),
    ("start", &[Kind::Seq2Seq, Kind::Denoise]),
    ("window", &[Kind::Embeddings]),
    ("negatives", &[Kind::Embeddings]),
    ("subsample", &[Kind::Embeddings]),
];

impl TaskConfig {
    /// What `[task]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let kind = section.choice("kind", &KINDS, Kind::Causal);
        if section.is_dry() {
            // the reference shows all keys
            ChatConfig::read(section);
            section.choice("form", &kinds::ALL_FORMS, 0);
            MaskedConfig::read(section);
            DenoiseConfig::read(section);
            LabelsConfig::read(section);
            section.boolean("all_pieces", false);
            section.boolean("crf", false);
            section.boolean("word_features", false);
            Seq2SeqConfig::read(section);
            EmbeddingsConfig::read(section);
            return Self::Causal;
        }
        let name_of = |kind: Kind| KINDS.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name);
        for (key, kinds) in KEYS.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
            let names: Vec<_> = kinds.iter().map(|&kind| format!("{:?}", name_of(kind))).collect();
            let (names, own) = (names.join(" or "), name_of(kind));
            section.misplaced(key, format_args!("belongs to kind = {names}, this task is {own:?}"));
        }
        match kind {
            Kind::Causal => Self::Causal,
            Kind::Chat => Self::Chat(ChatConfig::read(section)),
            Kind::Masked => Self::Masked(MaskedConfig::read(section)),
            Kind::Denoise => Self::Denoise(DenoiseConfig::read(section)),
            Kind::Labels => Self::Labels(LabelsConfig::read(section)),
            Kind::Tags => Self::Tags(TagsConfig::read(section)),
            Kind::Seq2Seq => Self::Seq2Seq(Seq2SeqConfig::read(section)),
            Kind::Embeddings => Self::Embeddings(EmbeddingsConfig::read(section)),
        }
    }

    /// Says whether it is the default.
    pub fn is_causal(&self) -> bool {
        *self == Self::Causal
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Causal => "causal",
            Self::Chat(_) => "chat",
            Self::Masked(_) => "masked",
            Self::Denoise(_) => "denoise",
            Self::Labels(_) => "labels",
            Self::Tags(_) => "tags",
            Self::Seq2Seq(_) => "seq2seq",
            Self::Embeddings(_) => "embeddings",
        }
    }

    /// Whether tags are chosen together.
    pub fn has_crf(&self) -> bool {
        matches!(self, Self::Tags(TagsConfig { crf: true, .. }))
    }

    /// What a row of the loss is.
    pub fn row_word(&self) -> &'static str {
        match self {
            Self::Labels(_) => "document",
            Self::Tags(_) => "tag",
            _ => "token",
        }
    }

    /// What a class is called.
    pub fn class_word(&self) -> &'static str {
        if matches!(self, Self::Tags(_)) { "tag" } else { "label" }
    }

    /// How it makes tokens and planes of documents. `tokenizer` is the folder of the tokenizer's files, which say how
    /// conversations are written.
    ///
    /// # Errors
    /// A template that cannot be read or is none.
    pub fn encoding(&self, tokenizer: Option<&Path>) -> Result<Box<dyn Encode>> {
        Ok(match self {
            Self::Causal | Self::Masked(_) | Self::Denoise(_) | Self::Embeddings(_) => Box::new(Causal),
            Self::Chat(config) => Box::new(chat::Encoding::new(config, tokenizer)?),
            Self::Labels(config) => Box::new(labels::Encoding { values: config.values, pair: config.pair }),
            Self::Tags(config) => Box::new(tags::Encoding { all_pieces: config.all_pieces, untagged: None }),
            Self::Seq2Seq(_) => Box::new(seq2seq::Encoding),
        })
    }

    /// The same task, whose files are beside a model that was trained.
    pub fn saved(&self) -> Self {
        match self {
            Self::Chat(config) => Self::Chat(ChatConfig { template: None, ..config.clone() }),
            _ => self.clone(),
        }
    }

    /// The same of documents of which nothing is known: every word gets the tag `any`.
    ///
    /// # Errors
    /// As [`TaskConfig::encoding`].
    pub fn encoding_unlabelled(&self, any: Option<&String>) -> Result<Box<dyn Encode>> {
        match self {
            Self::Tags(_) => Ok(Box::new(tags::Encoding { all_pieces: false, untagged: any.cloned() })),
            _ => self.encoding(None),
        }
    }

    /// The classes of training data with these names; none where there are none to tell apart.
    ///
    /// # Errors
    /// Classes that do not fit the config, or that cannot be learnt.
    pub fn classes(&self, names: &[NameReport]) -> Result<Option<Classes>> {
        let (listed, weights) = match self {
            Self::Labels(config) if config.values != Values::Number => (&config.labels, &config.weights),
            Self::Tags(config) => (&config.labels, &config.weights),
            _ => return Ok(None),
        };
        let mut classes = Classes::new(names, listed, self.class_word())?;
        if weights.balanced {
            classes.balance(names);
        }
        classes.weigh(&weights.of)?;
        Ok(Some(classes))
    }

    /// The features that documents are bags of; none where they are texts.
    pub fn features(&self) -> Option<&FeaturesConfig> {
        match self {
            Self::Labels(config) => config.features.as_ref(),
            _ => None,
        }
    }

    /// The features that words are bags of, of tokens of `vocabulary`; none where they are tokens.
    pub fn word_features(&self, vocabulary: &Vocabulary) -> Option<WordFeatures> {
        match self {
            Self::Tags(TagsConfig { buckets: Some(buckets), .. }) => Some(WordFeatures::new(vocabulary, *buckets)),
            _ => None,
        }
    }

    /// Windows of `context` tokens that a text of as many becomes, at most.
    pub fn windows(&self, context: usize) -> usize {
        match self {
            Self::Tags(TagsConfig { word_features: true, .. }) => context,
            Self::Embeddings(config) => config.examples() * config.places(),
            _ => 1,
        }
    }

    /// Refuses training data without anything to learn from, and windows of `context` tokens without room for it.
    ///
    /// # Errors
    /// Numbers are to be learnt, and no document has one; more negatives than a window has room for.
    pub fn check(&self, train: &Shard, context: usize) -> Result<()> {
        match self {
            Self::Embeddings(config) if config.places() > context => {
                let (places, cure) = (config.places(), "raise it, or lower task.window or task.negatives");
                Err(Error::usage(format!(
                    "model.context: expected at least {places}, the places of an example, got {context}; {cure}"
                )))
            }
            Self::Labels(config) if config.values == Values::Number && !labels::has_numbers(train) => {
                let cure = "name its field in [data.fields] label";
                Err(Error::run(format!("label: no document of the training data has a number; {cure}")))
            }
            _ => Ok(()),
        }
    }

    /// The borders of words that it looks at; empty where it does not.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn borders(&self, tokenizer: &mut dyn Tokenizer, vocabulary: &Vocabulary) -> Result<Borders> {
        match self {
            Self::Masked(MaskedConfig { whole_words: true, .. }) => Borders::new(tokenizer, vocabulary),
            _ => Ok(Borders::default()),
        }
    }

    /// How often the training data has each token of the vocabulary; empty where nobody asks.
    pub fn counts(&self, train: &Shard, token_bytes: &[u32]) -> Vec<u64> {
        match self {
            Self::Embeddings(_) => embeddings::counts(train, token_bytes),
            _ => Vec::new(),
        }
    }

    /// How it makes rows of tokens and planes; where documents are bags of features, of these. `counts` are those of
    /// [`TaskConfig::counts`].
    ///
    /// # Errors
    /// Tokens that it needs and the tokenizer does not have.
    pub fn task(
        &self,
        marks: Marks,
        classes: Option<Classes>,
        bags: Option<Bags>,
        borders: Borders,
        counts: &[u64],
        vocabulary: &Vocabulary,
    ) -> Result<Arc<dyn Task>> {
        let classes = classes.unwrap_or_default();
        Ok(match self {
            Self::Causal => Arc::new(Causal),
            Self::Chat(_) => Arc::new(chat::Chat),
            Self::Masked(config) => Arc::new(Masked::new(config.clone(), &marks, borders)),
            Self::Labels(config) => {
                let features = match bags {
                    Some(Bags::Documents(features)) => Some(features),
                    _ => None,
                };
                Arc::new(labels::Labels { values: config.values, pair: config.pair, marks, classes, features })
            }
            Self::Tags(_) => {
                let features = match bags {
                    Some(Bags::Words(features)) => Some(features),
                    _ => None,
                };
                Arc::new(tags::Tags { marks, classes, features })
            }
            Self::Seq2Seq(_) | Self::Denoise(_) if marks.last.is_none() || marks.start.is_none() => {
                let (name, cure) =
                    (self.name(), "use one that has an end of text, or name it in tokenizer.end_of_text");
                return Err(Error::usage(format!(
                    "task: {name} needs a tokenizer with a token that ends a target; {cure}"
                )));
            }
            Self::Denoise(config) => Arc::new(Denoise::new(config.clone(), marks, vocabulary)),
            Self::Seq2Seq(_) => Arc::new(seq2seq::Seq2Seq { marks }),
            Self::Embeddings(config) => Arc::new(Embeddings::new(config.clone(), counts)),
        })
    }
}
