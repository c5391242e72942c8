//! Which token may follow a text.

use super::BeamConfig;
use crate::{Error, Result};

/// Log probabilities of what may follow, from the logits of all tokens; minus infinity of what may not. `text` is what
/// is there, of which `written` tokens were written.
///
/// # Errors
/// Logits that are not finite.
pub(super) fn scores(logits: &[f64], text: &[u32], written: usize, config: &BeamConfig) -> Result<Vec<f64>> {
    let logits = &logits[..logits.len().min(config.n_tokens)];
    let is_last = written + 1 == config.max_tokens;
    let forced = config.last.filter(|_| is_last).or(config.first.filter(|_| written == 0));
    if let Some(forced) = forced {
        let mut scores = vec![f64::NEG_INFINITY; logits.len()];
        let there = scores.get_mut(forced as usize);
        *there.ok_or_else(|| outside(forced, logits.len()))? = 0.0;
        return Ok(scores);
    }
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = highest + logits.iter().map(|logit| (logit - highest).exp()).sum::<f64>().ln();
    if !total.is_finite() {
        return Err(Error::run("the model's logits are not finite numbers: its weights are damaged, or it diverged"));
    }
    let mut scores: Vec<f64> = logits.iter().map(|logit| logit - total).collect();
    let end = config.end.filter(|_| written < config.min_tokens);
    for banned in end.into_iter().chain(repeats(text, config.no_repeat_ngram)) {
        if let Some(score) = scores.get_mut(banned as usize) {
            *score = f64::NEG_INFINITY;
        }
    }
    Ok(scores)
}

fn outside(token: u32, n: usize) -> Error {
    Error::usage(format!("token {token} is to be written, expected one below {n}"))
}

/// Tokens that would make the last `n` tokens of `text` a run that was there before; none for `n` = 0.
fn repeats(text: &[u32], n: usize) -> impl Iterator<Item = u32> + '_ {
    let last = &text[(text.len() + 1).saturating_sub(n.max(1))..];
    let runs = if n == 0 || text.len() < n { &[] } else { text };
    runs.windows(n.max(1))
        .filter_map(move |run| run.split_last().filter(|(_, before)| *before == last))
        .map(|(&id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_not_repeated() {
        let repeats = |text: &[u32], n| repeats(text, n).collect::<Vec<_>>();
        assert_eq!(repeats(&[1, 2, 3, 1, 2], 3), [3]);
        assert_eq!(repeats(&[1, 2, 3, 1, 2, 4, 1, 2], 3), [3, 4]);
        assert_eq!(repeats(&[1, 1], 2), [1]);
        assert_eq!(repeats(&[1, 2], 1), [1, 2]);
        for n in [0, 2, 3] {
            assert_eq!(repeats(&[1], n), [0; 0]);
        }
    }
}
