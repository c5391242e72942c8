//! Filter `gopher-repetition`: drops documents that repeat themselves.
//! Rae et al. 2021, "Scaling Language Models" (arXiv 2112.11446), table A1, as implemented by `GopherRepetitionFilter`
//! of datatrove 0.10 (Apache-2.0). The first rule that a document breaks gives the reason, and the value that it
//! measured is the score:
//!
//! | reason | measured |
//! |---|---|
//! | `empty` | characters |
//! | `dup_para_frac`, `dup_para_char_frac` | paragraphs that occurred before / paragraphs, their characters / all |
//! | `dup_line_frac`, `dup_line_char_frac` | lines that occurred before / lines, their characters / all |
//! | `top_2_gram`, `top_3_gram`, `top_4_gram` | characters of the most frequent n-gram, spaces too, x number / all |
//! | `duplicated_5_n_grams` to `duplicated_10_n_grams` | characters of n-grams that occurred before / all |
//! Paragraphs are separated by two or more `\n`, lines by one or more. The search continues after an n-gram that
//! occurred before. The most frequent n-gram may occur only once: documents of a few words break the rule; use
//! `gopher-quality` for them. A drop names up to 100 places: the later ones of repetitions, all of a frequent n-gram.

mod grams;
mod sieve;
mod window;
mod word;

use grams::Grams;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Span, Verdict, config};
use trainyard_text::bytes::identity;
use trainyard_text::{Table, Words, count_chars, offset_in, paragraphs, parts};

config! {
    /// Settings of `gopher-repetition`. A limit of 0 switches its rule off.
    pub struct Settings {
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
        /// minimum number of characters
        min_chars: u32 = 1u32,
        /// maximum share of paragraphs that occurred before
        max_duplicate_paragraphs: f64 = 0.3,
        /// maximum share of characters in them
        max_duplicate_paragraph_chars: f64 = 0.2,
        /// maximum share of lines that occurred before
        max_duplicate_lines: f64 = 0.3,
        /// maximum share of characters in them
        max_duplicate_line_chars: f64 = 0.2,
        /// maximum share of characters in the most frequent 2-gram
        max_top_2_gram: f64 = 0.2,
        /// the same for 3-grams
        max_top_3_gram: f64 = 0.18,
        /// the same for 4-grams
        max_top_4_gram: f64 = 0.16,
        /// maximum share of characters in 5-grams that occurred before
        max_duplicate_5_grams: f64 = 0.15,
        /// the same for 6-grams
        max_duplicate_6_grams: f64 = 0.14,
        /// the same for 7-grams
        max_duplicate_7_grams: f64 = 0.13,
        /// the same for 8-grams
        max_duplicate_8_grams: f64 = 0.12,
        /// the same for 9-grams
        max_duplicate_9_grams: f64 = 0.11,
        /// the same for 10-grams
        max_duplicate_10_grams: f64 = 0.1,
    }
}

/// Places that a drop names at most.
const MAX_SPANS: usize = 100;

/// The filter.
pub struct GopherRepetition {
    words: Words,
    rules: Vec<Rule>,
    grams: Grams,
    table: Table,
}

impl Create for GopherRepetition {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        let rule = |reason: &str, setting: &str, limit| Rule::at_most(reason, setting, limit).within(1.0);
        let s = settings;
        let rules = vec![
            Rule::at_least("empty", "min_chars", s.min_chars.into()).within(f64::MAX)?,
            rule("dup_para_frac", "max_duplicate_paragraphs", s.max_duplicate_paragraphs)?,
            rule("dup_para_char_frac", "max_duplicate_paragraph_chars", s.max_duplicate_paragraph_chars)?,
            rule("dup_line_frac", "max_duplicate_lines", s.max_duplicate_lines)?,
            rule("dup_line_char_frac", "max_duplicate_line_chars", s.max_duplicate_line_chars)?,
            rule("top_2_gram", "max_top_2_gram", s.max_top_2_gram)?,
            rule("top_3_gram", "max_top_3_gram", s.max_top_3_gram)?,
            rule("top_4_gram", "max_top_4_gram", s.max_top_4_gram)?,
            rule("duplicated_5_n_grams", "max_duplicate_5_grams", s.max_duplicate_5_grams)?,
            rule("duplicated_6_n_grams", "max_duplicate_6_grams", s.max_duplicate_6_grams)?,
            rule("duplicated_7_n_grams", "max_duplicate_7_grams", s.max_duplicate_7_grams)?,
            rule("duplicated_8_n_grams", "max_duplicate_8_grams", s.max_duplicate_8_grams)?,
            rule("duplicated_9_n_grams", "max_duplicate_9_grams", s.max_duplicate_9_grams)?,
            rule("duplicated_10_n_grams", "max_duplicate_10_grams", s.max_duplicate_10_grams)?,
        ];
        Ok(Self { words, rules, grams: Grams::default(), table: Table::default() })
    }
}

impl Filter for GopherRepetition {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(documents.len() * self.rules.len());
        for document in documents {
            let (start, n_chars) = (values.len(), count_chars(document));
            while values.len() - start < self.rules.len() {
                let (next, n) = self.next_values(document, n_chars, values.len() - start);
                values.extend(&next[..n]);
            }
        }
        Ok(values)
    }
}

impl GopherRepetition {
    /// Returns the verdict of [`Filter::measure`] and the rules, with spans; nothing is measured after a broken rule.
    fn verdict(&mut self, document: &str) -> Verdict {
        let (mut rule, n_chars) = (0, count_chars(document));
        while rule < self.rules.len() {
            let (values, n) = self.next_values(document, n_chars, rule);
            for &value in &values[..n] {
                if self.rules[rule].is_broken_by(value) {
                    let spans = self.spans(document, rule);
                    return Verdict { spans, ..Verdict::drop(&self.rules[rule].reason).score(value) };
                }
                rule += 1;
            }
        }
        Verdict::keep()
    }

    /// Returns the values of `rule`, and of the next one if they are measured together, with their number. It must be
    /// called in order: each call builds on what the one before has read.
    fn next_values(&mut self, document: &str, n_chars: usize, rule: usize) -> ([f64; 2], usize) {
        let share = |part: usize| part as f64 / n_chars as f64;
        let (n, grams) = (rule.saturating_sub(3), &mut self.grams);
        let value = match rule {
            0 => n_chars as f64,
            1 | 3 => {
                let repeats = match rule {
                    1 => Repeats::count(paragraphs(document), document.len() / 256, &mut self.table),
                    _ => Repeats::count(lines(document), document.len() / 64, &mut self.table),
                };
                return ([repeats.n as f64 / repeats.n_all as f64, share(repeats.n_chars)], 2);
            }
            5..=7 => {
                if rule == 5 {
                    grams.read(document, self.words);
                }
                // with the spaces between the words
                let top = grams.top(n);
                top.map_or(f64::NAN, |(at, count)| share((grams.chars(at, n) + n - 1) * count as usize))
            }
            _ => {
                if rule == 8 {
                    grams.find_repeats();
                }
                share(grams.repeats(n).map(|i| grams.chars(i, n)).sum())
            }
        };
        ([value, f64::NAN], 1)
    }

    /// Returns the places in a document that break a rule. It must be called right after the rule's value.
    fn spans(&mut self, document: &str, rule: usize) -> Vec<Span> {
        let n = rule.saturating_sub(3);
        match rule {
            0 => Vec::new(),
            1 | 2 => repeated(document, paragraphs(document), &mut self.table),
            3 | 4 => repeated(document, lines(document), &mut self.table),
            5..=7 => self.grams.occurrences().take(MAX_SPANS).map(|i| self.grams.span(i, n)).collect(),
            _ => self.grams.repeats(n).take(MAX_SPANS).map(|i| self.grams.span(i, n)).collect(),
        }
    }
}

/// Paragraphs or lines of which some occurred before.
struct Repeats {
    n_all: usize,
    /// How many occurred before, and (`n_chars`) their characters.
    n: usize,
    n_chars: usize,
}

impl Repeats {
    fn count<'a>(parts: impl Iterator<Item = &'a str>, n_about: usize, table: &mut Table) -> Self {
        let mut repeats = Self { n_all: 0, n: 0, n_chars: 0 };
        table.clear(n_about);
        for part in parts {
            repeats.n_all += 1;
            if !table.insert(identity(part.as_bytes())) {
                repeats.n += 1;
                repeats.n_chars += count_chars(part);
            }
        }
        repeats
    }
}

/// Returns the places of the parts that occurred before.
fn repeated<'a>(text: &str, parts: impl Iterator<Item = &'a str>, table: &mut Table) -> Vec<Span> {
    table.clear(0);
    let again = parts.filter(|part| !table.insert(identity(part.as_bytes())));
    let span = |part: &str| {
        let start = offset_in(text, part);
        Span { start: start as u32, end: (start + part.len()) as u32 }
    };
    again.map(span).take(MAX_SPANS).collect()
}

/// Returns lines as datatrove splits them here: blank ones count only at the ends of the document.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let n = text.len();
    parts(text).filter(move |line| {
        let start = offset_in(text, line);
        !line.is_empty() || start == 0 || start == n
    })
}

trainyard_plugin::export!(measured_filter "gopher-repetition" = GopherRepetition, abilities = ["idempotent"]);

#[cfg(test)]
mod tests;
