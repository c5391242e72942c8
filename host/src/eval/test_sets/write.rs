//! What a model writes for prompts.

use super::{TestSet, TestSets};
use crate::Result;
use crate::eval::WriterConfig;
use crate::eval::chat::stops::{Stops, stops};
use crate::eval::text::{decode, decode_after};
use crate::eval::writing::{Prompt, Writing};
use crate::feed::Given;
use crate::run::{SampleConfig, TestSetConfig};
use trainyard_plugin::TokenBatch;

/// How a text is asked for, and where it ends.
pub(super) struct Form<'s> {
    sets: &'s TestSets,
    /// Tokens that end it.
    ends: Vec<u32>,
    /// Texts that end it.
    until: Vec<String>,
}

impl<'s> Form<'s> {
    /// Finds out how the prompts of a set are asked.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn new(sets: &'s TestSets, config: &TestSetConfig, given: &mut Given) -> Result<Self> {
        let (ends, text) = match &sets.template {
            Some(template) => {
                let Stops { ids, text } = stops(sets.folder.as_deref(), template, given)?;
                (ids, text)
            }
            None => (given.end_of_text().into_iter().collect(), None),
        };
        let until = config.until.iter().cloned().chain(text.filter(|text| !text.is_empty())).collect();
        Ok(Self { sets, ends, until })
    }

    /// The tokens that the model continues for a prompt, and how many of them come before the text of it.
    fn prompt(&self, prompt: &str, given: &mut Given) -> Result<(Vec<u32>, usize)> {
        if let (Some(template), Some(asked)) = (&self.sets.template, self.sets.asked(prompt)?) {
            let (tokenizer, vocabulary) = given.parts();
            let ids = template.tokenized(&asked, &[], tokenizer, vocabulary)?.ids;
            let n = ids.len();
            return Ok((ids, n));
        }
        // as in training, a text begins after the token that ends the one before
        let mut ids: Vec<u32> = given.end_of_text().into_iter().collect();
        let start = ids.len();
        ids.extend(given.tokenizer().encode(&[prompt])?.ids);
        Ok((ids, start))
    }

    /// The text before the first of those that end it.
    fn ended(&self, mut text: String) -> String {
        let end = self.until.iter().filter_map(|until| text.find(until)).min();
        text.truncate(end.unwrap_or(text.len()));
        text
    }
}

/// What the model writes for each prompt of a set.
///
/// # Errors
/// A model or a tokenizer that fails, a signal that asks the program to end, a rank that is gone.
pub(super) fn written(
    form: &Form<'_>,
    writing: &Writing<'_>,
    given: &mut Given,
    set: &TestSet,
    sample: &SampleConfig,
) -> Result<Vec<String>> {
    let texts = match writing.model.reads_source() {
        true => from_sources(writing, given, set, sample)?,
        false => continuations(form, writing, given, set, sample)?,
    };
    Ok(texts.into_iter().map(|text| form.ended(text)).collect())
}

fn continuations(
    form: &Form<'_>,
    writing: &Writing<'_>,
    given: &mut Given,
    set: &TestSet,
    sample: &SampleConfig,
) -> Result<Vec<String>> {
    // a tokenizer that makes nothing of a prompt leaves nothing to continue
    let (mut prompts, mut starts) = (Vec::new(), Vec::new());
    for (prompt, index) in set.prompts().zip(0u64..) {
        let (tokens, start) = form.prompt(prompt, given)?;
        prompts.push(Prompt { tokens, seed: sample.seed.wrapping_add(index), ..Prompt::default() });
        starts.push(start);
    }
    let sample = SampleConfig { tokens: set.config.tokens, ..sample.clone() };
    let n_tokens = given.vocabulary().tokens.len();
    let written = writing.continuations(prompts.clone(), &sample, &form.ends, n_tokens)?;
    let text = |((prompt, start), new): ((&Prompt, usize), Vec<u32>)| {
        let bytes = decode_after(given.tokenizer(), &prompt.tokens[start..], &new)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    prompts.iter().zip(starts).zip(written).map(text).collect()
}

fn from_sources(writing: &Writing<'_>, given: &mut Given, set: &TestSet, sample: &SampleConfig) -> Result<Vec<String>> {
    let prompts: Vec<_> = set.prompts().collect();
    let (n_tokens, encoded) = (given.vocabulary().tokens.len(), given.tokenizer().encode(&prompts)?);
    encoded.check(prompts.len(), n_tokens)?;
    let config = WriterConfig { max_tokens: Some(set.config.tokens), ..WriterConfig::beams(sample.beams) };
    let sources = encoded.sequences().map(<[u32]>::to_vec).collect();
    let mut batch = TokenBatch::default();
    for written in writing.from_sources(sources, &config, n_tokens)? {
        batch.ids.extend(written);
        batch.end_sequence()?;
    }
    decode(given.tokenizer(), &batch)
}
