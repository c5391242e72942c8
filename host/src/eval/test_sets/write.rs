//! What a model writes for prompts.

use super::{TestSet, TestSets};
use crate::Result;
use crate::eval::chat::stops::{Stops, stops};
use crate::eval::text::{decode, decode_after};
use crate::eval::{Writer, WriterConfig, continue_tokens};
use crate::feed::Given;
use crate::model::Model;
use crate::run::{RunTask, SampleConfig, TestSetConfig};
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
/// A model or a tokenizer that fails, a signal that asks the program to end.
pub(super) fn written(
    form: &Form<'_>,
    (model, task): (&Model, &RunTask),
    given: &mut Given,
    set: &TestSet,
    sample: &SampleConfig,
) -> Result<Vec<String>> {
    let texts = match model.reads_source() {
        true => from_sources((model, task), given, set, sample)?,
        false => continuations(form, model, given, set, sample)?,
    };
    Ok(texts.into_iter().map(|text| form.ended(text)).collect())
}

fn continuations(
    form: &Form<'_>,
    model: &Model,
    given: &mut Given,
    set: &TestSet,
    sample: &SampleConfig,
) -> Result<Vec<String>> {
    let n_tokens = given.vocabulary().tokens.len();
    let mut texts = Vec::with_capacity(set.examples.len());
    for (prompt, index) in set.prompts().zip(0u64..) {
        let (ids, start) = form.prompt(prompt, given)?;
        let sample =
            SampleConfig { tokens: set.config.tokens, seed: sample.seed.wrapping_add(index), ..sample.clone() };
        let new = match ids.is_empty() {
            // a tokenizer that makes nothing of the prompt leaves nothing to continue
            true => Vec::new(),
            false => continue_tokens(model, (&[], &ids), &sample, &form.ends, n_tokens)?,
        };
        let bytes = decode_after(given.tokenizer(), &ids[start..], &new)?;
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    Ok(texts)
}

fn from_sources(
    (model, task): (&Model, &RunTask),
    given: &mut Given,
    set: &TestSet,
    sample: &SampleConfig,
) -> Result<Vec<String>> {
    let prompts: Vec<_> = set.prompts().collect();
    let (n_tokens, encoded) = (given.vocabulary().tokens.len(), given.tokenizer().encode(&prompts)?);
    encoded.check(prompts.len(), n_tokens)?;
    let config = WriterConfig { max_tokens: Some(set.config.tokens), ..WriterConfig::beams(sample.beams) };
    // from a source without tokens nothing is written
    let sources: Vec<&[u32]> = encoded.sequences().filter(|ids| !ids.is_empty()).collect();
    let mut hypotheses = Writer::new(model, task, n_tokens, &config).write(&sources)?.into_iter();
    let mut batch = TokenBatch::default();
    for ids in encoded.sequences() {
        let best = if ids.is_empty() { None } else { hypotheses.next() };
        batch.ids.extend(best.iter().flatten().take(1).flat_map(|hypothesis| &hypothesis.ids));
        batch.end_sequence()?;
    }
    decode(given.tokenizer(), &batch)
}
