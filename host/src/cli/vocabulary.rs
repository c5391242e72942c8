//! What a tokenizer's model is made of, and how it writes text, for `trainyard tokenizer inspect`.

use serde::Serialize;
use std::fmt;
use trainyard_plugin::{TokenBatch, Vocabulary};

/// Longest tokens that are listed.
const N_LONGEST: usize = 10;

/// Tokens of the sample.
const N_SAMPLE: usize = 40;

/// Text seen so far.
pub struct Report {
    vocabulary: Vocabulary,
    is_used: Vec<bool>,
    sample: Vec<u32>,
    n_bytes: u64,
    n_chars: u64,
    n_tokens: u64,
}

/// The result, in words.
#[derive(Serialize)]
pub struct Summary {
    tokens: usize,
    specials: Vec<(String, u32)>,
    longest: Vec<String>,
    text: Option<TextSummary>,
}

#[derive(Serialize)]
struct TextSummary {
    bytes: u64,
    tokens: u64,
    bytes_per_token: f64,
    tokens_per_char: f64,
    used: usize,
    sample: Vec<String>,
}

impl Report {
    /// No text yet.
    pub fn new(vocabulary: Vocabulary) -> Self {
        let is_used = vec![false; vocabulary.tokens.len()];
        Self { vocabulary, is_used, sample: Vec::new(), n_bytes: 0, n_chars: 0, n_tokens: 0 }
    }

    /// Adds texts and their tokens, whose ids are below the size of the vocabulary.
    pub fn add(&mut self, texts: &[&str], batch: &TokenBatch) {
        self.n_bytes += texts.iter().map(|text| text.len() as u64).sum::<u64>();
        self.n_chars += texts.iter().map(|text| text.chars().count() as u64).sum::<u64>();
        self.n_tokens += batch.ids.len() as u64;
        batch.ids.iter().for_each(|&id| self.is_used[id as usize] = true);
        let missing = N_SAMPLE - self.sample.len();
        self.sample.extend(batch.ids.iter().take(missing));
    }

    /// What there is to say.
    pub fn summary(&self) -> Summary {
        let Vocabulary { tokens, specials } = &self.vocabulary;
        let mut longest: Vec<&Vec<u8>> = tokens.iter().collect();
        longest.sort_by_key(|token| std::cmp::Reverse(token.len()));
        let text = (self.n_tokens > 0).then(|| TextSummary {
            bytes: self.n_bytes,
            tokens: self.n_tokens,
            bytes_per_token: self.n_bytes as f64 / self.n_tokens as f64,
            tokens_per_char: self.n_tokens as f64 / self.n_chars.max(1) as f64,
            used: self.is_used.iter().filter(|used| **used).count(),
            sample: self.sample.iter().map(|&id| show(&tokens[id as usize])).collect(),
        });
        Summary {
            tokens: tokens.len(),
            specials: specials.iter().map(|special| (special.name.clone(), special.id)).collect(),
            longest: longest.into_iter().take(N_LONGEST).map(|token| show(token)).collect(),
            text,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let specials: Vec<_> = self.specials.iter().map(|(name, id)| format!("{name} {id}")).collect();
        writeln!(f, "tokens    {}", self.tokens)?;
        writeln!(f, "special   {}", if specials.is_empty() { "none".to_owned() } else { specials.join(", ") })?;
        writeln!(f, "longest   {}", self.longest.join(" "))?;
        let Some(text) = &self.text else { return Ok(()) };
        let TextSummary { bytes, tokens, bytes_per_token, tokens_per_char, .. } = text;
        let used = 100.0 * text.used as f64 / self.tokens as f64;
        writeln!(f, "text      {bytes} bytes, {tokens} tokens")?;
        writeln!(f, "          {bytes_per_token:.3} bytes per token, {tokens_per_char:.3} tokens per character")?;
        writeln!(f, "used      {} of the tokens, {used:.1} %", text.used)?;
        writeln!(f, "sample    {}", text.sample.join(" "))
    }
}

/// A token in quotes: as text where it is text, else as bytes.
pub fn show(token: &[u8]) -> String {
    match str::from_utf8(token) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", token.escape_ascii()),
    }
}
