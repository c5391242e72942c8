//! Tasks as language models are quoted for: which choice is the likeliest, how likely a text is, what is written after
//! a prompt. Tokens, numbers and their names are those of lm-evaluation-harness
//! (github.com/EleutherAI/lm-evaluation-harness, version 0.4.13).

mod encode;
mod generation;
mod likelihood;
mod question;
mod rolling;
mod summary;

pub use rolling::{RollingSummary, evaluate_rolling};
pub use summary::{Answered, Outcome, Provenance, TaskMetric, TaskSummary, TasksSummary};

use super::chat;
use super::predict::PredictingModel;
use super::sharing::read_alike;
use crate::ranks::Group;
use crate::report::{Counter, FileReport};
use crate::{Error, Result};
use encode::Encoder;
use generation::Prompt;
use likelihood::{Likelihood, Request, likelihoods};
use question::{Kind, Question};
use std::path::{Path, PathBuf};

/// Most tokens that are written where a question does not say it, as in lm-evaluation-harness.
const MAX_TOKENS: usize = 256;

/// Asks the model at `from` the questions of files; returns the numbers, and what it makes of each question. Several
/// `ranks` with the same model share the questions out, and all have the result.
///
/// # Errors
/// A model that does not continue text, a line that is no question, whatever the tokenizer reports, a signal that asks
/// the program to end; a rank that has other files or is gone.
pub fn evaluate_tasks(
    from: &Path,
    mut model: PredictingModel,
    files: &[PathBuf],
    ranks: Option<&Group>,
) -> Result<(TasksSummary, Vec<Answered>)> {
    let asked = read_alike(Asked::read(&model, files), ranks, |asked| asked.data.clone())?;
    let Asked { questions, data, mut encoder, requests, prompts } = asked;
    let progress = Counter::of("requests", Some((requests.len() + prompts.len()) as u64));
    let found = likelihoods(&mut model.model, &requests, (&progress, ranks))?;
    let asked: Vec<Prompt> = prompts.iter().map(|(prompt, _)| prompt.clone()).collect();
    let written = generation::write(&model.model, encoder.given(), &asked, (&progress, ranks))?;
    progress.finish();
    let context = model.model.context();
    let mut asked = requests.iter().zip(found);
    let mut texts = prompts.iter().map(|(_, is_cut)| *is_cut).zip(written);
    let answered: Vec<_> = questions.iter().filter_map(|question| answered(question, &mut asked, &mut texts)).collect();
    let tasks = summary::tasks(&answered)?;
    match tasks.iter().map(|task| task.truncated).sum() {
        0 => {}
        n => tracing::warn!("of {n} questions the end was read: they are longer than the context of {context} tokens"),
    }
    let provenance = Provenance { model: from.to_owned(), checkpoint: model.folder, data };
    Ok((TasksSummary { provenance, tasks }, answered))
}

/// The questions of files, as a model reads them.
struct Asked {
    questions: Vec<Question>,
    data: Vec<FileReport>,
    encoder: Encoder,
    requests: Vec<Request>,
    /// Each with whether its beginning was left out.
    prompts: Vec<(Prompt, bool)>,
}

impl Asked {
    fn read(model: &PredictingModel, files: &[PathBuf]) -> Result<Self> {
        check(model)?;
        let (mut questions, mut data) = (Vec::new(), Vec::new());
        for file in files {
            let (of_file, report) = question::read(file)?;
            questions.extend(of_file);
            data.push(report);
        }
        let mut encoder = Encoder::new(model)?;
        let requests = requests(&questions, &mut encoder, model.model.context())?;
        let prompts = prompts(&questions, &mut encoder, model)?;
        Ok(Self { questions, data, encoder, requests, prompts })
    }
}

/// Refuses a model that does not continue text.
fn check(model: &PredictingModel) -> Result<()> {
    let task = &model.config.task;
    match task.continues_text() {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "task: a model of {:?} continues no text, expected one of \"causal\" or \"chat\"",
            task.name()
        ))),
    }
}

/// What is asked about each choice and each target, question after question.
fn requests(questions: &[Question], encoder: &mut Encoder, context: usize) -> Result<Vec<Request>> {
    let (mut pairs, mut places) = (Vec::new(), Vec::new());
    for question in questions {
        let continuations: Vec<&str> = match &question.kind {
            Kind::Choice { choices, .. } => choices.iter().map(|choice| choice.continuation.as_str()).collect(),
            Kind::Cloze { target } => vec![target],
            Kind::Generation { .. } => Vec::new(),
        };
        places.extend(continuations.iter().map(|_| &question.place));
        pairs.extend(continuations.into_iter().map(|text| (question.prompt.as_str(), text)));
    }
    let pairs = encoder.pairs(&pairs)?.into_iter().zip(places);
    let request = |((before, continuation), place): ((Vec<u32>, Vec<u32>), &question::Place)| match continuation.len() {
        0 => Err(place.error("expected text after the prompt that has a token of its own, got none")),
        n if n > context => Err(place
            .error(format!("expected an answer that fits the model's context of {context} tokens, got {n} tokens"))),
        _ => Ok(Request::new(&before, &continuation, context)),
    };
    pairs.map(request).collect()
}

/// The prompts after which something is written, each with whether its beginning was left out.
fn prompts(questions: &[Question], encoder: &mut Encoder, model: &PredictingModel) -> Result<Vec<(Prompt, bool)>> {
    let context = model.model.context();
    let ends = chat::ends(Some(&model.folder), encoder.given());
    let writes = |question: &&Question| matches!(question.kind, Kind::Generation { .. });
    let texts: Vec<&str> = questions.iter().filter(writes).map(|question| question.prompt.as_str()).collect();
    let mut encoded = encoder.texts(&texts)?.into_iter();
    let mut prompts = Vec::new();
    for question in questions {
        let Kind::Generation { until, max_tokens, .. } = &question.kind else { continue };
        let mut ids = encoded.next().unwrap_or_default();
        if ids.is_empty() {
            ids.push(encoder.prefix()?);
        }
        let max_tokens = max_tokens.unwrap_or(MAX_TOKENS.min(context / 2).max(1));
        if max_tokens >= context {
            return Err(question.place.error(format!(
                "max_tokens: expected less than the model's context of {context} tokens, got {max_tokens}"
            )));
        }
        let left_out = ids.len().saturating_sub(context - max_tokens);
        // the name of a special token, which is no text
        let specials = &encoder.given().vocabulary().specials;
        let named = specials.iter().filter(|special| until.contains(&special.name)).map(|special| special.id);
        let ends = ends.iter().copied().chain(named).collect();
        prompts.push((Prompt { ids: ids.split_off(left_out), until: until.clone(), ends, max_tokens }, left_out > 0));
    }
    Ok(prompts)
}

/// What the model makes of a question, by what it says to the next requests, or what it writes next.
fn answered<'a>(
    question: &Question,
    asked: &mut impl Iterator<Item = (&'a Request, Likelihood)>,
    texts: &mut impl Iterator<Item = (bool, String)>,
) -> Option<Answered> {
    let (outcome, is_cut) = match &question.kind {
        Kind::Choice { choices, answer } => {
            let (requests, found): (Vec<_>, Vec<_>) = asked.take(choices.len()).unzip();
            let log_likelihoods = found.iter().map(|likelihood: &Likelihood| likelihood.log).collect();
            let is_cut = requests.iter().any(|request: &&Request| request.is_cut);
            (Outcome::Choice { answer: *answer, log_likelihoods }, is_cut)
        }
        Kind::Cloze { .. } => {
            let (request, Likelihood { log, is_greedy }) = asked.next()?;
            (Outcome::Cloze { log_likelihood: log, is_greedy }, request.is_cut)
        }
        Kind::Generation { .. } => {
            let (is_cut, text) = texts.next()?;
            (Outcome::Generation { text }, is_cut)
        }
    };
    Some(Answered::new(question, outcome, is_cut))
}
