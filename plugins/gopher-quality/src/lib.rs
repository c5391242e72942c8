//! Filter `gopher-quality`: the rules of Gopher's authors for telling prose from the rest of the web.
//!
//! Rae et al. 2021, "Scaling Language Models" (arXiv 2112.11446), appendix A.1.1. The first rule that a document breaks
//! gives the reason, and the value that it measured is the score:
//!
//! | reason | measured |
//! |---|---|
//! | `gopher_short_doc`, `gopher_long_doc` | words other than punctuation |
//! | `gopher_below_avg_threshold`, `gopher_above_avg_threshold` | mean characters of those words |
//! | `gopher_too_many_hashes` | `#` / words |
//! | `gopher_too_many_ellipsis` | (`...` + `…`) / words |
//! | `gopher_too_many_bullets` | lines that start with `•` or `-` / lines |
//! | `gopher_too_many_end_ellipsis` | lines that end in `...` or `…` / lines |
//! | `gopher_below_alpha_threshold` | words with a letter / words |
//! | `gopher_enough_stop_words` | distinct of the, be, to, of, and, that, have, with |
//! This is `GopherQualityFilter` of datatrove 0.10 (Apache-2.0), dialect `datatrove`. `paper` counts all words where
//! `datatrove` leaves punctuation out. `dolma` measures like the `gopher_v1` tagger of Dolma (Apache-2.0): the median
//! length of all words; words with `#` or `…` / words as hashes, and no ellipses; lines between `\n`, bullets `*` and
//! `-`, the ellipsis `…`; stop words as often as they occur.
//!
//! datatrove splits English with spaCy, which separates punctuation from words, as `words = "unicode"` does; with
//! `whitespace`, "the," is not a stop word. Some verdicts depend on this. With the same words, they are datatrove's.

mod measure;
mod stop_words;

use measure::{LineCounts, WordCounts, count_ellipses, count_hashes, count_symbol_words, median_word_length, ratio};
use stop_words::StopWords;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Verdict, config};
use trainyard_text::Words;

config! {
    /// Settings of `gopher-quality`. A limit of 0 switches its rule off.
    pub struct Settings {
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
        /// variant of the rules: datatrove, paper or dolma
        dialect: String = "datatrove",
        /// minimum number of words other than punctuation
        min_words: u32 = 50u32,
        /// maximum number of words other than punctuation
        max_words: u32 = 100_000u32,
        /// minimum mean length of these words in characters
        min_mean_word_length: f64 = 3.0,
        /// maximum mean length of these words in characters
        max_mean_word_length: f64 = 10.0,
        /// maximum number of hash signs per word, and of ellipses per word
        max_symbols_per_word: f64 = 0.1,
        /// maximum share of lines that start with a bullet
        max_bullet_lines: f64 = 0.9,
        /// maximum share of lines that end in an ellipsis
        max_ellipsis_lines: f64 = 0.3,
        /// minimum share of words with a letter
        min_alphabetic_words: f64 = 0.8,
        /// minimum number of distinct stop words
        min_stop_words: u32 = 2u32,
        /// the stop words, with spaces between them
        stop_words: String = "the be to of and that have with",
    }
}

/// The filter.
pub struct GopherQuality {
    words: Words,
    dialect: Dialect,
    stop_words: StopWords,
    rules: Vec<Rule>,
    /// Which stop words a document contains; the memory is reused.
    seen: Vec<bool>,
}

/// The variant of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Datatrove,
    Paper,
    Dolma,
}

impl Create for GopherQuality {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        let dialect = match settings.dialect.as_str() {
            "datatrove" => Dialect::Datatrove,
            "paper" => Dialect::Paper,
            "dolma" => Dialect::Dolma,
            other => {
                let message = "dialect: expected \"datatrove\", \"paper\" or \"dolma\"";
                return Err(PluginError::config(format!("{message}, got {other:?}")));
            }
        };
        let stop_words: Vec<String> = settings.stop_words.split_whitespace().map(String::from).collect();
        let stop_words = StopWords::new(&stop_words);
        let rules = rules(&settings)?;
        check_order("words", settings.min_words.into(), settings.max_words.into())?;
        check_order("mean_word_length", settings.min_mean_word_length, settings.max_mean_word_length)?;
        if settings.min_stop_words as usize > stop_words.len() {
            let n = stop_words.len();
            return Err(PluginError::config(format!(
                "min_stop_words: expected 0 to {n}, the number of stop_words, got {}",
                settings.min_stop_words
            )));
        }
        Ok(Self { words, dialect, stop_words, rules, seen: Vec::new() })
    }
}

fn rules(settings: &Settings) -> Result<Vec<Rule>> {
    let (min_words, max_words) = (settings.min_words.into(), settings.max_words.into());
    let (min_length, max_length) = (settings.min_mean_word_length, settings.max_mean_word_length);
    let (symbols, bullets) = (settings.max_symbols_per_word, settings.max_bullet_lines);
    let (ellipses, alphabetic) = (settings.max_ellipsis_lines, settings.min_alphabetic_words);
    let any = f64::MAX;
    Ok(vec![
        Rule::at_least("gopher_short_doc", "min_words", min_words).within(any)?,
        Rule::at_most("gopher_long_doc", "max_words", max_words).within(any)?,
        Rule::at_least("gopher_below_avg_threshold", "min_mean_word_length", min_length).within(any)?,
        Rule::at_most("gopher_above_avg_threshold", "max_mean_word_length", max_length).within(any)?,
        Rule::at_most("gopher_too_many_hashes", "max_symbols_per_word", symbols).within(any)?,
        Rule::at_most("gopher_too_many_ellipsis", "max_symbols_per_word", symbols).within(any)?,
        Rule::at_most("gopher_too_many_bullets", "max_bullet_lines", bullets).within(1.0)?,
        Rule::at_most("gopher_too_many_end_ellipsis", "max_ellipsis_lines", ellipses).within(1.0)?,
        Rule::at_least("gopher_below_alpha_threshold", "min_alphabetic_words", alphabetic).within(1.0)?,
        Rule::at_least("gopher_enough_stop_words", "min_stop_words", settings.min_stop_words.into()).within(any)?,
    ])
}

fn check_order(what: &str, min: f64, max: f64) -> Result<()> {
    if max != 0.0 && min > max {
        return Err(PluginError::config(format!(
            "min_{what}: expected at most max_{what} = {max}, got {min}; no document would stay"
        )));
    }
    Ok(())
}

impl Filter for GopherQuality {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(documents.len() * self.rules.len());
        for document in documents {
            let counts = self.count(document);
            values.extend(self.of_words(document, &counts));
            values.extend(self.of_symbols(document, &counts));
            values.extend(self.of_lines(document));
            values.extend(self.of_language(&counts));
        }
        Ok(values)
    }
}

impl GopherQuality {
    /// Returns the verdict of [`Filter::measure`] and the rules; nothing is measured after a broken rule.
    fn verdict(&mut self, document: &str) -> Verdict {
        let counts = self.count(document);
        let judge = |first: usize, values: &[f64]| {
            let verdict = Rule::verdict(&self.rules[first..], values);
            (!verdict.keep).then_some(verdict)
        };
        judge(0, &self.of_words(document, &counts))
            .or_else(|| judge(4, &self.of_symbols(document, &counts)))
            .or_else(|| judge(6, &self.of_lines(document)))
            .or_else(|| judge(8, &self.of_language(&counts)))
            .unwrap_or_else(Verdict::keep)
    }

    fn count(&mut self, document: &str) -> WordCounts {
        WordCounts::count(document, self.words, &self.stop_words, &mut self.seen)
    }

    /// Number and length of the words, for the first four rules.
    fn of_words(&self, document: &str, counts: &WordCounts) -> [f64; 4] {
        let (n, length) = match self.dialect {
            Dialect::Datatrove => (counts.n_plain, ratio(counts.n_plain_chars, counts.n_plain)),
            Dialect::Paper => (counts.n, ratio(counts.n_chars, counts.n)),
            Dialect::Dolma => (counts.n, median_word_length(document, self.words)),
        };
        [n as f64, n as f64, length, length]
    }

    fn of_symbols(&self, document: &str, counts: &WordCounts) -> [f64; 2] {
        match self.dialect {
            Dialect::Dolma => [ratio(count_symbol_words(document, self.words), counts.n), f64::NAN],
            _ => [ratio(count_hashes(document), counts.n), ratio(count_ellipses(document), counts.n)],
        }
    }

    fn of_lines(&self, document: &str) -> [f64; 2] {
        let lines = match self.dialect {
            Dialect::Dolma => LineCounts::count_as_dolma(document),
            _ => LineCounts::count(document),
        };
        [ratio(lines.n_bullets, lines.n), ratio(lines.n_ellipses, lines.n)]
    }

    fn of_language(&self, counts: &WordCounts) -> [f64; 2] {
        let n_stop_words = match self.dialect {
            Dialect::Dolma => counts.n_stop_words,
            _ => counts.n_distinct_stop_words,
        };
        [ratio(counts.n_alphabetic, counts.n), n_stop_words as f64]
    }
}

trainyard_plugin::export!(measured_filter "gopher-quality" = GopherQuality, abilities = ["idempotent"]);

#[cfg(test)]
mod tests;
