//! Filter `word-statistics`: limits on statistics of a document's words.
//!
//! | reason | measured |
//! |---|---|
//! | `word_type_token_ratio_low`, `_high` | distinct words / words |
//! | `word_hapax_share_low`, `_high` | distinct words that occur once / distinct words |
//! | `word_distinct_ngrams_low`, `_high` | distinct n-grams / n-grams of `n` words (distinct-n, Li et al. 2016) |
//! | `word_mean_length_low`, `_high` | mean characters of a word |
//! | `word_entropy_low`, `_high` | Shannon entropy of the words' frequencies, in bits per word |
//! All limits are off by default: good values depend on the language and, for ratios of distinct words and the entropy,
//! on the length of the documents. The first limit that is broken gives the reason; a document without words (or
//! without n-grams) breaks none. Words are compared in lower case unless `lowercase` is off, and equal 64-bit hashes
//! count as equal words.

mod count;

use count::Counts;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Verdict, config};
use trainyard_text::Words;

config! {
    /// Settings of `word-statistics`. A limit of 0 means no limit.
    pub struct Settings {
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "unicode",
        /// compares words in lower case
        lowercase: bool = true,
        /// number of words in an n-gram
        n: u32 = 3u32,
        /// minimum share of words that are distinct
        min_type_token_ratio: f64 = 0.0,
        /// maximum share of words that are distinct
        max_type_token_ratio: f64 = 0.0,
        /// minimum share of distinct words that occur once
        min_hapax_share: f64 = 0.0,
        /// maximum share of distinct words that occur once
        max_hapax_share: f64 = 0.0,
        /// minimum share of n-grams that are distinct
        min_distinct_ngrams: f64 = 0.0,
        /// maximum share of n-grams that are distinct
        max_distinct_ngrams: f64 = 0.0,
        /// minimum mean length of words in characters
        min_mean_length: f64 = 0.0,
        /// maximum mean length of words in characters
        max_mean_length: f64 = 0.0,
        /// minimum entropy of the words in bits
        min_entropy: f64 = 0.0,
        /// maximum entropy of the words in bits
        max_entropy: f64 = 0.0,
    }
}

/// The filter.
pub struct WordStatistics {
    words: Words,
    counts: Counts,
    rules: Vec<Rule>,
}

impl Create for WordStatistics {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        if settings.n == 0 || settings.n > 100 {
            return Err(PluginError::config(format!("n: expected 1 to 100, got {}", settings.n)));
        }
        let counts = Counts::new(settings.lowercase, settings.n as usize);
        Ok(Self { words, counts, rules: rules(&settings)? })
    }
}

/// Two rules for each of the values of [`Counts::values`], in the same order.
fn rules(settings: &Settings) -> Result<Vec<Rule>> {
    let limits = [
        ("type_token_ratio", settings.min_type_token_ratio, settings.max_type_token_ratio, 1.0),
        ("hapax_share", settings.min_hapax_share, settings.max_hapax_share, 1.0),
        ("distinct_ngrams", settings.min_distinct_ngrams, settings.max_distinct_ngrams, 1.0),
        ("mean_length", settings.min_mean_length, settings.max_mean_length, f64::MAX),
        ("entropy", settings.min_entropy, settings.max_entropy, f64::MAX),
    ];
    let mut rules = Vec::new();
    for (what, min, max, most) in limits {
        if max != 0.0 && min > max {
            return Err(PluginError::config(format!(
                "min_{what}: expected at most max_{what} = {max}, got {min}; no document would stay"
            )));
        }
        rules.push(Rule::at_least(format!("word_{what}_low"), format!("min_{what}"), min).within(most)?);
        rules.push(Rule::at_most(format!("word_{what}_high"), format!("max_{what}"), max).within(most)?);
    }
    Ok(rules)
}

impl Filter for WordStatistics {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        if self.rules.iter().all(|rule| rule.limit.is_infinite()) {
            return Ok(vec![Verdict::keep(); documents.len()]);
        }
        let values = self.measure(documents)?;
        Ok(values.chunks(self.rules.len()).map(|values| Rule::verdict(&self.rules, values)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(documents.len() * self.rules.len());
        for document in documents {
            let measured = self.counts.values(document, self.words);
            values.extend(measured.iter().flat_map(|&value| [value; 2]));
        }
        Ok(values)
    }
}

trainyard_plugin::export!(measured_filter "word-statistics" = WordStatistics, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(settings: Settings, document: &str) -> Vec<f64> {
        let values = WordStatistics::create(settings).unwrap().measure(&[document]).unwrap();
        values.chunks(2).map(|pair| pair[0]).collect()
    }

    #[test]
    fn values() {
        // the × 4, cat × 2, sat, on, mat once
        let text = "The cat, the cat sat on the mat -- the";
        let found = measured(Settings { n: 2, ..Settings::default() }, text);
        let entropy =
            -(4.0 / 9.0 * (4.0f64 / 9.0).log2() + 2.0 / 9.0 * (2.0f64 / 9.0).log2() + (1.0f64 / 9.0).log2() / 3.0);
        let expected = [5.0 / 9.0, 3.0 / 5.0, 7.0 / 8.0, 26.0 / 9.0, entropy];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let cased = measured(Settings { lowercase: false, ..Settings::default() }, text);
        assert_eq!(cased[0], 6.0 / 9.0);
        // Chinese characters are words; no punctuation is
        assert_eq!(
            measured(Settings { n: 1, ..Settings::default() }, "是不是，É é")[..4],
            [3.0 / 5.0, 1.0 / 3.0, 0.6, 1.0]
        );
    }

    #[test]
    fn nothing_breaks_no_rule() {
        let all = Settings {
            min_type_token_ratio: 0.5,
            max_hapax_share: 0.5,
            min_distinct_ngrams: 0.5,
            min_mean_length: 1.0,
            min_entropy: 1.0,
            ..Settings::default()
        };
        let mut filter = WordStatistics::create(all).unwrap();
        for document in ["", " \n", "...", "\0"] {
            assert_eq!(filter.judge(&[document]).unwrap(), [Verdict::keep()], "{document:?}");
        }
        assert_eq!(filter.judge(&["one"]).unwrap()[0].reason, "word_hapax_share_high");
    }

    #[test]
    fn first_broken_limit_is_the_reason() {
        let text = "a a a b c";
        let cases = [
            (Settings { min_type_token_ratio: 0.61, ..Settings::default() }, "word_type_token_ratio_low", 0.6),
            (Settings { max_type_token_ratio: 0.59, ..Settings::default() }, "word_type_token_ratio_high", 0.6),
            (Settings { max_hapax_share: 0.6, ..Settings::default() }, "word_hapax_share_high", 2.0 / 3.0),
            (Settings { n: 1, min_distinct_ngrams: 0.7, ..Settings::default() }, "word_distinct_ngrams_low", 0.6),
            (Settings { min_mean_length: 1.1, ..Settings::default() }, "word_mean_length_low", 1.0),
            (
                Settings { n: 1, min_mean_length: 1.1, min_hapax_share: 0.7, ..Settings::default() },
                "word_hapax_share_low",
                2.0 / 3.0,
            ),
        ];
        for (settings, reason, score) in cases {
            let mut filter = WordStatistics::create(settings).unwrap();
            assert_eq!(filter.judge(&["x y z", text]).unwrap()[1], Verdict::drop(reason).score(score));
        }
        let mut off = WordStatistics::create(Settings::default()).unwrap();
        assert_eq!(off.judge(&[text, ""]).unwrap(), [Verdict::keep(), Verdict::keep()]);
        assert_eq!(off.rules().len(), 10);
    }

    #[test]
    fn documents_do_not_mix() {
        let mut filter = WordStatistics::create(Settings::default()).unwrap();
        let documents = ["a b a", "a a a a a b c d e f g", "", "a b a"];
        let together = filter.measure(&documents).unwrap();
        assert_eq!(together[..10], together[30..]);
        let alone: Vec<f64> = documents.iter().flat_map(|document| filter.measure(&[document]).unwrap()).collect();
        assert_eq!(format!("{together:?}"), format!("{alone:?}"));
    }

    #[test]
    fn refuses() {
        let message = |settings| WordStatistics::create(settings).err().unwrap().message;
        let default = Settings::default;
        assert_eq!(message(Settings { n: 0, ..default() }), "n: expected 1 to 100, got 0");
        assert_eq!(
            message(Settings { max_hapax_share: 1.5, ..default() }),
            "max_hapax_share: expected 0 to 1, got 1.5"
        );
        let settings = Settings { min_entropy: 3.0, max_entropy: 2.0, ..default() };
        assert_eq!(message(settings), "min_entropy: expected at most max_entropy = 2, got 3; no document would stay");
    }
}
