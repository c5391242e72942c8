//! Texts that a model writes from documents.

use super::PredictingModel;
use super::answers::{Answer, WrittenText};
use crate::Result;
use crate::corpus::Document;
use crate::eval::text::decode;
use crate::eval::{Writer, WriterConfig};
use crate::feed::Given;
use trainyard_plugin::TokenBatch;

/// Batches of documents that are read before any is written from: those of similar lengths are written together.
const BATCHES: usize = 8;

/// How texts are written, where it is not as the run's config says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextOptions {
    /// Hypotheses at a time.
    pub beams: Option<usize>,
    /// Most tokens of a text.
    pub max_tokens: Option<usize>,
    /// α: hypotheses are compared by Σ log probability / length^α.
    pub length_penalty: Option<f64>,
    /// No run of this many tokens is written twice.
    pub no_repeat_ngram: Option<usize>,
    /// Whether all hypotheses are told.
    pub all: bool,
}

impl TextOptions {
    /// The flag of the first that is given.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--beams", self.beams.is_some()),
            ("--max-tokens", self.max_tokens.is_some()),
            ("--length-penalty", self.length_penalty.is_some()),
            ("--no-repeat-ngram", self.no_repeat_ngram.is_some()),
            ("--all", self.all),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    fn writer<'a>(&self, of: &'a PredictingModel) -> Writer<'a> {
        let usual = WriterConfig::beams(self.beams.unwrap_or(of.config.sample.beams));
        let config = WriterConfig {
            max_tokens: self.max_tokens,
            length_penalty: self.length_penalty.unwrap_or(usual.length_penalty),
            no_repeat_ngram: self.no_repeat_ngram.unwrap_or(usual.no_repeat_ngram),
            ..usual
        };
        Writer::new(&of.model, &of.task, of.token_bytes.len(), &config)
    }
}

/// How many documents are read at once.
pub(super) fn at_once(of: &PredictingModel, options: &TextOptions) -> usize {
    BATCHES * options.writer(of).at_once()
}

/// What the model writes from each document; none where the tokenizer makes nothing of it. `cut` counts those of
/// which it reads the beginning only.
///
/// # Errors
/// Options that cannot be, whatever the tokenizer reports, a signal that asks the program to end.
pub(super) fn answers(
    of: &PredictingModel,
    options: &TextOptions,
    documents: &[Document],
    given: &mut Given,
    cut: &mut u64,
) -> Result<Vec<Option<Answer>>> {
    let writer = options.writer(of);
    let texts: Vec<_> = documents.iter().map(|document| document.text()).collect();
    let encoded = given.tokenizer().encode(&texts)?;
    encoded.check(documents.len(), of.token_bytes.len())?;
    let sources: Vec<&[u32]> = encoded.sequences().filter(|ids| !ids.is_empty()).collect();
    *cut += sources.iter().filter(|source| !writer.reads_all(source)).count() as u64;
    let hypotheses = writer.write(&sources)?;
    let mut tokens = TokenBatch::default();
    for hypothesis in hypotheses.iter().flatten() {
        tokens.ids.extend(&hypothesis.ids);
        tokens.end_sequence()?;
    }
    let mut texts = decode(given.tokenizer(), &tokens)?.into_iter();
    let mut answers = hypotheses.iter().map(|hypotheses| {
        let written = hypotheses.iter().zip(&mut texts);
        let all: Vec<_> = written.map(|(found, text)| WrittenText { text, score: found.score }).collect();
        let best = all.first().cloned();
        best.map(|best| Answer::Text { best, hypotheses: options.all.then_some(all) })
    });
    let answer = |ids: &[u32]| if ids.is_empty() { None } else { answers.next().flatten() };
    Ok(encoded.sequences().map(answer).collect())
}
