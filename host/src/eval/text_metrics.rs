//! Metrics over texts that a model writes: it continues held-out documents, or writes from their sources, and the
//! plugins compare with what is there.

use super::WriterConfig;
use super::examples::{Example, values};
use super::text::decode;
use super::writing::{Prompt, Writing};
use crate::Result;
use crate::feed::tasks::pair;
use crate::feed::{Dataset, Shard};
use crate::model::Model;
use crate::report::{Comparable, MetricValue};
use crate::run::{EvalConfig, RunPlugins, SampleConfig};
use trainyard_plugin::{LOSSY, PROMPTS, TokenBatch};

/// Texts that a model wrote, what it was given before, and what was there.
#[derive(Default)]
struct Texts {
    given: TokenBatch,
    written: TokenBatch,
    expected: TokenBatch,
}

impl Texts {
    fn add(&mut self, given: &[u32], written: &[u32], expected: &[u32]) -> Result<()> {
        for (batch, ids) in [(&mut self.given, given), (&mut self.written, written), (&mut self.expected, expected)] {
            batch.ids.extend(ids);
            batch.end_sequence()?;
        }
        Ok(())
    }
}

/// The values of the run's text metrics, each or why there is none, on `sample.documents` of `shard`; nothing is
/// written when there are none, or the task has no texts of documents to compare with.
///
/// # Errors
/// A tokenizer that fails, a signal that asks the program to end; what a metric fails at is in its place in the list.
pub fn text_metrics(
    plugins: &RunPlugins,
    data: &Dataset,
    writing: &Writing<'_>,
    shard: &Shard,
    (sample, eval): (&SampleConfig, &EvalConfig),
) -> Result<Vec<Result<MetricValue>>> {
    let Writing { model, task, .. } = *writing;
    if plugins.text_metrics.is_empty() || !task.config().writes_text() {
        return Ok(Vec::new());
    }
    let texts = match model.reads_source() {
        true => written(data, writing, shard, sample)?,
        false => continued(data, writing, shard, (sample, eval))?,
    };
    let mut tokenizer = plugins.data.tokenizer.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    let written = decode(tokenizer.as_mut(), &texts.written)?;
    let expected = decode(tokenizer.as_mut(), &texts.expected)?;
    let mut examples: Vec<Example> = written
        .into_iter()
        .zip(expected)
        .map(|(hypothesis, reference)| Example { prompt: None, hypothesis, references: vec![reference] })
        .collect();
    if plugins.text_metrics.iter().any(|plugin| plugin.identity().has(PROMPTS)) {
        let prompts = decode(tokenizer.as_mut(), &texts.given)?;
        examples.iter_mut().zip(prompts).for_each(|(example, prompt)| example.prompt = Some(prompt));
    }
    plugins.keep(tokenizer);
    Ok(values(plugins, &examples, comparable(plugins, model)))
}

/// Which runs' values may be compared: how much text is given and written, and what comes back of a tokenizer that
/// loses text, depends on its tokens.
pub(super) fn comparable(plugins: &RunPlugins, model: &Model) -> Comparable {
    match model.reads_source() && !plugins.data.tokenizer.identity().has(LOSSY) {
        true => Comparable::Text,
        false => Comparable::Tokenizer,
    }
}

/// Continuations of the first documents.
fn continued(
    data: &Dataset,
    writing: &Writing<'_>,
    shard: &Shard,
    (sample, eval): (&SampleConfig, &EvalConfig),
) -> Result<Texts> {
    let (mut prompts, mut expected) = (Vec::new(), Vec::new());
    for index in 0..shard.n_documents().min(sample.documents) {
        let document = shard.document(index);
        let (prompt, rest) = document.split_at(eval.prompt_tokens.min(document.len()));
        if !rest.is_empty() {
            let seed = sample.seed.wrapping_add(index);
            prompts.push(Prompt { tokens: prompt.to_vec(), seed, ..Prompt::default() });
            expected.push(rest[..eval.tokens.min(rest.len())].to_vec());
        }
    }
    let sample = SampleConfig { tokens: eval.tokens, ..sample.clone() };
    let (ends, n_tokens) = (data.tokenizer.end_of_text.as_slice(), data.tokenizer.n_tokens);
    let written = writing.continuations(prompts.clone(), &sample, ends, n_tokens)?;
    let mut texts = Texts::default();
    for ((prompt, written), expected) in prompts.iter().zip(&written).zip(&expected) {
        texts.add(&prompt.tokens, written, expected)?;
    }
    Ok(texts)
}

/// What is written from the sources of documents, spread over the shard.
fn written(data: &Dataset, writing: &Writing<'_>, shard: &Shard, sample: &SampleConfig) -> Result<Texts> {
    let (all, n) = (shard.n_documents(), shard.n_documents().min(sample.documents));
    let pairs: Vec<_> =
        (0..n).map(|index| pair(shard, (u128::from(index) * u128::from(all) / u128::from(n)) as u64)).collect();
    let sources = pairs.iter().map(|(source, _)| source.clone()).collect();
    let written = writing.from_sources(sources, &WriterConfig::beams(sample.beams), data.tokenizer.n_tokens)?;
    let mut texts = Texts::default();
    for ((source, target), written) in pairs.iter().zip(&written) {
        texts.add(source, written, target)?;
    }
    Ok(texts)
}
