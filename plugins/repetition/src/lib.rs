//! Text metric `repetition`: the share of n-grams of a text that were in it before, 0 to 1; the lower the better.
//! References are ignored.
//!
//! It is seq-rep-n of Welleck et al. 2019, "Neural Text Generation with Unlikelihood Training" (arXiv 1908.04319):
//! 1 - distinct n-grams / all n-grams, as the mean over texts, or over the n-grams of all texts together. An n-gram is
//! compared with those of its own text only. Texts that are shorter than n words are not counted.

use std::collections::HashSet;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};
use trainyard_text::Words;

config! {
    /// Settings of `repetition`.
    pub struct Settings {
        /// words in an n-gram, 1 to 8
        n: u32 = 4u32,
        /// what has the same weight: texts (the mean of their shares) or n-grams (one share of all)
        average: String = "texts",
        /// how text is split: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;
/// Bits behind the point of a share in a sum: sums are whole numbers, so that no order of the texts changes them.
const POINT: u32 = 64;

/// The metric.
#[derive(Debug)]
pub struct Repetition {
    n: usize,
    /// Says that the value is the mean over texts.
    by_text: bool,
    words: Words,
    counts: Counts,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Texts with at least one n-gram.
    texts: u64,
    repeated: u64,
    all: u64,
    /// The sum of the texts' shares.
    sum: u128,
}

impl Create for Repetition {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { n, average, words } = settings;
        if !(1..=8).contains(&n) {
            return Err(PluginError::config(format!("n: expected 1 to 8, got {n}")));
        }
        let by_text = match average.as_str() {
            "texts" => true,
            "n-grams" => false,
            _ => return Err(PluginError::config(format!("average: expected texts or n-grams, got {average:?}"))),
        };
        let words = words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        Ok(Self { n: n as usize, by_text, words, counts: Counts::default() })
    }
}

impl TextMetric for Repetition {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::lower_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        let mut words = Vec::new();
        for pair in pairs {
            words.clear();
            words.extend(self.words.split(pair.hypothesis));
            let grams = words.windows(self.n);
            let (all, distinct) = (grams.len() as u64, grams.collect::<HashSet<_>>().len() as u64);
            if all > 0 {
                let repeated = all - distinct;
                self.counts.texts += 1;
                self.counts.repeated += repeated;
                self.counts.all += all;
                self.counts.sum += (u128::from(repeated) << POINT) / u128::from(all);
            }
        }
        Ok(())
    }

    /// Writes the version, n, how words are split and whether texts have the same weight (1 byte each), then texts,
    /// repeated n-grams and all (u64), and the sum of shares with 64 bits behind the point (u128, all little endian).
    fn state(&self) -> Result<Vec<u8>> {
        let Counts { texts, repeated, all, sum } = self.counts;
        let mut state = self.head().to_vec();
        state.extend([texts, repeated, all].iter().flat_map(|number| number.to_le_bytes()));
        state.extend(sum.to_le_bytes());
        Ok(state)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let other = self.read(state)?;
        let Counts { texts, repeated, all, sum } = self.counts;
        let all = all.checked_add(other.all).ok_or_else(|| corrupt("more than 2^64 n-grams"))?;
        // the others are no more than n-grams
        let (texts, repeated, sum) = (texts + other.texts, repeated + other.repeated, sum + other.sum);
        self.counts = Counts { texts, repeated, all, sum };
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        let Counts { texts, repeated, all, sum } = self.counts;
        Ok(match self.by_text {
            true => sum as f64 / (1_u128 << POINT) as f64 / texts as f64,
            false => repeated as f64 / all as f64,
        })
    }
}

impl Repetition {
    /// What a state begins with.
    fn head(&self) -> [u8; 4] {
        let words = match self.words {
            Words::Whitespace => 0,
            Words::Unicode => 1,
            Words::Dictionary => 2,
            Words::Zh => 3,
        };
        [STATE_VERSION, self.n as u8, words, u8::from(self.by_text)]
    }

    /// Reads the counts of a state of the same settings. Everything is checked before anything is merged.
    fn read(&self, state: &[u8]) -> Result<Counts> {
        let (found, rest) = state.split_first_chunk::<4>().ok_or_else(|| corrupt("it is too short"))?;
        for ((name, found), expected) in ["version", "n", "words", "average"].iter().zip(found).zip(self.head()) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let wrong = || corrupt(format!("it has {} bytes, expected 44", state.len()));
        let (numbers, sum) = rest.split_first_chunk::<24>().ok_or_else(wrong)?;
        let sum = u128::from_le_bytes(sum.try_into().map_err(|_| wrong())?);
        let (numbers, _) = numbers.as_chunks::<8>();
        let [texts, repeated, all] = [0, 1, 2].map(|index| u64::from_le_bytes(numbers[index]));
        // the first n-gram of a text was not there before
        if texts > all || repeated > all - texts {
            return Err(corrupt(format!("{repeated} of {all} n-grams of {texts} texts are repeated")));
        }
        if sum > u128::from(texts) << POINT {
            return Err(corrupt(format!("{texts} shares have a sum above {texts}")));
        }
        Ok(Counts { texts, repeated, all, sum })
    }
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "repetition" = Repetition);

#[cfg(test)]
mod tests;
