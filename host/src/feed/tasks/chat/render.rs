//! Conversations as tokens, one by one.

use super::{ChatTemplate, align};
use crate::Result;
use crate::chat::Conversation;
use serde::Serialize;
use trainyard_plugin::{Tokenizer, Vocabulary};

/// A template with a tokenizer.
pub struct Renderer {
    template: ChatTemplate,
    tokenizer: Box<dyn Tokenizer>,
    vocabulary: Vocabulary,
    /// Whether a text ends where the assistant's next message begins.
    generation_prompt: bool,
}

/// A conversation, written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenderedTokens {
    /// The text.
    pub text: String,
    /// Its tokens.
    pub ids: Vec<u32>,
    /// 1 for tokens that the assistant generated, 0 for others; none where the template does not say it.
    pub mask: Option<Vec<u8>>,
}

impl Renderer {
    /// A template with a tokenizer that was loaded.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn new(template: ChatTemplate, tokenizer: Box<dyn Tokenizer>, generation_prompt: bool) -> Result<Self> {
        let vocabulary = tokenizer.vocabulary()?;
        Ok(Self { template, tokenizer, vocabulary, generation_prompt })
    }

    /// Writes the conversation of a line of JSON.
    ///
    /// # Errors
    /// What is wrong with the line, or what the template raises.
    pub fn line(&mut self, line: &str) -> Result<RenderedTokens> {
        let conversation = Conversation::from_json(line)?;
        let rendered = self.template.template.render(&conversation, self.generation_prompt)?;
        let generated = rendered.generated;
        let borders: Vec<_> = generated.iter().flatten().flat_map(|part| [part.start, part.end]).collect();
        let tokenizer = self.tokenizer.as_mut();
        let tokenized = self.template.tokenized(&rendered.text, &borders, tokenizer, &self.vocabulary)?;
        let mask = generated.map(|parts| {
            let mut mask = vec![0; tokenized.ids.len()];
            parts.iter().for_each(|part| mask[align::within(&tokenized.ends, part)].fill(1));
            mask
        });
        Ok(RenderedTokens { text: rendered.text, ids: tokenized.ids, mask })
    }
}
