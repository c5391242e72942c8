//! A conversation with a model, in the form that its chat template gives it.

pub(super) mod stops;
mod stream;

use super::predict::PredictingModel;
use super::sample::choose;
use crate::base::interrupt;
use crate::base::random::Stream;
use crate::chat::Conversation;
use crate::feed::Given;
use crate::feed::tasks::ChatTemplate;
use crate::model::Decoder;
use crate::run::SampleConfig;
use crate::{Error, Result};
use serde_json::json;
use stops::Stops;
pub(super) use stops::ends;
pub(super) use stream::TextStream;

/// Messages so far, and what the model has read of them.
pub struct Chat<'m> {
    model: &'m PredictingModel,
    template: ChatTemplate,
    given: Given,
    decoder: Decoder<'m>,
    /// The tokens that the decoder has read.
    read: Vec<u32>,
    stops: Stops,
    system: Option<String>,
    /// What was asked and answered.
    turns: Vec<(String, String)>,
    sample: SampleConfig,
    random: Stream,
    /// Tokens that were written.
    n_written: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The model ended it.
    Answered,
    /// It has as many tokens as it may have.
    TooLong,
    /// The model's context is full.
    Full,
}

impl<'m> Chat<'m> {
    /// A conversation with `model`, which begins with what the `system` says; `sample` says how tokens are chosen, and
    /// how many an answer has at most.
    ///
    /// # Errors
    /// A model that does not continue text, a template that cannot be read.
    pub fn new(model: &'m PredictingModel, system: Option<String>, sample: SampleConfig) -> Result<Self> {
        if !model.config.task.continues_text() {
            let name = model.config.task.name();
            return Err(Error::usage(format!(
                "task: a model of {name:?} answers nothing, expected one of \"chat\" or \"causal\""
            )));
        }
        let template = ChatTemplate::open(None, Some(&model.folder))?;
        let mut given = model.given()?;
        let stops = stops::stops(Some(&model.folder), &template, &mut given)?;
        let (decoder, random) = (Decoder::new(&model.model, &[])?, Stream::new(sample.seed, "sample"));
        let (read, turns) = (Vec::new(), Vec::new());
        Ok(Self { model, template, given, decoder, read, stops, system, turns, sample, random, n_written: 0 })
    }

    /// Says whether the model's files have no chat template, so that ChatML is used.
    pub fn is_template_missing(&self) -> bool {
        self.template.is_missing()
    }

    /// Begins again, with what the `system` says.
    pub fn restart(&mut self, system: Option<String>) {
        (self.system, self.turns) = (system, Vec::new());
    }

    /// Asks `text`; the answer is written by [`Answering::next_text`]. The oldest turns are forgotten where the context
    /// has no room for all of them; returns how many as well.
    ///
    /// # Errors
    /// What the template raises, a question that is longer than the context.
    pub fn ask(&mut self, text: &str) -> Result<(Answering<'_, 'm>, usize)> {
        let context = self.model.model.context();
        let mut forgotten = 0;
        let prompt = loop {
            let prompt = self.prompt(text)?;
            if prompt.len() < context {
                break prompt;
            }
            if self.turns.is_empty() {
                let n = prompt.len();
                return Err(Error::usage(format!(
                    "the question has {n} tokens with its form, the model's context is {context}: ask less"
                )));
            }
            self.turns.remove(0);
            forgotten += 1;
        };
        if !prompt.starts_with(&self.read) || prompt.len() == self.read.len() {
            self.decoder = Decoder::new(&self.model.model, &[])?;
            self.read.clear();
        }
        let unread = prompt[self.read.len()..].to_vec();
        let (question, n_left) = (text.to_owned(), self.sample.tokens);
        let text = TextStream::new(self.stops.text.clone());
        Ok((Answering { chat: self, question, unread, text, n_left, ended: None }, forgotten))
    }

    /// The tokens of the conversation, up to where the answer to `text` begins.
    fn prompt(&mut self, text: &str) -> Result<Vec<u32>> {
        let message = |role: &str, content: &str| json!({"role": role, "content": content});
        let turns = self.turns.iter().flat_map(|(asked, answer)| [("user", asked), ("assistant", answer)]);
        let mut messages: Vec<_> = self.system.iter().map(|text| message("system", text)).collect();
        messages.extend(turns.map(|(role, content)| message(role, content)));
        messages.push(message("user", text));
        let conversation = Conversation::from_json(&json!({"messages": messages}).to_string())?;
        let rendered = self.template.template.render(&conversation, true)?;
        let (tokenizer, vocabulary) = self.given.parts();
        let tokenized = self.template.tokenized(&rendered.text, &[], tokenizer, vocabulary)?;
        Ok(tokenized.ids)
    }
}

/// An answer that is being written.
pub struct Answering<'c, 'm> {
    chat: &'c mut Chat<'m>,
    question: String,
    /// Tokens to be read before the next one is chosen.
    unread: Vec<u32>,
    text: TextStream,
    n_left: usize,
    ended: Option<Ended>,
}

impl Answering<'_, '_> {
    /// More of the answer; none at its end, after which [`Answering::finish`] keeps it.
    ///
    /// # Errors
    /// A model or a tokenizer that fails, a signal that asks the program to end.
    pub fn next_text(&mut self) -> Result<Option<String>> {
        let chat = &mut *self.chat;
        while self.ended.is_none() {
            interrupt::check()?;
            if self.n_left == 0 {
                self.ended = Some(Ended::TooLong);
                break;
            }
            if chat.decoder.position() + self.unread.len() > chat.model.model.context() {
                self.ended = Some(Ended::Full);
                break;
            }
            let mut logits = chat.decoder.read(&self.unread)?;
            chat.read.append(&mut self.unread);
            logits.truncate(chat.given.vocabulary().tokens.len());
            let id = choose(&logits, &chat.sample, chat.random.uniform(chat.n_written));
            chat.n_written += 1;
            if chat.stops.ids.contains(&id) {
                self.ended = Some(Ended::Answered);
                break;
            }
            self.n_left -= 1;
            self.unread.push(id);
            let more = self.text.push(id, chat.given.tokenizer())?;
            self.ended = self.text.has_ended().then_some(Ended::Answered);
            if !more.is_empty() {
                return Ok(Some(more));
            }
        }
        Ok(self.text.rest())
    }

    /// Keeps question and answer as a turn of the conversation; returns the answer and why it ended.
    pub fn finish(self) -> (String, Ended) {
        let answer = self.text.whole();
        self.chat.turns.push((self.question, answer.clone()));
        (answer, self.ended.unwrap_or(Ended::TooLong))
    }
}
