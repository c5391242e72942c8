//! Text metric `token-f1`: how many words a text and its reference share, as the mean F1 over pairs, 0 to 1, as in the
//! evaluation of SQuAD.
//!
//! Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (arXiv 1606.05250). Words are
//! what is between white space, without what the settings leave out; a word counts as often as it is in both texts. Two
//! texts without any word have the score 1 (SQuAD 2.0). Of several references, the one with the best score counts.
//! Pairs without a reference are not counted.
//!
//! SQuAD's words are those of languages with spaces. `words = "zh"` counts each Chinese character as a word,
//! `"unicode"` splits Japanese too.

use std::collections::HashMap;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};
use trainyard_text::{Answers, Words};

config! {
    /// Settings of `token-f1`.
    pub struct Settings {
        /// whether upper and lower case are the same
        ignore_case: bool = true,
        /// whether ASCII's punctuation does not count
        ignore_punctuation: bool = true,
        /// whether the words a, an and the do not count
        ignore_articles: bool = true,
        /// how text is split: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;
/// Bits behind the point of a score in a sum: sums are whole numbers, so that no order of the pairs changes them.
const POINT: u32 = 64;

/// The metric.
#[derive(Debug)]
pub struct TokenF1 {
    answers: Answers,
    words: Words,
    pairs: u64,
    /// The sum of all scores.
    sum: u128,
}

impl Create for TokenF1 {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { ignore_case, ignore_punctuation, ignore_articles, words } = settings;
        let words = words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        let answers = Answers { ignore_case, ignore_punctuation, ignore_articles, ..Answers::SQUAD };
        Ok(Self { answers, words, pairs: 0, sum: 0 })
    }
}

impl TextMetric for TokenF1 {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs {
            let hypothesis = self.answers.normal(pair.hypothesis);
            let scores =
                pair.references.iter().map(|reference| self.score(&hypothesis, &self.answers.normal(reference)));
            if let Some(best) = scores.max() {
                self.pairs += 1;
                self.sum += best;
            }
        }
        Ok(())
    }

    /// Writes the version, the flags (1 bit each, the first one the lowest) and how words are split (1 byte each), then
    /// pairs (u64) and the sum of scores with 64 bits behind the point (u128, all little endian).
    fn state(&self) -> Result<Vec<u8>> {
        Ok([&self.head()[..], &self.pairs.to_le_bytes(), &self.sum.to_le_bytes()].concat())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let (pairs, sum) = self.read(state)?;
        self.pairs = self.pairs.checked_add(pairs).ok_or_else(|| corrupt("more than 2^64 pairs"))?;
        // a score is at most 1, so the sum has room for as many as there can be pairs
        self.sum += sum;
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        Ok(self.sum as f64 / (1_u128 << POINT) as f64 / self.pairs as f64)
    }
}

impl TokenF1 {
    /// What a state begins with.
    fn head(&self) -> [u8; 3] {
        let Answers { ignore_case, ignore_punctuation, ignore_articles, .. } = self.answers;
        let flags = [ignore_case, ignore_punctuation, ignore_articles];
        let words = match self.words {
            Words::Whitespace => 0,
            Words::Unicode => 1,
            Words::Dictionary => 2,
            Words::Zh => 3,
        };
        [STATE_VERSION, flags.iter().rev().fold(0, |bits, &flag| 2 * bits + u8::from(flag)), words]
    }

    /// The F1 of two texts, with [`POINT`] bits behind the point.
    fn score(&self, hypothesis: &str, reference: &str) -> u128 {
        let mut left: HashMap<&str, u64> = HashMap::new();
        let (mut matches, mut all) = (0_u128, 0_u128);
        for word in self.words.split(reference) {
            *left.entry(word).or_default() += 1;
            all += 1;
        }
        for word in self.words.split(hypothesis) {
            all += 1;
            if let Some(left) = left.get_mut(word).filter(|left| **left > 0) {
                *left -= 1;
                matches += 1;
            }
        }
        ((2 * matches) << POINT).checked_div(all).unwrap_or(1 << POINT)
    }

    /// Reads pairs and sum of a state of the same settings. Everything is checked before anything is merged.
    fn read(&self, state: &[u8]) -> Result<(u64, u128)> {
        let (found, rest) = state.split_first_chunk::<3>().ok_or_else(|| corrupt("it is too short"))?;
        for ((name, found), expected) in ["version", "settings", "words"].iter().zip(found).zip(self.head()) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let wrong = || corrupt(format!("it has {} bytes, expected 27", state.len()));
        let (pairs, sum) = rest.split_first_chunk().ok_or_else(wrong)?;
        let (pairs, sum) = (u64::from_le_bytes(*pairs), u128::from_le_bytes(sum.try_into().map_err(|_| wrong())?));
        if sum > u128::from(pairs) << POINT {
            return Err(corrupt(format!("{pairs} scores have a sum above {pairs}")));
        }
        Ok((pairs, sum))
    }
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "token-f1" = TokenF1);

#[cfg(test)]
mod tests;
