//! Text metric `chrf`: how many n-grams of characters a text and its reference share, 0 to 100, as sacrebleu computes
//! it for a corpus. It needs no tokenizer and is kinder than BLEU to languages with many forms of a word.
//!
//! Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation"; Popović 2017, "chrF++: words helping
//! character n-grams". `word_order = 2` makes it chrF++. Precision and recall are averaged over the lengths of n-grams;
//! recall counts `beta` times as much. Of several references, the one with the best score counts. Pairs without a
//! reference are not counted.

mod grams;

use grams::{Counts, count};
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};

config! {
    /// Settings of `chrf`.
    pub struct Settings {
        /// characters of the longest n-grams, 1 to 16
        char_order: u32 = 6u32,
        /// words of the longest n-grams of words, up to 8; 2 is chrF++
        word_order: u32 = 0u32,
        /// how many times as much recall counts as precision, 1 to 100
        beta: u32 = 2u32,
        /// whether upper and lower case are the same
        lowercase: bool = false,
        /// whether white space counts as characters
        whitespace: bool = false,
        /// whether each length has an F-score of its own, as in chrF++.py and NLTK
        eps_smoothing: bool = false,
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;
/// sacrebleu's default of `beta`, which it leaves out of its signature.
const USUAL_BETA: u32 = 2;
/// The end of a signature.
const VERSION: &str = concat!("version:trainyard-", env!("CARGO_PKG_VERSION"));
/// What stands for 0 where `eps_smoothing` is on.
const EPSILON: f64 = 1e-16;

/// The metric.
#[derive(Debug)]
pub struct Chrf {
    settings: Settings,
    pairs: u64,
    /// The counts of each length of n-grams, of characters and then of words.
    counts: Vec<Counts>,
}

impl Create for Chrf {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let ranges = [
            ("char_order", settings.char_order, 1..=16),
            ("word_order", settings.word_order, 0..=8),
            ("beta", settings.beta, 1..=100),
        ];
        for (name, value, range) in ranges {
            if !range.contains(&value) {
                let (low, high) = range.into_inner();
                return Err(PluginError::config(format!("{name}: expected {low} to {high}, got {value}")));
            }
        }
        let counts = vec![Counts::default(); (settings.char_order + settings.word_order) as usize];
        Ok(Self { settings, pairs: 0, counts })
    }
}

impl TextMetric for Chrf {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs {
            let counted = pair.references.iter().map(|reference| count(pair.hypothesis, reference, &self.settings));
            let mut best: Option<(f64, Vec<Counts>)> = None;
            for counts in counted {
                let score = self.score(&counts);
                // the first of equal ones
                if best.as_ref().is_none_or(|(best, _)| score > *best) {
                    best = Some((score, counts));
                }
            }
            if let Some((_, counts)) = best {
                self.pairs += 1;
                self.counts.iter_mut().zip(counts).for_each(|(sum, counts)| *sum = sum.plus(counts));
            }
        }
        Ok(())
    }

    /// Writes the version and the six settings (1 byte each), then pairs and, for each length of n-grams, those of
    /// texts, of references and of both (u64, little endian).
    fn state(&self) -> Result<Vec<u8>> {
        let mut state = self.head().to_vec();
        state.extend(self.pairs.to_le_bytes());
        for Counts { hypothesis, reference, matches } in &self.counts {
            state.extend([hypothesis, reference, matches].into_iter().flat_map(|number| number.to_le_bytes()));
        }
        Ok(state)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let (pairs, counts) = self.read(state)?;
        self.pairs = self.pairs.checked_add(pairs).ok_or_else(|| corrupt("more than 2^64 pairs"))?;
        self.counts.iter_mut().zip(counts).for_each(|(sum, counts)| *sum = sum.plus(counts));
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        Ok(if self.pairs == 0 { f64::NAN } else { self.score(&self.counts) })
    }

    /// As sacrebleu writes it; another `beta` than its own is added.
    fn signature(&self) -> Result<String> {
        let Settings { char_order, word_order, beta, lowercase, whitespace, eps_smoothing } = self.settings;
        let case = if lowercase { "lc" } else { "mixed" };
        let yes_no = |flag: bool| if flag { "yes" } else { "no" };
        let (effective, space) = (yes_no(!eps_smoothing), yes_no(whitespace));
        let beta = if beta == USUAL_BETA { String::new() } else { format!("beta:{beta}|") };
        Ok(format!("case:{case}|eff:{effective}|nc:{char_order}|nw:{word_order}|space:{space}|{beta}{VERSION}"))
    }
}

impl Chrf {
    /// What a state begins with.
    fn head(&self) -> [u8; 7] {
        let Settings { char_order, word_order, beta, lowercase, whitespace, eps_smoothing } = self.settings;
        let flags = [lowercase, whitespace, eps_smoothing].map(u8::from);
        [STATE_VERSION, char_order as u8, word_order as u8, beta as u8, flags[0], flags[1], flags[2]]
    }

    /// The F-score of counts, 0 to 100.
    fn score(&self, counts: &[Counts]) -> f64 {
        let factor = f64::from(self.settings.beta).powi(2);
        let f_score = |precision: f64, recall: f64| match factor * precision + recall {
            0.0 => None,
            sum => Some((1.0 + factor) * precision * recall / sum),
        };
        let share = |part: u64, whole: u64| if whole == 0 { EPSILON } else { part as f64 / whole as f64 };
        let shares =
            |counts: &Counts| (share(counts.matches, counts.hypothesis), share(counts.matches, counts.reference));
        if self.settings.eps_smoothing {
            let each =
                counts.iter().map(shares).map(|(precision, recall)| f_score(precision, recall).unwrap_or(EPSILON));
            return 100.0 * each.sum::<f64>() / counts.len() as f64;
        }
        let present: Vec<_> =
            counts.iter().filter(|counts| counts.hypothesis > 0 && counts.reference > 0).map(shares).collect();
        let n = present.len().max(1) as f64;
        let precision = present.iter().map(|(precision, _)| precision).sum::<f64>() / n;
        let recall = present.iter().map(|(_, recall)| recall).sum::<f64>() / n;
        100.0 * f_score(precision, recall).unwrap_or(0.0)
    }

    /// Reads the pairs and counts of a state of the same settings. Everything is checked before anything is merged.
    fn read(&self, state: &[u8]) -> Result<(u64, Vec<Counts>)> {
        let (found, rest) = state.split_first_chunk::<7>().ok_or_else(|| corrupt("it is too short"))?;
        let names = ["version", "char_order", "word_order", "beta", "lowercase", "whitespace", "eps_smoothing"];
        for ((name, found), expected) in names.iter().zip(found).zip(self.head()) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let (numbers, rest) = rest.as_chunks::<8>();
        if numbers.len() != 1 + 3 * self.counts.len() || !rest.is_empty() {
            let expected = 7 + 8 * (1 + 3 * self.counts.len());
            return Err(corrupt(format!("it has {} bytes, expected {expected}", state.len())));
        }
        let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let counts: Vec<_> = numbers[1..]
            .chunks(3)
            .map(|three| Counts { hypothesis: three[0], reference: three[1], matches: three[2] })
            .collect();
        if numbers[0] == 0 && counts.iter().any(|counts| *counts != Counts::default()) {
            return Err(corrupt("it has n-grams and no pairs"));
        }
        for Counts { hypothesis, reference, matches } in &counts {
            if matches > hypothesis || matches > reference {
                return Err(corrupt(format!(
                    "{matches} matches of {hypothesis} n-grams and {reference} of references"
                )));
            }
        }
        Ok((numbers[0], counts))
    }
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "chrf" = Chrf, abilities = ["signature"]);

#[cfg(test)]
mod tests;
