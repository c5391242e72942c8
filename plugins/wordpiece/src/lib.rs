//! Tokenizer `wordpiece`: WordPiece as in BERT (Devlin et al. 2019, arXiv 1810.04805), trained and run by the crate
//! `tokenizers`.
//!
//! Text is cleaned, and lowercased and stripped of accents if the settings ask for it; every Chinese character becomes
//! a separate word, and text is split at white space and punctuation. A word is written with the longest tokens that
//! fit from the left; one that cannot be written is `[UNK]`. White space and what normalization drops are not in the
//! tokens.
//!
//! The crate numbers characters inside words in an order that changes from run to run, and with it the ties between
//! merges. Here the alphabet comes first, in the order of characters, so that the same text gives the same model. The
//! model is a `tokenizer.json`; any other WordPiece file loads as well. The plugin is only built into the host.

use std::collections::{BTreeMap, BTreeSet};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::WordPiece as Model;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, Tokenizer as HfTokenizer, decoders};
use trainyard_hf_tokenizer::{JsonTokenizer, Settings as FileSettings, Words};
use trainyard_plugin::{Create, PluginError, Result, TokenBatch, Tokenizer, Vocabulary, config};

config! {
    /// Settings of `wordpiece`. Only training uses them, except `end_of_text`, which loading uses too.
    pub struct Settings {
        /// number of tokens, 6 to 1048576, with special tokens and the alphabet
        vocab_size: u32 = 8192u32,
        /// pairs that occur less often are not merged, 1 or more
        min_frequency: u32 = 2u32,
        /// converts text to lower case
        lowercase: bool = true,
        /// drops accents
        strip_accents: bool = true,
        /// maximum number of characters in the alphabet, the most frequent ones; words with others become [UNK]
        limit_alphabet: u32 = 1000u32,
        /// token that ends a document, or none; empty: [SEP], or what a file declares
        end_of_text: String = "",
    }
}

/// The tokens of BERT. `[SEP]` ends a text.
const SPECIALS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// The mark of a token inside a word.
const PREFIX: &str = "##";

const VOCAB_SIZE_MAX: u32 = 1 << 20;

/// The tokenizer.
pub struct WordPiece {
    settings: Settings,
    /// Normalizes and splits training text.
    splitter: HfTokenizer,
    words: Words,
    loaded: JsonTokenizer,
}

impl Create for WordPiece {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if !(6..=VOCAB_SIZE_MAX).contains(&settings.vocab_size) {
            let got = settings.vocab_size;
            return Err(PluginError::config(format!("vocab_size: expected 6 to {VOCAB_SIZE_MAX}, got {got}")));
        }
        for (name, value) in [("min_frequency", settings.min_frequency), ("limit_alphabet", settings.limit_alphabet)] {
            if value == 0 {
                return Err(PluginError::config(format!("{name}: expected 1 or more, got 0")));
            }
        }
        let splitter = with_model(&settings, Model::default())?;
        let loaded = JsonTokenizer::create(FileSettings { end_of_text: settings.end_of_text.clone() })?;
        Ok(Self { settings, splitter, words: Words::default(), loaded })
    }
}

impl Tokenizer for WordPiece {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        texts.iter().try_for_each(|text| self.words.add(text, &self.splitter))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        let mut counts = std::mem::take(&mut self.words).into_counts();
        let alphabet = alphabet(&counts, self.settings.limit_alphabet as usize);
        counts.retain(|word, _| word.chars().all(|char| alphabet.contains(&char)));
        let initial = initial_tokens(&counts, &alphabet);
        if initial.len() > self.settings.vocab_size as usize {
            return Err(PluginError::config(format!(
                "vocab_size: {} is too small, special tokens and the alphabet take {}; raise it, or lower limit_alphabet",
                self.settings.vocab_size,
                initial.len()
            )));
        }
        let trainer = BpeTrainer::builder()
            .vocab_size(self.settings.vocab_size as usize)
            .min_frequency(self.settings.min_frequency.into())
            .show_progress(false)
            .special_tokens(initial.into_iter().map(|token| AddedToken::from(token, true)).collect())
            .continuing_subword_prefix(PREFIX.into())
            .build();
        let mut bpe = BPE::default();
        let counts = counts.into_iter().map(|(word, count)| (word.into(), count)).collect();
        trainer.do_train(&counts, &mut bpe).map_err(failed)?;
        let mut tokenizer = with_model(&self.settings, Model::from_bpe(&bpe))?;
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
    let normalizer = BertNormalizer::new(true, true, Some(settings.strip_accents), settings.lowercase);
    let mut tokenizer = HfTokenizer::new(model);
    tokenizer.with_normalizer(Some(normalizer)).map_err(failed)?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(decoders::wordpiece::WordPiece::default()));
    Ok(tokenizer)
}

/// Returns the `limit` most frequent characters; of equally frequent ones the lower.
fn alphabet(counts: &BTreeMap<String, u64>, limit: usize) -> BTreeSet<char> {
    let mut chars = BTreeMap::<char, u64>::new();
    for (word, count) in counts {
        word.chars().for_each(|char| *chars.entry(char).or_default() += count);
    }
    let mut chars: Vec<_> = chars.into_iter().collect();
    chars.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    chars.into_iter().take(limit).map(|(char, _)| char).collect()
}

/// Returns the tokens before any merge, with ids from 0 on: special tokens, characters, and characters inside words.
fn initial_tokens(counts: &BTreeMap<String, u64>, alphabet: &BTreeSet<char>) -> Vec<String> {
    let inside: BTreeSet<char> = counts.keys().flat_map(|word| word.chars().skip(1)).collect();
    let inside = inside.into_iter().map(|char| format!("{PREFIX}{char}"));
    let chars = alphabet.iter().map(char::to_string);
    SPECIALS.map(String::from).into_iter().chain(chars).chain(inside).collect()
}

fn failed(error: impl std::fmt::Display) -> PluginError {
    PluginError::internal(format!("the crate tokenizers: {error}"))
}

trainyard_plugin::export!(tokenizer "wordpiece" = WordPiece, abilities = ["lossy"]);
