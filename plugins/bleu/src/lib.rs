//! Text metric `bleu`: the share of n-grams that are in the references too, 0 to 100, as sacrebleu computes it for a
//! corpus.
//!
//! Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation"; Post 2018, "A Call for
//! Clarity in Reporting BLEU Scores". The value is the geometric mean of the precisions of n-grams of 1 to `max_order`
//! words, times a penalty if the texts are shorter than the references. An n-gram counts as often as it is in the
//! reference that has it most often. Scores are comparable only if the tokenizer is the same. Pairs without a reference
//! are not counted.

mod categories;
mod tokenize;

use std::collections::HashMap;
use tokenize::Tokenizer;
use trainyard_plugin::{Create, MetricInfo, PluginError, Result, TextMetric, TextPair, config};
use trainyard_text::chars::is_space;

config! {
    /// Settings of `bleu`.
    pub struct Settings {
        /// sacrebleu's tokenizer: 13a, intl, zh (Chinese), char or none
        tokenizer: String = "13a",
        /// what a precision of 0 becomes: exp, floor, add-k or none
        smoothing: String = "exp",
        /// number of the smoothing, 0 or more; -1 is 0.1 for floor and 1 for add-k
        smooth_value: f64 = -1.0,
        /// words of the longest n-grams, 1 to 8
        max_order: u32 = 4u32,
        /// whether upper and lower case are the same
        lowercase: bool = false,
        /// whether n-grams that are longer than every text are left out
        effective_order: bool = false,
    }
}

/// First byte of a state.
const STATE_VERSION: u8 = 1;

/// sacrebleu's default of `max_order`, which it leaves out of its signature.
const USUAL_ORDER: usize = 4;
/// The end of a signature.
const VERSION: &str = concat!("version:trainyard-", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Clone, Copy, PartialEq)]
enum Smoothing {
    Exp,
    Floor(f64),
    AddK(f64),
    None,
}

/// The metric.
#[derive(Debug)]
pub struct Bleu {
    tokenizer: Tokenizer,
    smoothing: Smoothing,
    order: usize,
    lowercase: bool,
    effective_order: bool,
    counts: Counts,
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counts {
    pairs: u64,
    /// Words of all hypotheses.
    length: u64,
    /// Words of the references that are closest in length.
    reference_length: u64,
    /// N-grams that are in a reference too, by length.
    matches: Vec<u64>,
    /// All n-grams, by length.
    all: Vec<u64>,
}

impl Create for Bleu {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { tokenizer, smoothing, smooth_value, max_order, lowercase, effective_order } = settings;
        let tokenizer = Tokenizer::named(&tokenizer).ok_or_else(|| {
            PluginError::config(format!("tokenizer: expected 13a, intl, zh, char or none, got {tokenizer:?}"))
        })?;
        if smooth_value != -1.0 && !(0.0..=f64::MAX).contains(&smooth_value) {
            return Err(PluginError::config(format!("smooth_value: expected 0 or more, or -1, got {smooth_value}")));
        }
        let or = |default: f64| if smooth_value == -1.0 { default } else { smooth_value };
        let smoothing = match smoothing.as_str() {
            "exp" => Smoothing::Exp,
            "floor" => Smoothing::Floor(or(0.1)),
            "add-k" => Smoothing::AddK(or(1.0)),
            "none" => Smoothing::None,
            _ => {
                let why = format!("smoothing: expected exp, floor, add-k or none, got {smoothing:?}");
                return Err(PluginError::config(why));
            }
        };
        if !(1..=8).contains(&max_order) {
            return Err(PluginError::config(format!("max_order: expected 1 to 8, got {max_order}")));
        }
        let order = max_order as usize;
        Ok(Self { tokenizer, smoothing, order, lowercase, effective_order, counts: Counts::new(order) })
    }
}

impl TextMetric for Bleu {
    fn info(&self) -> Result<MetricInfo> {
        Ok(MetricInfo::higher_is_better(""))
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        for pair in pairs.iter().filter(|pair| !pair.references.is_empty()) {
            let hypothesis = self.spaced(pair.hypothesis);
            let references: Vec<_> = pair.references.iter().map(|reference| self.spaced(reference)).collect();
            let references: Vec<_> = references.iter().map(|reference| words(reference)).collect();
            self.counts.add_pair(&words(&hypothesis), &references);
        }
        Ok(())
    }

    /// Writes the version, `max_order`, the tokenizer and `lowercase` (1 byte each), then pairs, words, words of
    /// references, the matches and all n-grams of each length (u64, little endian).
    fn state(&self) -> Result<Vec<u8>> {
        let mut state = self.head().to_vec();
        let Counts { pairs, length, reference_length, matches, all } = &self.counts;
        for number in [pairs, length, reference_length].into_iter().chain(matches).chain(all) {
            state.extend(number.to_le_bytes());
        }
        Ok(state)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        let counts = Counts::read(state, self.head())?;
        self.counts = self.counts.plus(&counts).ok_or_else(|| corrupt("more than 2^64 words"))?;
        Ok(())
    }

    fn value(&self) -> Result<f64> {
        Ok(if self.counts.pairs == 0 { f64::NAN } else { self.score() })
    }

    /// As sacrebleu writes it; another `max_order` than its own is added.
    fn signature(&self) -> Result<String> {
        let case = if self.lowercase { "lc" } else { "mixed" };
        let effective = if self.effective_order { "yes" } else { "no" };
        let smoothing = match self.smoothing {
            Smoothing::Exp => "exp".to_owned(),
            Smoothing::Floor(value) => format!("floor[{value:.2}]"),
            Smoothing::AddK(value) => format!("add-k[{value:.2}]"),
            Smoothing::None => "none".to_owned(),
        };
        let order = if self.order == USUAL_ORDER { String::new() } else { format!("order:{}|", self.order) };
        let tokenizer = self.tokenizer.name();
        Ok(format!("case:{case}|eff:{effective}|tok:{tokenizer}|smooth:{smoothing}|{order}{VERSION}"))
    }
}

impl Bleu {
    /// What a state begins with.
    fn head(&self) -> [u8; 4] {
        [STATE_VERSION, self.order as u8, self.tokenizer as u8, u8::from(self.lowercase)]
    }

    fn spaced(&self, text: &str) -> String {
        match self.lowercase {
            true => self.tokenizer.spaced(&text.to_lowercase()).into_owned(),
            false => self.tokenizer.spaced(text).into_owned(),
        }
    }

    fn score(&self) -> f64 {
        let Counts { length, reference_length, matches, all, .. } = &self.counts;
        if matches.iter().all(|&matches| matches == 0) {
            return 0.0;
        }
        let (mut sum, mut order, mut halves) = (0.0, self.order, 1.0);
        for n in 0..self.order {
            let added = match self.smoothing {
                Smoothing::AddK(k) if n > 0 => k,
                _ => 0.0,
            };
            let (matches, all) = (matches[n] as f64 + added, all[n] as f64 + added);
            if all == 0.0 {
                // with no n-grams of a length there is no precision, which is one of 0
                sum += if self.effective_order { 0.0 } else { f64::NEG_INFINITY };
                break;
            }
            if self.effective_order {
                order = n + 1;
            }
            let precision = match self.smoothing {
                _ if matches > 0.0 => matches / all,
                Smoothing::Exp => {
                    halves *= 2.0;
                    1.0 / (halves * all)
                }
                Smoothing::Floor(floor) => floor / all,
                _ => 0.0,
            };
            sum += libm::log(100.0 * precision);
        }
        let penalty = match length < reference_length {
            true => libm::exp(1.0 - *reference_length as f64 / *length as f64),
            false => 1.0,
        };
        penalty * libm::exp(sum / order as f64)
    }
}

impl Counts {
    fn new(order: usize) -> Self {
        Self { matches: vec![0; order], all: vec![0; order], ..Self::default() }
    }

    fn add_pair(&mut self, hypothesis: &[&str], references: &[Vec<&str>]) {
        let length = hypothesis.len();
        let closest = references.iter().map(Vec::len).min_by_key(|other| (length.abs_diff(*other), *other));
        self.pairs += 1;
        self.length += length as u64;
        self.reference_length += closest.unwrap_or(0) as u64;
        for n in 1..=self.all.len() {
            let mut most: HashMap<&[&str], u64> = HashMap::new();
            for reference in references {
                for (gram, count) in grams(reference, n) {
                    let most = most.entry(gram).or_default();
                    *most = count.max(*most);
                }
            }
            for (gram, count) in grams(hypothesis, n) {
                self.all[n - 1] += count;
                self.matches[n - 1] += most.get(gram).map_or(0, |&most| most.min(count));
            }
        }
    }

    /// The sum of both; none when it is too large.
    fn plus(&self, other: &Self) -> Option<Self> {
        let add = |left: &[u64], right: &[u64]| -> Option<Vec<u64>> {
            left.iter().zip(right).map(|(left, right)| left.checked_add(*right)).collect()
        };
        Some(Self {
            pairs: self.pairs.checked_add(other.pairs)?,
            length: self.length.checked_add(other.length)?,
            reference_length: self.reference_length.checked_add(other.reference_length)?,
            matches: add(&self.matches, &other.matches)?,
            all: add(&self.all, &other.all)?,
        })
    }

    /// Reads the counts of a state of the same settings. Everything is checked before anything is merged.
    fn read(state: &[u8], head: [u8; 4]) -> Result<Self> {
        let (found, rest) = state.split_first_chunk::<4>().ok_or_else(|| corrupt("it is too short"))?;
        let names = ["version", "max_order", "tokenizer", "lowercase"];
        for ((name, found), expected) in names.iter().zip(found).zip(head) {
            if *found != expected {
                return Err(corrupt(format!("{name} is {found}, expected {expected}")));
            }
        }
        let order = usize::from(head[1]);
        let (numbers, rest) = rest.as_chunks::<8>();
        if numbers.len() != 3 + 2 * order || !rest.is_empty() {
            return Err(corrupt(format!("it has {} bytes, expected {}", state.len(), 4 + 8 * (3 + 2 * order))));
        }
        let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let (matches, all) = numbers[3..].split_at(order);
        let counts = Self {
            pairs: numbers[0],
            length: numbers[1],
            reference_length: numbers[2],
            matches: matches.to_vec(),
            all: all.to_vec(),
        };
        if counts.pairs == 0 && counts != Self::new(order) {
            return Err(corrupt("it has words and no pairs"));
        }
        if let Some(n) = (0..order).find(|&n| matches[n] > all[n]) {
            return Err(corrupt(format!("{} of {} {}-grams match", matches[n], all[n], n + 1)));
        }
        if all[0] != counts.length || all.windows(2).any(|pair| pair[0] < pair[1]) {
            return Err(corrupt(format!("{} words have {all:?} n-grams", counts.length)));
        }
        Ok(counts)
    }
}

fn words(spaced: &str) -> Vec<&str> {
    spaced.split(is_space).filter(|word| !word.is_empty()).collect()
}

/// How often each n-gram is in a text.
fn grams<'a, 'b>(words: &'a [&'b str], n: usize) -> HashMap<&'a [&'b str], u64> {
    let mut counts = HashMap::new();
    words.windows(n).for_each(|gram| *counts.entry(gram).or_default() += 1);
    counts
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}

trainyard_plugin::export!(text_metric "bleu" = Bleu, abilities = ["signature"]);

#[cfg(test)]
mod tests;
