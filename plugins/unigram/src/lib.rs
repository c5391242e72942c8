//! Tokenizer `unigram`: a Unigram language model (Kudo 2018, arXiv 1804.10959) as in SentencePiece, trained and run by
//! the crate `tokenizers`.
//!
//! Text is normalized if the settings ask for it, split at newlines and at punctuation beyond ASCII (so that Chinese
//! text has words of bounded length), and before spaces, which are written `▁`. Each piece gets its most likely
//! sequence of tokens. A character that the training text lacks is `<unk>`. The model is a `tokenizer.json`; any other
//! Unigram file loads as well. The plugin is only built into the host.
//!
//! The crate's result depends on the number of threads and on the order of maps with random seeds. Here, words are
//! passed in order to one thread, and characters that training forces into the vocabulary get their scores in order, so
//! that the same text gives the same model.

use std::cmp::Ordering;
use tokenizers::models::unigram::{Unigram as Model, UnigramTrainer};
use tokenizers::normalizers::{NFC, NFKC, NormalizerWrapper};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer as HfTokenizer};
use trainyard_hf_tokenizer::{JsonTokenizer, Settings as FileSettings, Words};
use trainyard_plugin::{Create, PluginError, Result, TokenBatch, Tokenizer, Vocabulary, config};

config! {
    /// Settings of `unigram`. Only training uses them, except `end_of_text`, which loading uses too.
    pub struct Settings {
        /// number of tokens, 3 to 1048576, with <unk> and </s>; every character of the training text is one
        vocab_size: u32 = 8192u32,
        /// normal form of text: nfc, none, or nfkc, which also makes full-width signs ASCII
        normalization: String = "nfc",
        /// maximum length of a token in characters, 1 to 64
        max_piece_length: u32 = 16u32,
        /// token that ends a document, or none; empty: </s>, or what a file declares
        end_of_text: String = "",
    }
}

/// The special tokens. `</s>` ends a text.
const SPECIALS: [&str; 2] = ["<unk>", "</s>"];

const VOCAB_SIZE_MAX: u32 = 1 << 20;

/// The longest word that is trained on in one piece, because the work grows with the length.
const WORD_CHARS_MAX: usize = 200;

/// The step by which the crate raises the scores of successive characters.
const PENALTY_STEP: f64 = 0.0001;

/// The tokenizer.
pub struct Unigram {
    settings: Settings,
    /// Normalizes and splits training text.
    splitter: HfTokenizer,
    words: Words,
    loaded: JsonTokenizer,
}

impl Create for Unigram {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { vocab_size, max_piece_length, .. } = settings;
        if !(3..=VOCAB_SIZE_MAX).contains(&vocab_size) {
            return Err(PluginError::config(format!("vocab_size: expected 3 to {VOCAB_SIZE_MAX}, got {vocab_size}")));
        }
        if !(1..=64).contains(&max_piece_length) {
            return Err(PluginError::config(format!("max_piece_length: expected 1 to 64, got {max_piece_length}")));
        }
        let splitter = with_model(&settings, Model::default())?;
        let loaded = JsonTokenizer::create(FileSettings { end_of_text: settings.end_of_text.clone() })?;
        Ok(Self { settings, splitter, words: Words::default(), loaded })
    }
}

impl Tokenizer for Unigram {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        texts.iter().try_for_each(|text| self.words.add(text, &self.splitter))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        let sentences = sentences(std::mem::take(&mut self.words))?;
        let trainer = UnigramTrainer::builder()
            .show_progress(false)
            .vocab_size(self.settings.vocab_size)
            .max_piece_length(self.settings.max_piece_length as usize)
            .special_tokens(SPECIALS.map(|name| AddedToken::from(name, true)).to_vec())
            .unk_token(Some(SPECIALS[0].into()))
            .build()
            .map_err(failed)?;
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(failed)?;
        let mut model = Model::default();
        one_thread
            .install(|| trainer.do_train(sentences, &mut model))
            .map_err(|error| PluginError::config(format!("vocab_size: {}: {error}", self.settings.vocab_size)))?;
        let mut tokenizer = with_model(&self.settings, in_order(&model)?)?;
        tokenizer.add_special_tokens(SPECIALS.map(|name| AddedToken::from(name, true))).map_err(failed)?;
        Ok(tokenizer.to_string(true).map_err(failed)?.into_bytes())
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.loaded.load(model)
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.loaded.vocabulary()
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.loaded.encode(texts)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        self.loaded.decode(batch)
    }
}

fn with_model(settings: &Settings, model: Model) -> Result<HfTokenizer> {
    let normalizer: Option<NormalizerWrapper> = match settings.normalization.as_str() {
        "nfkc" => Some(NFKC.into()),
        "nfc" => Some(NFC.into()),
        "none" => None,
        other => {
            return Err(PluginError::config(format!("normalization: expected nfc, nfkc or none, got {other:?}")));
        }
    };
    let pattern = SplitPattern::Regex(r"\n|[\p{P}&&[^\x00-\x7F]]".into());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(failed)?;
    // no space is put before a text: what is decoded is the text again
    let spaces = Metaspace::new('▁', PrependScheme::Never, true);
    let steps = vec![PreTokenizerWrapper::Split(split), PreTokenizerWrapper::Metaspace(spaces.clone())];
    let mut tokenizer = HfTokenizer::new(model);
    tokenizer.with_normalizer(normalizer).map_err(failed)?;
    tokenizer.with_pre_tokenizer(Some(Sequence::new(steps)));
    tokenizer.with_decoder(Some(spaces));
    Ok(tokenizer)
}

/// Returns words in order, with long ones split. The crate counts in 32 bits.
fn sentences(words: Words) -> Result<Vec<(String, u32)>> {
    let mut sentences = Vec::new();
    let mut total = 0_u64;
    for (word, count) in words.into_counts() {
        let chars: Vec<char> = word.chars().collect();
        for part in chars.chunks(WORD_CHARS_MAX) {
            // U+0000 is the crate's own mark between words
            let part: String = part.iter().filter(|char| **char != '\0').collect();
            total += count * part.chars().count() as u64;
            if !part.is_empty() {
                sentences.push((part, count as u32));
            }
        }
    }
    if sentences.is_empty() {
        return Err(PluginError::input("the training text has no words"));
    }
    if total >= u64::from(u32::MAX) {
        let what =
            format!("the training text has {total} characters, unigram counts to 4294967294: train on a part of it");
        return Err(PluginError::input(what));
    }
    Ok(sentences)
}

/// Returns the same model with tokens in the order of their scores, then of their characters. Characters that the crate
/// forced into the vocabulary have the lowest score and scores that follow it in equal steps, assigned by chance: here
/// they are assigned in order.
fn in_order(model: &Model) -> Result<Model> {
    let mut tokens: Vec<(String, f64)> = model.iter().cloned().collect();
    let specials: Vec<_> = tokens.drain(..SPECIALS.len().min(tokens.len())).collect();
    let lowest = tokens.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let is_char = |token: &str| token.chars().count() == 1;
    let (mut forced, mut penalty) = (Vec::new(), 0.0);
    loop {
        let at = |(_, (token, score)): &(usize, &(String, f64))| is_char(token) && *score == lowest + penalty;
        let before = forced.len();
        forced.extend(tokens.iter().enumerate().filter(at).map(|(i, _)| i));
        if forced.len() == before {
            break;
        }
        penalty += PENALTY_STEP;
    }
    let scores: Vec<f64> = forced.iter().map(|&i| tokens[i].1).collect();
    forced.sort_by(|&a, &b| tokens[a].0.cmp(&tokens[b].0));
    for (i, score) in forced.into_iter().zip(scores) {
        tokens[i].1 = score;
    }
    tokens.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then_with(|| a.0.cmp(&b.0)));
    Model::from(specials.into_iter().chain(tokens).collect(), Some(0), false).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> PluginError {
    PluginError::internal(format!("the crate tokenizers: {error}"))
}

trainyard_plugin::export!(tokenizer "unigram" = Unigram, abilities = ["lossy"]);
