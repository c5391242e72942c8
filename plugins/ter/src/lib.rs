//! Text metric `ter`: how many edits make a text its reference, per 100 words of the reference, as sacrebleu computes
//! it for a corpus; the lower the better, and more than 100 is possible.
//!
//! Snover et al. 2006, "A Study of Translation Edit Rate with Targeted Human Annotation". An edit inserts, deletes or
//! replaces a word, or moves words that are next to each other. Finding the fewest edits would take too long, so the
//! program Tercom defines which moves are tried; sacrebleu 2.6 (Apache-2.0), which follows it, is the source of the
//! rules here. Of several references, the one with the fewest edits counts, over the mean length of them. Pairs without
//! a reference are not counted.
//!
//! Words are what is between white space. `normalized` separates punctuation, with `asian_support` also each Chinese
//! character and the punctuation of Chinese and Japanese; runs of kana stay words, as in sacrebleu.

mod beam;
mod shift;
mod tokenize;

use std::collections::HashMap;
use tokenize::Tokenizer;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};

config! {
    /// Settings of `ter`.
    pub struct Settings {
        /// whether line ends, XML's entities and punctuation are normalised
        normalized: bool = false,
        /// whether punctuation is left out
        no_punct: bool = false,
        /// whether normalized and no_punct know Chinese characters and the punctuation of Chinese and Japanese
        asian_support: bool = false,
        /// whether upper and lower case differ
        case_sensitive: bool = false,
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;
/// The end of a signature.
const VERSION: &str = concat!("version:trainyard-", env!("CARGO_PKG_VERSION"));
/// Bits behind the point of a mean length in a sum: sums are whole numbers, so that no order of the pairs changes them.
const POINT: u32 = 64;

/// The metric.
#[derive(Debug)]
pub struct Ter {
    tokenizer: Tokenizer,
    counts: Counts,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    pairs: u64,
    /// Edits to the reference with the fewest.
    edits: u64,
    /// The sum of the mean lengths of each pair's references.
    length: u128,
}

impl Counts {
    /// The sum of both; none when it is too large.
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            pairs: self.pairs.checked_add(other.pairs)?,
            edits: self.edits.checked_add(other.edits)?,
            length: self.length.checked_add(other.length)?,
        })
    }
}

impl Create for Ter {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { normalized, no_punct, asian_support, case_sensitive } = settings;
        let tokenizer = Tokenizer { normalized, no_punct, asian_support, case_sensitive };
        Ok(Self { tokenizer, counts: Counts::default() })
    }
}

impl TextMetric for Ter {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::lower_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs.iter().filter(|pair| !pair.references.is_empty()) {
            let mut ids = HashMap::new();
            let hypothesis = words(&self.tokenizer.spaced(pair.hypothesis), &mut ids);
            let (mut edits, mut length) = (u64::MAX, 0_u128);
            for reference in &pair.references {
                let reference = words(&self.tokenizer.of_reference(reference), &mut ids);
                edits = edits.min(shift::edits(&hypothesis, &reference));
                length += reference.len() as u128;
            }
            let length = (length << POINT) / pair.references.len() as u128;
            let sum = self.counts.plus(Counts { pairs: 1, edits, length });
            self.counts = sum.ok_or_else(|| PluginError::input("more than 2^64 edits or words"))?;
        }
        Ok(())
    }

    /// Writes the version and the settings (1 bit each, the first one the lowest; 1 byte each), then pairs and edits
    /// (u64) and the sum of the references' mean lengths with 64 bits behind the point (u128, all little endian).
    fn state(&self) -> Result<Vec<u8>> {
        let Counts { pairs, edits, length } = self.counts;
        Ok([&self.head()[..], &pairs.to_le_bytes(), &edits.to_le_bytes(), &length.to_le_bytes()].concat())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let sum = self.counts.plus(self.read(state)?);
        self.counts = sum.ok_or_else(|| corrupt("more than 2^64 edits or words"))?;
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        let Counts { pairs, edits, length } = self.counts;
        Ok(match (pairs, edits, length) {
            (0, ..) => f64::NAN,
            (_, 0, 0) => 0.0,
            // every word is too much
            (.., 0) => 100.0,
            _ => 100.0 * (edits as f64 / (length as f64 / (1_u128 << POINT) as f64)),
        })
    }

    /// As sacrebleu writes it.
    fn signature(&self) -> Result<String> {
        let Tokenizer { normalized, no_punct, asian_support, case_sensitive } = self.tokenizer;
        let case = if case_sensitive { "mixed" } else { "lc" };
        let [norm, punct, asian] = [normalized, !no_punct, asian_support].map(|flag| if flag { "yes" } else { "no" });
        Ok(format!("case:{case}|tok:tercom|norm:{norm}|punct:{punct}|asian:{asian}|{VERSION}"))
    }
}

impl Ter {
    /// What a state begins with.
    fn head(&self) -> [u8; 2] {
        let Tokenizer { normalized, no_punct, asian_support, case_sensitive } = self.tokenizer;
        let flags = [normalized, no_punct, asian_support, case_sensitive];
        [STATE_VERSION, flags.iter().rev().fold(0, |bits, &flag| 2 * bits + u8::from(flag))]
    }

    /// Reads the counts of a state of the same settings. Everything is checked before anything is merged.
    fn read(&self, state: &[u8]) -> Result<Counts> {
        let (found, rest) = state.split_first_chunk::<2>().ok_or_else(|| corrupt("it is too short"))?;
        for ((name, found), expected) in ["version", "settings"].iter().zip(found).zip(self.head()) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let wrong = || corrupt(format!("it has {} bytes, expected 34", state.len()));
        let (numbers, length) = rest.split_first_chunk::<16>().ok_or_else(wrong)?;
        let length = u128::from_le_bytes(length.try_into().map_err(|_| wrong())?);
        let (numbers, _) = numbers.as_chunks::<8>();
        let counts = Counts { pairs: u64::from_le_bytes(numbers[0]), edits: u64::from_le_bytes(numbers[1]), length };
        if counts.pairs == 0 && counts != Counts::default() {
            return Err(corrupt("it has edits or words and no pairs"));
        }
        Ok(counts)
    }
}

/// The words of a text as numbers: equal words of a pair have equal ones.
fn words(spaced: &str, ids: &mut HashMap<String, u32>) -> Vec<u32> {
    let number = |word: &str| {
        let next = ids.len() as u32;
        match ids.get(word) {
            Some(id) => *id,
            None => *ids.entry(word.to_owned()).or_insert(next),
        }
    };
    tokenize::words(spaced).map(number).collect()
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "ter" = Ter, abilities = ["signature"]);

#[cfg(test)]
mod tests;
