//! Chooses the next token.

use crate::base::interrupt;
use crate::base::random::Stream;
use crate::model::{Decoder, Model};
use crate::run::SampleConfig;
use crate::{Error, Result};

/// Continues `prompt` (at least one token) by at most `config.tokens` tokens, ending early at one of `ends`; a model
/// with an encoder writes from `source`, which is empty for others. Returns the new tokens, which are below `n_tokens`:
/// a model may have more than its tokenizer. When the context is full, the later half of it is read again and writing
/// continues; what is written from a source, which begins as the model was taught, ends there.
///
/// # Errors
/// A prompt without tokens, a model that fails, a signal that asks the program to end.
pub fn continue_tokens(
    model: &Model,
    (source, prompt): (&[u32], &[u32]),
    config: &SampleConfig,
    ends: &[u32],
    n_tokens: usize,
) -> Result<Vec<u32>> {
    if prompt.is_empty() {
        return Err(Error::usage("the prompt has no tokens, write at least one character"));
    }
    let context = model.context();
    let stream = Stream::new(config.seed, "sample");
    let mut text = prompt.to_vec();
    let mut decoder = Decoder::new(model, source)?;
    if !source.is_empty() && text.len() > context {
        let n = text.len();
        return Err(Error::usage(format!(
            "the prompt has {n} tokens with its start, the model's context is {context}"
        )));
    }
    let mut read_from = text.len().saturating_sub(context);
    for n in 0..config.tokens as u64 {
        interrupt::check()?;
        if decoder.position() == context {
            if !source.is_empty() {
                break;
            }
            decoder = Decoder::new(model, &[])?;
            read_from = text.len() - context.div_ceil(2);
        }
        let mut logits = decoder.read(&text[read_from..])?;
        read_from = text.len();
        logits.truncate(n_tokens);
        let id = choose(&logits, config, stream.uniform(n));
        if ends.contains(&id) {
            break;
        }
        text.push(id);
    }
    Ok(text.split_off(prompt.len()))
}

/// The token that `random`, uniform in [0, 1), picks: from the softmax of logits / temperature, cut to the `top_k`
/// likeliest and then to the smallest set with probability `top_p` (Holtzman et al., arXiv 1904.09751). Ties go to the
/// lower id.
pub fn choose(logits: &[f64], config: &SampleConfig, random: f64) -> u32 {
    let order = likeliest(logits, if config.temperature == 0.0 { 1 } else { config.top_k });
    if config.temperature == 0.0 {
        return order[0];
    }
    let highest = logits[order[0] as usize];
    let mut weights: Vec<f64> =
        order.iter().map(|&id| ((logits[id as usize] - highest) / config.temperature).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut seen = 0.0;
    let kept = weights.iter().position(|weight| {
        seen += weight / total;
        seen >= config.top_p
    });
    weights.truncate(kept.map_or(weights.len(), |last| last + 1));
    let mut left = random * weights.iter().sum::<f64>();
    for (weight, &id) in weights.iter().zip(&order) {
        left -= weight;
        if left < 0.0 {
            return id;
        }
    }
    order[weights.len() - 1]
}

/// The `n` tokens of the highest logits, 0 for all, the likeliest first; ties go to the lower id.
fn likeliest(logits: &[f64], n: usize) -> Vec<u32> {
    let order = |&a: &u32, &b: &u32| logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b));
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    if n > 0 && n < ids.len() {
        // a vocabulary is long and what is kept of it short: only that is sorted
        ids.select_nth_unstable_by(n - 1, order);
        ids.truncate(n);
    }
    ids.sort_unstable_by(order);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(temperature: f64, top_k: usize, top_p: f64) -> SampleConfig {
        let (prompt, source) = (String::new(), String::new());
        SampleConfig { prompt, source, tokens: 1, temperature, top_k, top_p, seed: 1, documents: 8, beams: 1, every: 0 }
    }

    /// Share of each of four tokens over a grid of random numbers.
    fn shares(config: &SampleConfig) -> Vec<f64> {
        let logits = [0.0, 0.1_f64.ln(), 0.4_f64.ln(), 0.5_f64.ln()];
        let mut counts = vec![0.0; 4];
        for i in 0..10_000 {
            counts[choose(&logits, config, f64::from(i) / 10_000.0) as usize] += 1.0 / 10_000.0;
        }
        counts
    }

    #[test]
    fn temperature_0_takes_the_likeliest() {
        assert_eq!(shares(&config(0.0, 0, 1.0))[0], shares(&config(0.0, 0, 1.0)).iter().sum::<f64>());
    }

    #[test]
    fn plain_sampling_follows_the_softmax() {
        for (share, expected) in shares(&config(1.0, 0, 1.0)).iter().zip([0.5, 0.05, 0.2, 0.25]) {
            assert!((share - expected).abs() < 1e-3, "{share} {expected}");
        }
    }

    #[test]
    fn top_k_and_top_p_cut_the_tail() {
        for cut in [config(1.0, 2, 1.0), config(1.0, 0, 0.75)] {
            let shares = shares(&cut);
            assert!((shares[0] - 2.0 / 3.0).abs() < 1e-3 && (shares[3] - 1.0 / 3.0).abs() < 1e-3, "{shares:?}");
            assert_eq!(shares[1] + shares[2], 0.0);
        }
    }
}
