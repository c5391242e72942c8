//! Tokenizers: text to token ids and back.

use super::names::check_count;
use super::vocabulary::check_vocabulary;
use super::{Entry, Instance, Skip, Specials, example, not_of};
use crate::plugin::Plugin;
use crate::plugin::call::{Answer, Call, Function};
use crate::plugin::checked::{Blamed, Checks};
use crate::plugin::seat::Seat;
use trainyard_plugin::{Kind, PluginError, Result, TokenBatch, Tokenizer, Vocabulary};

pub const ENTRY: Entry = Entry {
    frozen_in: Some((0, 1)),
    section: "[tokenizer]",
    functions: &[
        Function::Observe,
        Function::Train,
        Function::Load,
        Function::Vocabulary,
        Function::Encode,
        Function::Decode,
    ],
    abilities: &[],
    restore: Some(|model| Call::Load(model)),
    skip: Some(Skip { functions: &[Function::Encode], item: "document", changes: false, left_out: no_tokens, join }),
    checks: |_| Box::new(TokenizerChecks::default()),
    example: example!("tokenizer", "One token per byte", settings ""),
};

/// A sequence without tokens.
fn no_tokens() -> Result<Answer> {
    let mut batch = TokenBatch::default();
    batch.end_sequence()?;
    Ok(batch.into())
}

fn join(answers: Vec<Answer>) -> Result<Answer> {
    let mut batch = TokenBatch::default();
    for answer in answers {
        batch.ids.extend(TokenBatch::try_from(answer)?.ids);
        batch.end_sequence()?;
    }
    Ok(batch.into())
}

impl Plugin {
    /// A new tokenizer with the config's settings.
    ///
    /// # Errors
    /// Settings that it refuses, and a plugin of another kind.
    pub fn tokenizer(&self) -> crate::Result<Box<dyn Tokenizer>> {
        Ok(self.instance_of(Kind::Tokenizer)?)
    }
}

impl Tokenizer for Instance {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        self.ask(Call::Observe(texts))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        self.ask(Call::Train)
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.ask(Call::Load(model))
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.ask(Call::Vocabulary)
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.ask(Call::Encode(texts))
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        self.ask(Call::Decode(batch))
    }
}

impl Seat for Box<dyn Tokenizer> {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Observe(texts) => self.observe(texts).map(Answer::from),
            Call::Train => self.train().map(Answer::from),
            Call::Load(model) => self.load(model).map(Answer::from),
            Call::Vocabulary => self.vocabulary().map(Answer::from),
            Call::Encode(texts) => self.encode(texts).map(Answer::from),
            Call::Decode(batch) => self.decode(batch).map(Answer::from),
            other => Err(not_of(other, Kind::Tokenizer)),
        }
    }
}

/// What to do about text that became a special token.
const CURE: &str = "its bytes are lost; use a tokenizer that passes `plugin check`";

#[derive(Default)]
struct TokenizerChecks {
    /// Known after `load`.
    specials: Option<Specials>,
    /// A special token in encoded text, until the host has taken the warning.
    warning: Option<PluginError>,
}

impl Checks for TokenizerChecks {
    fn call(&mut self, plugin: &mut Blamed, call: Call<'_>) -> Result<Answer> {
        match call {
            Call::Load(_) => {
                self.specials = None;
                let answer = plugin.call(call)?;
                let vocabulary = self.call(plugin, Call::Vocabulary)?.try_into()?;
                self.specials = Some(Specials::new(&vocabulary));
                Ok(answer)
            }
            Call::Vocabulary => plugin.checked(call, |vocabulary: &mut Vocabulary| check_vocabulary(vocabulary)),
            Call::Encode(texts) => {
                let Some(specials) = &self.specials else { return plugin.blame(call.function(), Err(before_load())) };
                let mut became_special = Ok(());
                let answer = plugin.checked(call, |batch: &mut TokenBatch| {
                    batch.check(texts.len(), specials.n_tokens())?;
                    became_special = specials.check(batch);
                    Ok(())
                })?;
                let warning = plugin.blame(call.function(), became_special).err();
                self.warning =
                    warning.map(|error| PluginError { message: format!("{}; {CURE}", error.message), ..error });
                Ok(answer)
            }
            Call::Decode(batch) => {
                // the host's own input is checked too, so that no plugin has to
                let checked = match &self.specials {
                    None => Err(before_load()),
                    Some(specials) => batch
                        .check(batch.ends.len(), specials.n_tokens())
                        .map_err(|error| PluginError::input(error.message)),
                };
                plugin.blame(call.function(), checked)?;
                plugin.checked(call, |texts: &mut Vec<Vec<u8>>| check_count("texts", batch.ends.len(), texts.len()))
            }
            call => plugin.call(call),
        }
    }

    /// Text never becomes a special token, but plugins of contract 0.1 were never held to it at run time.
    fn take_warning(&mut self) -> Option<PluginError> {
        self.warning.take()
    }
}

fn before_load() -> PluginError {
    PluginError::state("called before load")
}
