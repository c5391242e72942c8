//! Conversations as tokens, and which of these are learnt.

use super::{LEARNT, align};
use crate::base::files::hex;
use crate::chat::{AddedTokens, Conversation, Piece, Template};
use crate::corpus::Document;
use crate::feed::shard::Plane;
use crate::feed::tasks::config::{ChatConfig, Learn};
use crate::feed::tasks::fields::wrong;
use crate::feed::tasks::{Encode, Samples};
use crate::{Error, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;
use trainyard_plugin::{TokenBatch, Tokenizer, Vocabulary};

/// The template that conversations are written in, with the tokens that are not made of text.
#[derive(Debug)]
pub struct ChatTemplate {
    /// How messages become a text.
    pub template: Template,
    /// Says that there was none, so that it is ChatML.
    is_missing: bool,
    /// Tokens that stand in the text by their names; where the tokenizer's file says nothing, those of its vocabulary
    /// when a text was first tokenized.
    added: OnceLock<AddedTokens>,
}

/// A text as tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tokenized {
    /// The tokens.
    pub ids: Vec<u32>,
    /// The byte of the text at which each ends.
    pub ends: Vec<usize>,
    /// The text without the tokens that were added to the vocabulary.
    pub plain: String,
}

/// The template where the tokenizer has none: that of ChatML.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}\
    {% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}\
    {% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// An answer that is found again in the text of a template.
const ANSWER: &str = "0123456789";

impl ChatTemplate {
    /// The template in the file `template`, or else that of the folder `tokenizer`, or else ChatML.
    ///
    /// # Errors
    /// Files that cannot be read, a template that is none.
    pub fn open(template: Option<&Path>, tokenizer: Option<&Path>) -> Result<Self> {
        let file = tokenizer.map(|folder| folder.join("tokenizer.json")).filter(|file| file.is_file());
        Self::of_files(template, tokenizer, file.as_deref(), [])
    }

    /// The same with the added tokens of the `tokenizer.json` at `tokenizer`, and special tokens that go before those
    /// of the `folder`, by the names that templates have for them.
    ///
    /// # Errors
    /// As [`ChatTemplate::open`].
    pub fn of_files(
        template: Option<&Path>,
        folder: Option<&Path>,
        tokenizer: Option<&Path>,
        tokens: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut all = folder.map(Template::tokens_of_folder).transpose()?.unwrap_or_default();
        all.extend(tokens);
        let of_folder = || folder.map(|folder| Template::find(folder, &all)).transpose().map(Option::flatten);
        let found = match template {
            Some(path) => Some(Template::from_file(path, &all)?),
            None => of_folder()?,
        };
        let is_missing = found.is_none();
        let template = found.map_or_else(|| Template::new(CHATML, &all), Ok)?;
        let added = tokenizer.map(AddedTokens::from_file).transpose()?;
        let added = added.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self { template, is_missing, added })
    }

    /// Says whether there was none, so that it is ChatML.
    pub fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// The text of a short conversation, and the place in it where what is written behind an answer begins; none where
    /// the template refuses such a conversation.
    pub fn behind_answer(&self) -> Option<(String, usize)> {
        let messages =
            [("user", "?"), ("assistant", ANSWER)].map(|(role, text)| json!({"role": role, "content": text}));
        let conversation = Conversation::from_json(&json!({ "messages": messages }).to_string()).ok()?;
        let text = self.template.render(&conversation, false).ok()?.text;
        let (_, behind) = text.rsplit_once(ANSWER)?;
        let place = text.len() - behind.trim_start().len();
        Some((text, place))
    }

    /// Says what conversations become by it.
    fn digest(&self) -> String {
        hex(&Sha256::digest(self.template.identity()))
    }

    /// The tokens that stand in the text by their names.
    fn added_tokens(&self, vocabulary: &Vocabulary) -> Result<&AddedTokens> {
        if let Some(added) = self.added.get() {
            return Ok(added);
        }
        let specials = vocabulary.specials.iter().map(|token| (&*token.name, token.id));
        let added = AddedTokens::named(specials)?;
        Ok(self.added.get_or_init(|| added))
    }

    /// The tokens of a text that the template wrote. Tokens that were added to the vocabulary are found by their names;
    /// what is between them is encoded.
    ///
    /// `borders` are the places in the text whose tokens are asked for later.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn tokenized(
        &self,
        text: &str,
        borders: &[usize],
        tokenizer: &mut dyn Tokenizer,
        vocabulary: &Vocabulary,
    ) -> Result<Tokenized> {
        let pieces = self.added_tokens(vocabulary)?.split(text);
        let of_text = |piece: &&Piece| piece.id.is_none();
        let texts: Vec<&str> = pieces.iter().filter(of_text).map(|piece| &text[piece.range.clone()]).collect();
        let encoded = tokenizer.encode(&texts)?;
        let mut sequences = encoded.sequences();
        let mut tokenized = Tokenized { plain: texts.concat(), ..Tokenized::default() };
        for piece in &pieces {
            let range = &piece.range;
            match piece.id {
                Some(id) => {
                    tokenized.ids.push(id);
                    tokenized.ends.push(range.end);
                }
                None => {
                    let (part, ids) = (&text[range.clone()], sequences.next().unwrap_or_default());
                    let ends = match align::ends(part, ids, &vocabulary.tokens) {
                        Some(ends) => ends,
                        None => {
                            let inside = |border: &&usize| range.start < **border && **border < range.end;
                            let inside: Vec<_> = borders.iter().filter(inside).map(|at| at - range.start).collect();
                            align::ends_by_borders(part, ids.len(), &inside, tokenizer)?
                        }
                    };
                    tokenized.ids.extend_from_slice(ids);
                    tokenized.ends.extend(ends.iter().map(|end| range.start + end));
                }
            }
        }
        Ok(tokenized)
    }
}

/// Conversations as tokens and a plane.
#[derive(Debug)]
pub(in crate::feed::tasks) struct Encoding {
    pub learn: Learn,
    pub template: ChatTemplate,
}

impl Encoding {
    /// # Errors
    /// As [`ChatTemplate::open`].
    pub fn new(config: &ChatConfig, tokenizer: Option<&Path>) -> Result<Self> {
        let ChatTemplate { template, is_missing, added } = ChatTemplate::open(config.template.as_deref(), tokenizer)?;
        let template = ChatTemplate { template: template.at(&config.date)?, is_missing, added };
        Ok(Self { learn: config.learn, template })
    }

    /// The text of a conversation, and the bytes of it that are learnt.
    fn written(&self, document: &Document) -> Result<(String, Vec<Range<usize>>)> {
        let culprit = |error: Error| error.context(format!("document {:?}", document.id));
        let conversation = Conversation::from_json(&document.conversation()).map_err(culprit)?;
        let rendered = self.template.template.render(&conversation, false).map_err(culprit)?;
        if self.learn == Learn::All {
            let all = 0..rendered.text.len();
            return Ok((rendered.text, std::iter::once(all).collect()));
        }
        let answers = match &rendered.generated {
            Some(generated) if self.learn == Learn::Answers => Some(generated.clone()),
            _ => self.template.template.answers(&conversation, &rendered),
        };
        let Some(mut answers) = answers else {
            let what = "the template does not say where an answer is, and what it writes of the first messages is not \
                        what it writes of all begins with; mark answers in it with {% generation %}, or set \
                        task.learn = \"all\"";
            return Err(wrong(document, "messages", what));
        };
        if self.learn == Learn::Last {
            answers.drain(..answers.len().saturating_sub(1));
        }
        Ok((rendered.text, answers))
    }
}

impl Encode for Encoding {
    fn identity(&self) -> String {
        format!("chat {} {}", self.learn.name(), self.template.digest())
    }

    fn planes(&self) -> &'static [Plane] {
        &[LEARNT]
    }

    fn encode(&self, documents: &[&Document], tokenizer: &mut dyn Tokenizer) -> Result<Samples> {
        let vocabulary = tokenizer.vocabulary()?;
        let (mut tokens, mut learnt) = (TokenBatch::default(), Vec::with_capacity(documents.len()));
        let mut written = Vec::with_capacity(documents.len());
        for document in documents {
            let (text, answers) = self.written(document)?;
            let borders: Vec<_> = answers.iter().flat_map(|answer| [answer.start, answer.end]).collect();
            let Tokenized { ids, ends, plain } = self.template.tokenized(&text, &borders, tokenizer, &vocabulary)?;
            // one more, of the end of text
            let mut marks = vec![0.0; ids.len() + 1];
            for answer in &answers {
                marks[align::within(&ends, answer)].fill(1.0);
            }
            tokens.ids.extend(ids);
            tokens.end_sequence()?;
            learnt.push(marks);
            written.push(plain);
        }
        Ok(Samples { tokens, planes: vec![learnt], written: Some(written), ..Samples::default() })
    }
}
