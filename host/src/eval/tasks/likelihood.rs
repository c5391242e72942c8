//! How likely a model finds tokens after others: `HFLM._loglikelihood_tokens` of lm-evaluation-harness.

use crate::base::interrupt;
use crate::eval::predict::{largest, logits};
use crate::eval::sharing::shared_out;
use crate::loss::selected;
use crate::model::Model;
use crate::ops::Column;
use crate::ranks::Group;
use crate::report::Counter;
use crate::rows::{InputSet, PlacedRows, Rows};
use crate::{Error, Result};
use rayon::prelude::*;
use std::cmp::Reverse;

/// Tokens that are read at once, unless one window has more.
const TOKENS: usize = 4096;
/// Windows have a multiple of so many tokens, so that those of similar lengths share the model's buffers.
const ROUND: usize = 16;
/// Logits that are held at once, 8 bytes each, unless one row has more.
const LOGITS: usize = 1 << 23;

/// Tokens that are asked for, after others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is read before, and what is asked for.
    ids: Vec<u32>,
    /// Tokens at the end that are asked for.
    n: usize,
    /// Whether the beginning was left out.
    pub is_cut: bool,
}

/// How likely tokens are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likelihood {
    /// The sum of their log-likelihoods.
    pub log: f64,
    /// Whether each is the likeliest of all tokens.
    pub is_greedy: bool,
}

/// A token that is asked for.
struct Row {
    /// Its place: the token before it in the batch.
    at: u32,
    /// It.
    target: u32,
    /// Index of its request.
    request: usize,
}

impl Request {
    /// Asks for `continuation` (at least one token, at most `context`) after the end of `before` (at least one) that a
    /// model with a context of so many tokens can read.
    pub fn new(before: &[u32], continuation: &[u32], context: usize) -> Self {
        let all = before.len() + continuation.len();
        // the last token is not read
        let left_out = all.saturating_sub(context + 1);
        let ids = before.iter().chain(continuation).skip(left_out).copied().collect();
        Self { ids, n: continuation.len(), is_cut: left_out > 0 }
    }

    /// The tokens that are read: all but the last.
    fn inputs(&self) -> &[u32] {
        &self.ids[..self.ids.len() - 1]
    }

    /// The rows of a window that begins at the token `first` of the batch.
    fn rows(&self, first: usize, request: usize) -> impl Iterator<Item = Row> {
        let before = self.ids.len() - self.n;
        let targets = self.ids[before..].iter().enumerate();
        targets.map(move |(place, &target)| Row { at: (first + before - 1 + place) as u32, target, request })
    }
}

/// How likely what is asked for is, in order. Requests of similar lengths are read together, in windows of their own
/// with padding behind, and those that read the same tokens, such as choices of one token, share a window. What is read
/// together is read by one of several `ranks`, so that their number changes no bit.
///
/// # Errors
/// Tokens that the model does not have, logits that are not finite, a signal that asks the program to end; a rank that
/// is gone.
pub fn likelihoods(
    model: &mut Model,
    requests: &[Request],
    (progress, ranks): (&Counter, Option<&Group>),
) -> Result<Vec<Likelihood>> {
    let vocab = model.vocab();
    // the last token of a request is not read, so that nothing else checks it
    if let Some(id) = requests.iter().flat_map(|request| &request.ids).find(|id| **id as usize >= vocab) {
        return Err(Error::run(format!("token id {id} is outside the model's vocabulary of {vocab}")));
    }
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&request| (Reverse(requests[request].ids.len()), requests[request].inputs()));
    let windows: Vec<&[usize]> = order.chunk_by(|&a, &b| requests[a].inputs() == requests[b].inputs()).collect();
    let (mut together, mut rest) = (Vec::new(), &windows[..]);
    while let Some(longest) = rest.first() {
        let length = requests[longest[0]].inputs().len().next_multiple_of(ROUND).min(model.context());
        let (some, behind) = rest.split_at((TOKENS / length).clamp(1, rest.len()));
        rest = behind;
        together.push((some, length));
    }
    let mut found = vec![Likelihood { log: 0.0, is_greedy: true }; requests.len()];
    let of_windows = shared_out(ranks, together.len(), |index| {
        interrupt::check()?;
        let (some, length) = together[index];
        read(model, requests, some, length, &mut found)?;
        progress.add(some.iter().map(|window| window.len() as u64).sum());
        // a number that is not finite is none in JSON
        let bits = |&request: &usize| (found[request].log.to_bits(), found[request].is_greedy);
        Ok(some.iter().copied().flatten().map(bits).collect::<Vec<_>>())
    })?;
    for ((some, _), of_window) in together.iter().zip(of_windows) {
        for (&request, (log, is_greedy)) in some.iter().copied().flatten().zip(of_window) {
            found[request] = Likelihood { log: f64::from_bits(log), is_greedy };
        }
    }
    match found.iter().all(|likelihood| likelihood.log.is_finite()) {
        true => Ok(found),
        false => Err(Error::run("the model's logits are not finite; do the weights belong to config.json?")),
    }
}

/// Reads windows of `length` tokens, each of which several requests may share, and adds to what is `found`.
fn read(
    model: &mut Model,
    requests: &[Request],
    windows: &[&[usize]],
    length: usize,
    found: &mut [Likelihood],
) -> Result<()> {
    let (mut inputs, mut asked) = (Vec::with_capacity(windows.len() * length), Vec::new());
    for window in windows {
        let first = inputs.len();
        asked.extend(window.iter().flat_map(|&request| requests[request].rows(first, request)));
        inputs.extend(requests[window[0]].inputs());
        inputs.resize(first + length, 0);
    }
    let rows = Rows::windows(inputs, length);
    let placed = PlacedRows::new(model.engine(), &rows, InputSet::NONE)?;
    let hidden = model.forward(&placed.tokens(), None)?;
    let vocab = model.vocab();
    for some in asked.chunks((LOGITS / vocab).max(1)) {
        let at: Vec<u32> = some.iter().map(|row| row.at).collect();
        let column = Column::new(model.engine(), &at)?;
        let logits = logits(&selected::select(model.engine(), &hidden, Some(&column))?, model)?;
        let of_rows = logits.par_chunks(vocab).zip(some).map(|(logits, row)| likelihood(logits, row.target));
        for (of_row, row) in of_rows.collect::<Vec<_>>().into_iter().zip(some) {
            found[row.request].log += of_row.log;
            found[row.request].is_greedy &= of_row.is_greedy;
        }
    }
    Ok(())
}

/// How likely a token is by its row of `logits` `[vocab]`.
fn likelihood(logits: &[f64], target: u32) -> Likelihood {
    let likeliest = largest(logits);
    let highest = logits[likeliest as usize];
    let sum: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    Likelihood { log: logits[target as usize] - highest - sum.ln(), is_greedy: likeliest == target }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_is_too_long_is_read() {
        let whole = Request::new(&[1, 2, 3], &[4, 5], 4);
        assert_eq!((whole.inputs(), whole.is_cut), (&[1, 2, 3, 4][..], false));
        let rows: Vec<_> = whole.rows(10, 7).map(|row| (row.at, row.target, row.request)).collect();
        assert_eq!(rows, [(12, 4, 7), (13, 5, 7)]);
        let cut = Request::new(&[1, 2, 3], &[4, 5], 2);
        assert_eq!((cut.inputs(), cut.is_cut), (&[3, 4][..], true));
        assert_eq!(cut.rows(0, 0).map(|row| row.at).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_token_is_greedy_where_it_is_the_likeliest() {
        let logits = [0.0, 3.0_f64.ln(), 0.0];
        let found = [likelihood(&logits, 1), likelihood(&logits, 2)];
        assert!((found[0].log - 0.6_f64.ln()).abs() < 1e-12 && (found[1].log - 0.2_f64.ln()).abs() < 1e-12);
        assert_eq!(found.map(|likelihood| likelihood.is_greedy), [true, false]);
    }
}
