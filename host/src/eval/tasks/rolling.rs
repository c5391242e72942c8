//! Perplexity of whole documents, read in windows: `loglikelihood_rolling` of lm-evaluation-harness.

use super::check;
use super::encode::Encoder;
use super::likelihood::{Request, likelihoods};
use super::summary::Provenance;
use crate::base::files::hex;
use crate::corpus::{DataConfig, digest_files, documents, grouped, list};
use crate::eval::PredictingModel;
use crate::eval::file::{named, sources};
use crate::eval::sharing::read_alike;
use crate::ranks::Group;
use crate::report::{Counter, FileReport};
use crate::{Error, Result};
use serde::Serialize;
use std::f64::consts::LN_2;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use trainyard_text::chars::is_space;

/// How likely a model finds documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollingSummary {
    /// What was measured, on what.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Most tokens of a window.
    pub context: usize,
    /// New tokens of each window after a document's first.
    pub stride: usize,
    /// Sizes, and how likely all of it is.
    #[serde(flatten)]
    pub totals: Totals,
    /// exp of the mean negative log-likelihood of a word.
    pub word_perplexity: f64,
    /// The same of a byte.
    pub byte_perplexity: f64,
    /// The same in bits, without exp.
    pub bits_per_byte: f64,
    /// exp of the mean negative log-likelihood of a token: only models with the same tokenizer can be compared by it.
    pub token_perplexity: f64,
}

/// Sums over documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Documents that are not blank.
    pub documents: u64,
    /// Words between white space.
    pub words: u64,
    /// Bytes in UTF-8.
    pub bytes: u64,
    /// Tokens that were predicted.
    pub tokens: u64,
    /// The sum of their log-likelihoods, in nats.
    pub log_likelihood: f64,
}

/// Reads the documents of `files` (files, folders or patterns) by the model at `from`, in windows of its context of
/// which each has `stride` new tokens, its whole context if not said. `text_field` is as in
/// [`crate::eval::evaluate_files`]. Several `ranks` with the same model share the windows out, and all have the result.
///
/// # Errors
/// A model that does not continue text, a stride that is longer than its context, files that cannot be read, whatever
/// the tokenizer reports, a signal that asks the program to end; a rank that has other files or is gone.
pub fn evaluate_rolling(
    from: &Path,
    mut model: PredictingModel,
    files: &[PathBuf],
    text_field: Option<&str>,
    (stride, ranks): (Option<usize>, Option<&Group>),
) -> Result<RollingSummary> {
    let context = model.model.context();
    let stride = stride.unwrap_or(context);
    let asked = read_alike(Asked::read(&model, files, text_field, stride), ranks, |asked| asked.data.clone())?;
    let Asked { config, data, mut encoder } = asked;
    let prefix = encoder.prefix()?;
    let (mut totals, progress) = (Totals::default(), Counter::of("windows", None));
    for some in grouped(documents(&config).map_err(named)?, |document| document.text().len()) {
        let some = some.map_err(named)?;
        let texts: Vec<&str> = some.iter().map(|document| document.text()).collect();
        let mut requests = Vec::new();
        for (text, ids) in texts.iter().zip(encoder.texts(&texts)?) {
            requests.extend(windows(&ids, prefix, (context, stride)));
            totals.add(text, ids.len());
        }
        let found = likelihoods(&mut model.model, &requests, (&progress, ranks))?;
        totals.log_likelihood += found.iter().map(|likelihood| likelihood.log).sum::<f64>();
    }
    progress.finish();
    if totals.tokens == 0 {
        let paths: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        return Err(Error::run(format!("{}: no text to measure, name a file that holds some", paths.join(", "))));
    }
    let per = |n: u64| -totals.log_likelihood / n as f64;
    Ok(RollingSummary {
        provenance: Provenance { model: from.to_owned(), checkpoint: model.folder, data },
        context,
        stride,
        totals,
        word_perplexity: per(totals.words).exp(),
        byte_perplexity: per(totals.bytes).exp(),
        bits_per_byte: per(totals.bytes) / LN_2,
        token_perplexity: per(totals.tokens).exp(),
    })
}

/// What is read, and how.
struct Asked {
    config: DataConfig,
    data: Vec<FileReport>,
    encoder: Encoder,
}

impl Asked {
    fn read(model: &PredictingModel, files: &[PathBuf], text_field: Option<&str>, stride: usize) -> Result<Self> {
        check(model)?;
        let context = model.model.context();
        if !(1..=context).contains(&stride) {
            let message = format!("--stride: expected 1 to {context}, the model's context, got {stride}");
            return Err(Error::usage(message));
        }
        let encoder = Encoder::new(model)?;
        let config = DataConfig::new(sources(&model.config.data, files, text_field)?);
        let listed = list(&config)?;
        let digests = digest_files(&listed)?;
        let data = listed.into_iter().zip(&digests);
        let data = data.map(|(file, digest)| FileReport { path: file.path, sha256: hex(digest) }).collect();
        Ok(Self { config, data, encoder })
    }
}

/// What is asked about a document of tokens `ids`: each of them once, the first after `prefix`. A window after the
/// first ends `stride` tokens later than the one before it: `get_rolling_token_windows` and `make_disjoint_window` of
/// lm-evaluation-harness, whose `context_len` is `context` - `stride` + 1.
fn windows(ids: &[u32], prefix: u32, (context, stride): (usize, usize)) -> Vec<Request> {
    // with the prefix, token i is at i + 1
    let all = [&[prefix], ids].concat();
    let (mut requests, mut done) = (Vec::new(), 0);
    while done < ids.len() {
        let new = if done == 0 { context } else { stride };
        let end = ids.len().min(done + new);
        let begin = (end + 1).saturating_sub(context + 1);
        requests.push(Request::new(&all[begin..=done], &all[done + 1..=end], context));
        done = end;
    }
    requests
}

impl Totals {
    /// Adds a document of so many tokens.
    fn add(&mut self, text: &str, n_tokens: usize) {
        self.documents += 1;
        self.words += words(text);
        self.bytes += text.len() as u64;
        self.tokens += n_tokens as u64;
    }
}

/// The pieces between white space, empty ones at the ends too: `len(re.split(r"\s+", text))`.
fn words(text: &str) -> u64 {
    let mut is_inside = false;
    let begins = |char: char| {
        let was_inside = std::mem::replace(&mut is_inside, is_space(char));
        is_inside && !was_inside
    };
    text.chars().map(begins).filter(|&begins| begins).count() as u64 + 1
}

impl Display for RollingSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Totals { documents, words, bytes, tokens, .. } = self.totals;
        let lines = [
            ("word_perplexity", self.word_perplexity, "words", words),
            ("byte_perplexity", self.byte_perplexity, "bytes", bytes),
            ("bits_per_byte", self.bits_per_byte, "bytes", bytes),
            ("token_perplexity", self.token_perplexity, "tokens", tokens),
        ];
        for (name, value, unit, n) in lines {
            writeln!(f, "{name:17} {value:>11.4}  over {n} {unit}")?;
        }
        writeln!(f, "{documents} documents in windows of {} tokens, stride {}\n", self.context, self.stride)?;
        write!(f, "{}", self.provenance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_asked_for_once() {
        let of =
            |n: u32, context, stride| -> Vec<Request> { windows(&(1..=n).collect::<Vec<_>>(), 0, (context, stride)) };
        let whole = |before: &[u32], continuation: &[u32]| Request::new(before, continuation, 4);
        assert_eq!(of(3, 4, 4), [whole(&[0], &[1, 2, 3])]);
        assert_eq!(of(6, 4, 4), [whole(&[0], &[1, 2, 3, 4]), whole(&[2, 3, 4], &[5, 6])]);
        let strided = [whole(&[0], &[1, 2, 3, 4]), whole(&[2, 3, 4], &[5, 6]), whole(&[3, 4, 5, 6], &[7])];
        assert_eq!(of(7, 4, 2), strided);
        assert!(of(0, 4, 2).is_empty());
    }

    #[test]
    fn words_are_those_of_python() {
        let counted = ["", "a", "a b", " a\n\nb ", "\u{a0}", "a\u{1c}b"].map(words);
        assert_eq!(counted, [1, 1, 2, 4, 2, 2]);
    }
}
