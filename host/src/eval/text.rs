//! Text in, text out.

use super::writing::{Prompt, Writing};
use crate::feed::Dataset;
use crate::model::Model;
use crate::plugin::Plugin;
use crate::run::{RunTask, SampleConfig};
use crate::{Error, Result};
use trainyard_plugin::{TokenBatch, Tokenizer};

/// A text to continue, as tokens: the tokenizer's way there and back around [`Writing::continuations`].
pub struct TextPrompt<'a> {
    tokenizer: Box<dyn Tokenizer>,
    sample: &'a SampleConfig,
    prompt: Prompt,
    /// How many tokens of the prompt come before its text.
    start: usize,
    /// The token that ends a text.
    end: Option<u32>,
    n_tokens: usize,
}

impl<'a> TextPrompt<'a> {
    /// The prompt of `sample`, for a model of this task.
    ///
    /// # Errors
    /// A source that the model does not read or cannot do without, a prompt without tokens, whatever the tokenizer
    /// reports.
    pub fn new(
        plugin: &Plugin,
        data: &Dataset,
        (model, task): (&Model, &RunTask),
        sample: &'a SampleConfig,
    ) -> Result<Self> {
        check_source(model, &sample.source)?;
        let mut tokenizer = plugin.tokenizer()?;
        tokenizer.load(&data.tokenizer.model)?;
        let end = data.tokenizer.end_of_text;
        let mut prompt = Prompt::default();
        if model.reads_source() {
            prompt.source = task.marks.source(&tokenizer.encode(&[&sample.source])?.ids, model.context());
            prompt.tokens.extend(task.marks.start.or(end).into_iter().chain(task.marks.begin));
        } else {
            // As in training, a text begins after the token that ends the one before.
            prompt.tokens.extend(end);
        }
        let start = prompt.tokens.len();
        prompt.tokens.extend(tokenizer.encode(&[&sample.prompt])?.ids);
        if prompt.tokens.is_empty() {
            return Err(Error::usage("the prompt has no tokens, write at least one character"));
        }
        Ok(Self { tokenizer, sample, prompt, start, end, n_tokens: data.tokenizer.n_tokens })
    }

    /// What is written after the prompt, a text for each of `seeds`.
    ///
    /// # Errors
    /// As [`Writing::continuations`], whatever the tokenizer reports.
    pub fn continued(&mut self, writing: &Writing<'_>, seeds: &[u64]) -> Result<Vec<String>> {
        let prompts = seeds.iter().map(|&seed| Prompt { seed, ..self.prompt.clone() }).collect();
        let ends = self.end.as_slice();
        let text = |ids: Vec<u32>| {
            let bytes = decode_after(&mut *self.tokenizer, &self.prompt.tokens[self.start..], &ids)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        writing.continuations(prompts, self.sample, ends, self.n_tokens)?.into_iter().map(text).collect()
    }
}

/// Text in, text out: what this process writes after the prompt of `sample`. The tokenizer is returned too, to be
/// closed when the text was shown: closing can go wrong.
///
/// # Errors
/// As [`TextPrompt`].
pub fn continue_text(
    plugin: &Plugin,
    data: &Dataset,
    (model, task): (&Model, &RunTask),
    sample: &SampleConfig,
) -> Result<(String, Box<dyn Tokenizer>)> {
    let mut prompt = TextPrompt::new(plugin, data, (model, task), sample)?;
    let texts = prompt.continued(&Writing { model, task, ranks: None }, &[sample.seed])?;
    Ok((texts.concat(), prompt.tokenizer))
}

fn check_source(model: &Model, source: &str) -> Result<()> {
    match (model.reads_source(), source.is_empty()) {
        (true, true) => {
            Err(Error::usage("this model writes from a source text, got none; give it with --source or --source-file"))
        }
        (false, false) => Err(Error::usage(
            "--source: this model has no encoder that reads a source; leave it out, --prompt is what it continues",
        )),
        _ => Ok(()),
    }
}

/// Texts of sequences of tokens; what is no UTF-8 is replaced.
///
/// # Errors
/// Whatever the tokenizer reports.
pub(super) fn decode(tokenizer: &mut dyn Tokenizer, tokens: &TokenBatch) -> Result<Vec<String>> {
    Ok(tokenizer.decode(tokens)?.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect())
}

/// The bytes that `ids` add to those of `prompt`. Some tokenizers write a space between two words only: what a token is
/// depends on the one before it.
///
/// # Errors
/// Whatever the tokenizer reports.
pub(super) fn decode_after(tokenizer: &mut dyn Tokenizer, prompt: &[u32], ids: &[u32]) -> Result<Vec<u8>> {
    let mut batch = TokenBatch::default();
    for sequence in [&[prompt, ids].concat()[..], prompt, ids] {
        batch.ids.extend(sequence);
        batch.end_sequence()?;
    }
    let mut texts = tokenizer.decode(&batch)?.into_iter();
    let mut next = || texts.next().unwrap_or_default();
    let (whole, before, alone) = (next(), next(), next());
    Ok(whole.strip_prefix(&before[..]).map_or(alone, <[u8]>::to_vec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::PluginConfig;
    use trainyard_plugin::Kind;

    #[test]
    fn a_word_after_the_prompt_keeps_its_space() {
        let plugin = Plugin::open(&PluginConfig::new("wordpiece"), Kind::Tokenizer).unwrap();
        let mut tokenizer = plugin.tokenizer().unwrap();
        tokenizer.observe(&["the cat sat", "the cat"]).unwrap();
        let model = tokenizer.train().unwrap();
        tokenizer.load(&model).unwrap();
        let mut ids = |text: &str| tokenizer.encode(&[text]).unwrap().ids;
        let (prompt, more) = (ids("the cat"), ids("sat"));
        assert_eq!(decode_after(&mut *tokenizer, &prompt, &more).unwrap(), b" sat");
        assert_eq!(decode_after(&mut *tokenizer, &prompt, &[]).unwrap(), b"");
        assert_eq!(decode_after(&mut *tokenizer, &[], &more).unwrap(), b"sat");
    }
}
