//! Texts that a model with an encoder writes from others.

use super::{BeamConfig, BeamSearch, Hypothesis};
use crate::Result;
use crate::base::interrupt;
use crate::model::Model;
use crate::run::RunTask;
use serde::{Deserialize, Serialize};

/// Rows of the caches of all texts that are written together: beside a small model they take some hundred megabytes.
pub(super) const ROWS: usize = 16_384;
/// Most texts that are written together.
pub(super) const TEXTS: usize = 64;

/// How texts are written from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriterConfig {
    /// Hypotheses at a time; 1 always takes the likeliest token.
    pub beams: usize,
    /// Most tokens that are written, the end included; as many as the model can if not said.
    pub max_tokens: Option<usize>,
    /// α: hypotheses are compared by Σ log probability / length^α.
    pub length_penalty: f64,
    /// No run of this many tokens is written twice; 0: any may be.
    pub no_repeat_ngram: usize,
}

impl WriterConfig {
    /// With so many hypotheses at a time, and else as it is usual.
    pub fn beams(beams: usize) -> Self {
        Self { beams, max_tokens: None, length_penalty: 1.0, no_repeat_ngram: 0 }
    }
}

/// A model that writes texts from others.
pub struct Writer<'a> {
    model: &'a Model,
    task: &'a RunTask,
    config: BeamConfig,
}

impl<'a> Writer<'a> {
    /// Writes with a model of this task, whose tokenizer has `n_tokens`.
    pub fn new(model: &'a Model, task: &'a RunTask, n_tokens: usize, config: &WriterConfig) -> Self {
        let WriterConfig { beams, max_tokens, length_penalty, no_repeat_ngram } = *config;
        let config = BeamConfig {
            beams,
            length_penalty,
            max_tokens: max_tokens.unwrap_or(model.context()),
            min_tokens: 0,
            no_repeat_ngram,
            end: task.marks.last,
            first: task.marks.begin,
            last: None,
            n_tokens,
        };
        Self { model, task, config }
    }

    /// How many texts are written together.
    pub fn at_once(&self) -> usize {
        (ROWS / self.config.beams.saturating_mul(self.config.max_tokens).max(1)).clamp(1, TEXTS)
    }

    /// Whether the model reads all of a source, or only its beginning.
    pub fn reads_all(&self, source: &[u32]) -> bool {
        self.task.marks.source(source, usize::MAX).len() <= self.model.context()
    }

    /// What is written from each of `sources`, tokens without marks: the hypotheses, the best first. Those of similar
    /// lengths are written together.
    ///
    /// # Errors
    /// Settings that cannot be, a model that fails, a signal that asks the program to end.
    pub fn write(&self, sources: &[&[u32]]) -> Result<Vec<Vec<Hypothesis>>> {
        let start: Vec<u32> = self.task.marks.start.into_iter().collect();
        let marked: Vec<_> = sources.iter().map(|ids| self.task.marks.source(ids, self.model.context())).collect();
        let mut order: Vec<usize> = (0..sources.len()).collect();
        order.sort_by_key(|&source| marked[source].len());
        let mut written = vec![Vec::new(); sources.len()];
        for some in order.chunks(self.at_once()) {
            interrupt::check()?;
            let sources: Vec<&[u32]> = some.iter().map(|&source| marked[source].as_slice()).collect();
            let prompts = vec![start.as_slice(); some.len()];
            let mut search = BeamSearch::of_model(self.model, &sources, &prompts, self.config.clone())?;
            while search.step()? {
                interrupt::check()?;
            }
            for (&source, hypotheses) in some.iter().zip(search.finish()) {
                written[source] = hypotheses.into_iter().map(|text| self.without_begin(text)).collect();
            }
        }
        Ok(written)
    }

    /// A text without the token that every target begins with.
    fn without_begin(&self, mut text: Hypothesis) -> Hypothesis {
        if self.config.first.is_some() && text.ids.first() == self.config.first.as_ref() {
            text.ids.remove(0);
        }
        text
    }
}
