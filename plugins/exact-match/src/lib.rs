//! Text metric `exact-match`: the share of texts that equal one of their references, 0 to 1, without what SQuAD does
//! not compare.
//!
//! Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (arXiv 1606.05250). As it is,
//! case, ASCII's punctuation, the articles a, an and the, and the amount of white space do not matter; this is SQuAD's
//! exact match / 100. With `ignore_articles` and `ignore_spaces` off it is `exact_match` of Hugging Face's evaluate,
//! whose other three settings have the same names. Pairs without a reference are not counted.

use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};
use trainyard_text::Answers;

config! {
    /// Settings of `exact-match`.
    pub struct Settings {
        /// whether upper and lower case are the same
        ignore_case: bool = true,
        /// whether ASCII's punctuation does not count
        ignore_punctuation: bool = true,
        /// whether the digits 0 to 9 do not count
        ignore_numbers: bool = false,
        /// whether the words a, an and the do not count
        ignore_articles: bool = true,
        /// whether runs of white space are one space, and none at the ends
        ignore_spaces: bool = true,
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;

/// The metric.
#[derive(Debug)]
pub struct ExactMatch {
    answers: Answers,
    pairs: u64,
    matches: u64,
}

impl Create for ExactMatch {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { ignore_case, ignore_punctuation, ignore_numbers, ignore_articles, ignore_spaces } = settings;
        let answers = Answers { ignore_case, ignore_punctuation, ignore_numbers, ignore_articles, ignore_spaces };
        Ok(Self { answers, pairs: 0, matches: 0 })
    }
}

impl TextMetric for ExactMatch {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs.iter().filter(|pair| !pair.references.is_empty()) {
            let hypothesis = self.answers.normal(pair.hypothesis);
            let is_match = pair.references.iter().any(|reference| self.answers.normal(reference) == hypothesis);
            self.pairs += 1;
            self.matches += u64::from(is_match);
        }
        Ok(())
    }

    /// Writes the version and the settings (1 bit each, the first one the lowest; 1 byte each), then pairs and matches
    /// (u64, little endian).
    fn state(&self) -> Result<Vec<u8>> {
        Ok([&self.head()[..], &self.pairs.to_le_bytes(), &self.matches.to_le_bytes()].concat())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let (pairs, matches) = self.read(state)?;
        self.pairs = self.pairs.checked_add(pairs).ok_or_else(|| corrupt("more than 2^64 pairs"))?;
        // no more than pairs
        self.matches += matches;
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        Ok(self.matches as f64 / self.pairs as f64)
    }
}

impl ExactMatch {
    /// What a state begins with.
    fn head(&self) -> [u8; 2] {
        let Answers { ignore_case, ignore_punctuation, ignore_numbers, ignore_articles, ignore_spaces } = self.answers;
        let flags = [ignore_case, ignore_punctuation, ignore_numbers, ignore_articles, ignore_spaces];
        [STATE_VERSION, flags.iter().rev().fold(0, |bits, &flag| 2 * bits + u8::from(flag))]
    }

    /// Reads pairs and matches of a state of the same settings. Everything is checked before anything is merged.
    fn read(&self, state: &[u8]) -> Result<(u64, u64)> {
        let (found, rest) = state.split_first_chunk::<2>().ok_or_else(|| corrupt("it is too short"))?;
        for ((name, found), expected) in ["version", "settings"].iter().zip(found).zip(self.head()) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let (&[pairs, matches], &[]) = rest.as_chunks::<8>() else {
            return Err(corrupt(format!("it has {} bytes, expected 18", state.len())));
        };
        let (pairs, matches) = (u64::from_le_bytes(pairs), u64::from_le_bytes(matches));
        if matches > pairs {
            return Err(corrupt(format!("{matches} of {pairs} texts match")));
        }
        Ok((pairs, matches))
    }
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "exact-match" = ExactMatch);

#[cfg(test)]
mod tests;
