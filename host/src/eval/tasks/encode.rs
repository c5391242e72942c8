//! Texts as the tokens that a model is asked about, as in lm-evaluation-harness: `HFLM.tok_encode` and
//! `TemplateLM._encode_pair` (github.com/EleutherAI/lm-evaluation-harness, version 0.4.13).

use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::eval::PredictingModel;
use crate::feed::Given;
use crate::formats::hf::tokens_around;
use crate::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use trainyard_text::chars::is_space;

/// Texts in one call of the tokenizer.
const AT_ONCE: usize = 1024;

/// A model's tokenizer, with what stands before a text.
pub struct Encoder {
    given: Given,
    /// What the tokenizer puts before every text.
    start: Option<u32>,
    /// What a text without a context continues.
    prefix: Option<u32>,
}

/// The parts of a `tokenizer.json` that are looked at.
#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    post_processor: Value,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

impl Encoder {
    /// The tokenizer of `model`. Files of Hugging Face next to the model say what stands before a text: the token that
    /// `post_processor` puts there, and before a text without a context `bos_token`, or else the one that ends a text.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn new(model: &PredictingModel) -> Result<Self> {
        let given = model.given()?;
        let file: Option<TokenizerFile> = json(&model.folder.join("tokenizer.json"));
        let id = |name: &str| {
            let file = file.as_ref()?;
            file.added_tokens.iter().find(|token| token.content == name).map(|token| token.id)
        };
        let begins = ["tokenizer_config.json", "special_tokens_map.json"].into_iter().find_map(|name| {
            let config: Value = json(&model.folder.join(name))?;
            let token = &config["bos_token"];
            token.as_str().or(token["content"].as_str()).and_then(id)
        });
        let [start, _] = file.as_ref().map(|file| tokens_around(&file.post_processor)).unwrap_or_default();
        let start = start.as_deref().and_then(id);
        let prefix = begins.or(given.end_of_text());
        Ok(Self { given, start, prefix })
    }

    /// The tokenizer.
    pub fn given(&mut self) -> &mut Given {
        &mut self.given
    }

    /// The token that a text without a context continues.
    ///
    /// # Errors
    /// A tokenizer that has none.
    pub fn prefix(&self) -> Result<u32> {
        self.prefix.ok_or_else(|| {
            Error::usage(
                "the tokenizer has no token that a text begins after; name one with --set tokenizer.end_of_text",
            )
        })
    }

    /// The tokens of texts, each after what the tokenizer puts before it.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn texts(&mut self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        let (start, (tokenizer, vocabulary)) = (self.start, self.given.parts());
        let mut found = Vec::with_capacity(texts.len());
        for some in texts.chunks(AT_ONCE) {
            let encoded = tokenizer.encode(some)?;
            encoded.check(some.len(), vocabulary.tokens.len())?;
            found.extend(encoded.sequences().map(|ids| start.into_iter().chain(ids.iter().copied()).collect()));
        }
        Ok(found)
    }

    /// The tokens of a context and of what continues it. They are those of both together, cut where the tokens of the
    /// context alone end; white space at the end of the context belongs to what continues it.
    ///
    /// # Errors
    /// Whatever the tokenizer reports, an empty context and no token to stand for it.
    pub fn pairs(&mut self, pairs: &[(&str, &str)]) -> Result<Vec<(Vec<u32>, Vec<u32>)>> {
        let contexts: Vec<&str> = pairs.iter().map(|(context, _)| context.trim_end_matches(is_space)).collect();
        let wholes: Vec<String> = pairs.iter().map(|(context, text)| format!("{context}{text}")).collect();
        let wholes = self.texts(&wholes.iter().map(String::as_str).collect::<Vec<_>>())?;
        let before = self.texts(&contexts)?;
        let cut = |((mut whole, before), context): ((Vec<u32>, Vec<u32>), &&str)| {
            let continuation = whole.split_off(before.len().min(whole.len()));
            // a tokenizer may make nothing of a context either
            match context.is_empty() || before.is_empty() {
                true => self.alone(&continuation),
                false => Ok((before, continuation)),
            }
        };
        wholes.into_iter().zip(before).zip(&contexts).map(cut).collect()
    }

    /// A text without a context: it continues the prefix, with which it may begin itself.
    fn alone(&self, ids: &[u32]) -> Result<(Vec<u32>, Vec<u32>)> {
        let prefix = self.prefix()?;
        let rest = if ids.first() == Some(&prefix) { &ids[1..] } else { ids };
        Ok((vec![prefix], rest.to_vec()))
    }
}

/// What a file of JSON says; none if it is not there, or not of this form.
fn json<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&read_file(path, MAX_BINARY_BYTES).ok()?).ok()
}
