//! What `[task]` has besides its kind, kind by kind.

use crate::feed::tasks::features::FeaturesConfig;
use crate::feed::tasks::labels::Values;
use crate::feed::tasks::weights::ClassWeights;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// `[task]` with `kind = "masked"`: BERT's masked language model (Devlin et al., arXiv 1810.04805).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MaskedConfig {
    /// Share of tokens that are hidden and predicted; with `form = "bart"` 0.3 if not said.
    pub rate: f64,
    /// Share of those that are hidden by a mask.
    pub mask: f64,
    /// Share of those that are replaced by a random token; the others stay.
    pub random: f64,
    /// Whether the tokens of a word are hidden together.
    pub whole_words: bool,
}

/// `[task]` with `kind = "chat"`: supervised fine-tuning on conversations (Ouyang et al., arXiv 2203.02155).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ChatConfig {
    /// A file with the chat template, in Jinja; if not said that of the tokenizer, or ChatML where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// What of a conversation is learnt; all else is only read.
    pub learn: Learn,
    /// The day that templates take for today, so that data do not depend on when they are prepared.
    pub date: String,
}

/// What of a conversation is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Learn {
    /// What the assistant says.
    Answers,
    /// What the assistant says last.
    Last,
    /// Everything.
    All,
}

/// The day that the template of Llama 3.2 names where it cannot ask for another.
const DATE: &str = "2024-07-26";

const LEARN: [(&str, Learn); 3] = [("answers", Learn::Answers), ("last", Learn::Last), ("all", Learn::All)];

impl ChatConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            template: section.path("template"),
            learn: section.choice("learn", &LEARN, Learn::Answers),
            date: section.text_or("date", "a day such as \"2024-07-26\"", DATE, |date| {
                date.parse::<chrono::NaiveDate>().is_ok()
            }),
        }
    }
}

impl Learn {
    /// Its name in configs.
    pub fn name(self) -> &'static str {
        LEARN.iter().find(|(_, learn)| *learn == self).map_or("", |(name, _)| name)
    }
}

/// `[task]` with `kind = "labels"`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LabelsConfig {
    /// What a document has.
    pub values: Values,
    /// Labels in the order of the logits; by name if not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How much documents of each label count.
    #[serde(flatten)]
    pub weights: ClassWeights,
    /// Whether a document is a pair of texts: its second one is the field `target`.
    pub pair: bool,
    /// What the features of a document count for, where it is read as a bag of them.
    #[serde(flatten)]
    pub features: Option<FeaturesConfig>,
}

/// `[task]` with `kind = "tags"`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TagsConfig {
    /// Tags in the order of the logits; by name if not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether all tokens of a word have its tag, or only the first.
    pub all_pieces: bool,
    /// Whether tags are chosen together, by a conditional random field over them (Lafferty et al. 2001).
    pub crf: bool,
    /// Whether words are read as bags of features, hashed into `buckets` columns: what they are, their first and last
    /// letters, how they are written, and their neighbours. For the model `features`.
    pub word_features: bool,
    /// Number of columns that features share; none without `word_features`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<u32>,
    /// How much words of each tag count.
    #[serde(flatten)]
    pub weights: ClassWeights,
}

/// `[task]` with `kind = "seq2seq"`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Seq2SeqConfig {
    /// The special token that a target is written after; if not said, that of the model that the run starts from, or
    /// the end of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// `[task]` with `kind = "denoise"`: texts are damaged, and what was there is written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DenoiseConfig {
    /// How a text is damaged, and what is written.
    pub form: Form,
    /// Share of tokens that are hidden.
    pub rate: f64,
    /// How many tokens are hidden together, on average.
    pub span: f64,
    /// Whether sentences are put in a random order, with `form = "bart"`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub permute_sentences: bool,
    /// The special token that a target is written after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// How a text is damaged, and what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Each hidden span is a sentinel of its own, and the spans are written, each after its sentinel.
    T5,
    /// Each hidden span is one mask, some masks hide nothing, and the whole text is written.
    Bart,
}

/// `[task]` with `kind = "embeddings"`: vectors of tokens (word2vec, Mikolov et al., arXiv 1301.3781 and 1310.4546).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EmbeddingsConfig {
    /// What is read to tell a token.
    pub form: EmbeddingsForm,
    /// Most tokens on either side that are near; each token has 1 to this many.
    pub window: usize,
    /// Tokens that are told from the right one, drawn by their counts to the power 0.75.
    pub negatives: usize,
    /// Tokens whose share of the text is larger are read less often; 0 reads all.
    pub subsample: f64,
}

/// What is read to tell a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingsForm {
    /// One token near it at a time.
    SkipGram,
    /// The mean of all tokens near it.
    Cbow,
}

const VALUES: [(&str, Values); 3] = [("one", Values::One), ("several", Values::Several), ("number", Values::Number)];

/// Shares of tokens that may be hidden.
const RATES: std::ops::RangeInclusive<f64> = 0.01..=0.9;

const FORMS: [(&str, Form); 2] = [("t5", Form::T5), ("bart", Form::Bart)];

/// The forms of all kinds, for the reference.
pub(super) const ALL_FORMS: [(&str, usize); 4] = [("t5", 0), ("bart", 1), ("skip-gram", 2), ("cbow", 3)];

/// Most tokens on either side, and most negatives.
const NEAR: std::ops::RangeInclusive<i64> = 1..=100;

const EMBEDDINGS_FORMS: [(&str, EmbeddingsForm); 2] =
    [("skip-gram", EmbeddingsForm::SkipGram), ("cbow", EmbeddingsForm::Cbow)];

impl EmbeddingsConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        // the reference shows keys of several kinds once
        let form = match section.is_dry() {
            true => EmbeddingsForm::SkipGram,
            false => section.choice("form", &EMBEDDINGS_FORMS, EmbeddingsForm::SkipGram),
        };
        Self {
            form,
            window: section.integer("window", NEAR, 5),
            negatives: section.integer("negatives", NEAR, 5),
            subsample: section.number("subsample", 0.0..=1.0, 1e-3),
        }
    }

    /// Examples of a token that is read, on average: 1 to `window` tokens are near it on either side.
    pub fn examples(&self) -> usize {
        match self.form {
            EmbeddingsForm::SkipGram => self.window + 1,
            EmbeddingsForm::Cbow => 1,
        }
    }

    /// Tokens that are asked about in an example: the right one and the negatives.
    pub fn candidates(&self) -> usize {
        1 + self.negatives
    }

    /// Places of an example: what is read, as often as there is a place for each candidate.
    pub fn places(&self) -> usize {
        let n_read = match self.form {
            EmbeddingsForm::SkipGram => 1..=1,
            EmbeddingsForm::Cbow => 1..=2 * self.window,
        };
        n_read.map(|n| self.candidates().next_multiple_of(n)).max().unwrap_or(1)
    }
}

impl MaskedConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let config = Self {
            rate: section.number("rate", RATES, 0.15),
            mask: section.number("mask", 0.0..=1.0, 0.8),
            random: section.number("random", 0.0..=1.0, 0.1),
            whole_words: section.boolean("whole_words", false),
        };
        if config.mask + config.random > 1.0 {
            let message = format!("expected at most 1 with task.random, got {} + {}", config.mask, config.random);
            section.conflict(&["mask", "random"], message);
        }
        config
    }
}

/// Columns that features of words share unless the config says.
const BUCKETS: u32 = 1 << 19;

const NAMES: &str = "a list of names";

impl LabelsConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let config = Self {
            values: section.choice("values", &VALUES, Values::One),
            labels: section.texts("labels", NAMES, |name| !name.is_empty()),
            weights: ClassWeights::read(section),
            pair: section.boolean("pair", false),
            features: FeaturesConfig::read(section),
        };
        if config.pair && config.features.is_some() {
            section.conflict(&["weights", "pair"], "a pair of texts is no bag of features: remove one");
        }
        config
    }
}

impl TagsConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let mut config = Self {
            labels: section.texts("labels", NAMES, |name| !name.is_empty()),
            all_pieces: section.boolean("all_pieces", false),
            crf: section.boolean("crf", false),
            word_features: section.boolean("word_features", false),
            buckets: None,
            weights: ClassWeights::read(section),
        };
        match config.word_features {
            true => config.buckets = Some(section.integer("buckets", 1..=1 << 24, BUCKETS)),
            false => section.misplaced("buckets", "is about features of words: expected task.word_features as well"),
        }
        if config.word_features && config.all_pieces {
            section.conflict(&["word_features", "all_pieces"], "a word is one bag of features: remove one");
        }
        if config.crf && config.weights != ClassWeights::default() {
            section.conflict(&["crf", "class_weights"], "a conditional random field has no weights: remove one");
        }
        config
    }
}

impl Seq2SeqConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self { start: read_start(section) }
    }
}

impl DenoiseConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        // the reference shows keys of several kinds once
        let form = if section.is_dry() { Form::T5 } else { section.choice("form", &FORMS, Form::T5) };
        let rate = match form {
            Form::T5 => 0.15,
            Form::Bart => 0.3,
        };
        let (rate, start) = match section.is_dry() {
            true => (rate, None),
            false => (section.number("rate", RATES, rate), read_start(section)),
        };
        let span = section.number("span", 1.0..=100.0, 3.0);
        let permute_sentences = section.boolean("permute_sentences", false);
        if permute_sentences && form == Form::T5 {
            section
                .conflict(&["permute_sentences", "form"], "belongs to form = \"bart\": T5 writes what was hidden only");
        }
        Self { form, rate, span, permute_sentences, start }
    }
}

fn read_start(section: &mut Section<'_>) -> Option<String> {
    section.text_that("start", "the name of a special token", |name| !name.is_empty())
}
