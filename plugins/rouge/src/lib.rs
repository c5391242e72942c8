//! Text metric `rouge`: how much a text and its reference have in common, as the mean F1 over pairs, 0 to 1. It equals
//! the Python package rouge-score.
//!
//! Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries". `variant` says what is in common: n-grams
//! (`rouge1` to `rouge9`), the longest common subsequence of the words (`rougeL`), or that of every line with all lines
//! of the text (`rougeLsum`; a line is a sentence). Of several references, the one with the best score counts. Pairs
//! without a reference are not counted.
//!
//! rouge-score knows no letters but a to z and gives 0 for Chinese. `words = "zh"` counts each Chinese character as a
//! word, `"characters"` every character of any text.

mod lcs;
mod porter;
mod words;

use std::collections::HashMap;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config, log};
use words::{Ids, Splitter};

config! {
    /// Settings of `rouge`.
    pub struct Settings {
        /// rouge1 to rouge9, rougeL or rougeLsum
        variant: String = "rougeL",
        /// how text is split: rouge (a to z and digits), characters, whitespace, unicode, dictionary or zh
        words: String = "rouge",
        /// whether English words are reduced to their stems, as by rouge-score's use_stemmer
        stemmer: bool = false,
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;
/// Bits behind the point of a score in a sum: sums are whole numbers, so that no order of the pairs changes them.
const POINT: u32 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// N-grams of this many words.
    Grams(usize),
    Longest,
    LongestOfLines,
}

/// The metric.
#[derive(Debug)]
pub struct Rouge {
    variant: Variant,
    splitter: Splitter,
    pairs: u64,
    /// The sum of all scores.
    sum: u128,
    /// Says whether the user was told that a reference has no words.
    warned: bool,
}

/// What two texts have in common, and how many words or n-grams each has.
#[derive(Debug, Clone, Copy)]
struct Common {
    matches: usize,
    hypothesis: usize,
    reference: usize,
}

impl Common {
    /// The F1, with [`POINT`] bits behind the point.
    fn f1(self) -> u128 {
        let Self { matches, hypothesis, reference } = self;
        ((2 * matches as u128) << POINT).checked_div(hypothesis as u128 + reference as u128).unwrap_or(0)
    }
}

impl Create for Rouge {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let variant = match settings.variant.as_bytes() {
            [b'r', b'o', b'u', b'g', b'e', n @ b'1'..=b'9'] => Variant::Grams(usize::from(n - b'0')),
            b"rougeL" => Variant::Longest,
            b"rougeLsum" => Variant::LongestOfLines,
            _ => {
                let got = settings.variant;
                let why = format!("variant: expected rouge1 to rouge9, rougeL or rougeLsum, got {got:?}");
                return Err(PluginError::config(why));
            }
        };
        let splitter = Splitter::new(&settings.words, settings.stemmer)?;
        Ok(Self { variant, splitter, pairs: 0, sum: 0, warned: false })
    }
}

impl TextMetric for Rouge {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs {
            let scores: Vec<u128> =
                pair.references.iter().map(|reference| self.score(pair.hypothesis, reference)).collect();
            if let Some(best) = scores.into_iter().max() {
                self.pairs += 1;
                self.sum += best;
            }
        }
        Ok(())
    }

    /// Writes the version, the variant (0 for `rougeL`, 255 for `rougeLsum`, or n), how words are split and whether
    /// they are stemmed (1 byte each), then pairs (u64) and the sum of scores with 64 bits behind the point (u128, all
    /// little endian).
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

impl Rouge {
    /// What a state begins with.
    fn head(&self) -> [u8; 4] {
        let variant = match self.variant {
            Variant::Grams(n) => n as u8,
            Variant::Longest => 0,
            Variant::LongestOfLines => u8::MAX,
        };
        [STATE_VERSION, variant, self.splitter.code(), u8::from(self.splitter.stems())]
    }

    fn score(&mut self, hypothesis: &str, reference: &str) -> u128 {
        let mut ids = Ids::default();
        let mut lines = |text: &str| -> Vec<Vec<u32>> {
            let lines = text.split('\n').filter(|line| !line.is_empty());
            lines.map(|line| self.splitter.split(line, &mut ids)).collect()
        };
        let (hypotheses, references) = match self.variant {
            Variant::LongestOfLines => (lines(hypothesis), lines(reference)),
            _ => {
                let mut whole = |text| vec![self.splitter.split(text, &mut ids)];
                (whole(hypothesis), whole(reference))
            }
        };
        let is_wordless = references.iter().all(Vec::is_empty) && reference.chars().any(char::is_alphabetic);
        if is_wordless && !self.warned {
            self.warned = true;
            log::warn("a reference has no word for the setting words, so its score is 0; zh or characters counts it");
        }
        let common = match self.variant {
            Variant::Grams(n) => grams(&hypotheses[0], &references[0], n),
            Variant::Longest => Common {
                matches: lcs::length(&references[0], &hypotheses[0]),
                hypothesis: hypotheses[0].len(),
                reference: references[0].len(),
            },
            Variant::LongestOfLines => Common {
                matches: lcs::of_lines(&references, &hypotheses),
                hypothesis: hypotheses.iter().map(Vec::len).sum(),
                reference: references.iter().map(Vec::len).sum(),
            },
        };
        common.f1()
    }

    /// Reads pairs and sum of a state of the same settings. Everything is checked before anything is merged.
    fn read(&self, state: &[u8]) -> Result<(u64, u128)> {
        let (found, rest) = state.split_first_chunk::<4>().ok_or_else(|| corrupt("it is too short"))?;
        for ((name, found), expected) in ["version", "variant", "words", "stemmer"].iter().zip(found).zip(self.head()) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let wrong = || corrupt(format!("it has {} bytes, expected 28", state.len()));
        let (pairs, sum) = rest.split_first_chunk().ok_or_else(wrong)?;
        let (pairs, sum) = (u64::from_le_bytes(*pairs), u128::from_le_bytes(sum.try_into().map_err(|_| wrong())?));
        if sum > u128::from(pairs) << POINT {
            return Err(corrupt(format!("{pairs} scores have a sum above {pairs}")));
        }
        Ok((pairs, sum))
    }
}

/// The n-grams of two texts, and how many are in both.
fn grams(hypothesis: &[u32], reference: &[u32], n: usize) -> Common {
    let mut left: HashMap<&[u32], usize> = HashMap::new();
    reference.windows(n).for_each(|gram| *left.entry(gram).or_default() += 1);
    let mut matches = 0;
    for gram in hypothesis.windows(n) {
        if let Some(left) = left.get_mut(gram).filter(|left| **left > 0) {
            *left -= 1;
            matches += 1;
        }
    }
    let length = |words: &[u32]| (words.len() + 1).saturating_sub(n);
    Common { matches, hypothesis: length(hypothesis), reference: length(reference) }
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "rouge" = Rouge);

#[cfg(test)]
mod tests;
