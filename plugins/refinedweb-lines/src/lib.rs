//! Filter `refinedweb-lines`: removes lines that are not text, and drops pages with many of them.
//!
//! Penedo et al. 2023, "The RefinedWeb Dataset for Falcon LLM" (arXiv 2306.01116), appendix G.2, with the numbers that
//! the reproduction of DataComp-LM (arXiv 2406.11794, MIT) fills in. Every line, separated by `\n` and without white
//! space at its ends, is checked by these rules in this order; blank lines are kept:
//!
//! 1. more than half of its characters are upper case: the line is removed
//! 2. nothing but digits: the line is removed
//! 3. a counter such as "3 likes": the line is removed
//! 4. one word: the line is removed
//! 5. in a line of at most 10 words, "items in cart" anywhere, "read more..." at the end and "sign-in" at the start are
//!    cut out, with one space next to them; a line of which nothing is left is removed
//!
//! If more than 5 % of the words were removed, the document is dropped, `word_removal_ratio`. The spans of a rewritten
//! page and of a drop are the removed parts: the new text is the old one without them.

mod counter;

use counter::is_counter;
use std::ops::Range;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Span, Verdict, config};
use trainyard_text::bytes::count_bytes;
use trainyard_text::chars::is_digit;
use trainyard_text::{Phrases, Words, count_chars, offset_in, parts, strip};

config! {
    /// Settings of `refinedweb-lines`. A number of 0 and an empty text switch their rule off.
    pub struct Settings {
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
        /// maximum share of upper case in a line
        max_upper_case: f64 = 0.5,
        /// whether lines of digits are removed
        cut_numbers: bool = true,
        /// things that counters count, in lower case, with | between them
        counters: String = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers",
        /// minimum number of words in a line
        min_words: u32 = 2u32,
        /// maximum number of words in a line from which phrases are cut
        max_phrase_words: u32 = 10u32,
        /// phrases that are cut out anywhere, in lower case, with | between them
        cut_anywhere: String = "items in cart",
        /// phrases that are cut from the start
        cut_at_start: String = "sign-in",
        /// phrases that are cut from the end
        cut_at_end: String = "read more...",
        /// maximum share of words that may be removed
        max_removed_words: f64 = 0.05,
    }
}

/// The filter.
pub struct RefinedwebLines {
    settings: Settings,
    words: Words,
    rule: Rule,
    counters: Vec<String>,
    anywhere: Vec<String>,
    at_start: Vec<String>,
    at_end: Vec<String>,
    /// The sieve for pages with a phrase of `anywhere`.
    sieve: Phrases,
}

impl Create for RefinedwebLines {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        // checked like a rule's limit, though it is a line that breaks it
        Rule::at_most("", "max_upper_case", settings.max_upper_case).within(1.0)?;
        let rule = Rule::at_most("word_removal_ratio", "max_removed_words", settings.max_removed_words).within(1.0)?;
        let anywhere = phrases("cut_anywhere", &settings.cut_anywhere)?;
        Ok(Self {
            words,
            rule,
            counters: phrases("counters", &settings.counters)?,
            at_start: phrases("cut_at_start", &settings.cut_at_start)?,
            at_end: phrases("cut_at_end", &settings.cut_at_end)?,
            sieve: Phrases::new(anywhere.iter().map(String::as_str)),
            anywhere,
            settings,
        })
    }
}

/// Returns the phrases of a setting, which are ASCII, so that their length is the same in either case.
fn phrases(setting: &str, value: &str) -> Result<Vec<String>> {
    if !value.is_ascii() || value.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(PluginError::config(format!("{setting}: expected ASCII in lower case, got {value:?}")));
    }
    Ok(value.split('|').filter(|phrase| !phrase.is_empty()).map(String::from).collect())
}

impl Filter for RefinedwebLines {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl RefinedwebLines {
    fn verdict(&mut self, document: &str) -> Verdict {
        let may_hold_phrase = self.sieve.may_be_in(document);
        let mut gone: Vec<Range<usize>> = Vec::new();
        for part in parts(document) {
            let line = strip(part);
            if line.is_empty() {
                continue;
            }
            // with its end
            let start = offset_in(document, part);
            let whole = start..document.len().min(start + part.len() + 1);
            if self.goes(line) {
                gone.push(whole);
                continue;
            }
            let cuts = self.cuts(line, may_hold_phrase);
            let n_cut: usize = cuts.iter().map(Range::len).sum();
            if n_cut == line.len() {
                gone.push(whole);
            } else {
                let offset = offset_in(document, line);
                gone.extend(cuts.into_iter().map(|cut| offset + cut.start..offset + cut.end));
            }
        }
        if gone.is_empty() {
            return Verdict::keep();
        }
        let n_gone: usize = gone.iter().map(|cut| self.words.count(&document[cut.clone()])).sum();
        let share = n_gone as f64 / self.words.count(document) as f64;
        let spans = gone.iter().map(|cut| Span { start: cut.start as u32, end: cut.end as u32 }).collect();
        match self.rule.is_broken_by(share) {
            true => Verdict { spans, ..Verdict::drop(&self.rule.reason).score(share) },
            false => Verdict { spans, ..Verdict::rewrite(without(document, &gone)).score(share) },
        }
    }

    /// Whether a line that is not blank is removed as a whole.
    fn goes(&self, line: &str) -> bool {
        self.is_upper_case(line)
            || (self.settings.cut_numbers && line.chars().all(is_digit))
            || is_counter(line, &self.counters)
            || !self.words.are_at_least(self.settings.min_words as usize, line)
    }

    fn is_upper_case(&self, line: &str) -> bool {
        let most = self.settings.max_upper_case;
        let mut n_upper = count_bytes(line.as_bytes(), |byte| byte.wrapping_sub(b'A') < 26);
        let mut n_chars = line.len();
        if !line.is_ascii() {
            n_chars = count_chars(line);
            n_upper += line.chars().filter(|char| !char.is_ascii() && char.is_uppercase()).count();
        }
        most > 0.0 && n_upper as f64 > most * n_chars as f64
    }

    /// Returns the parts that are cut out of a line that is kept, in order and not overlapping.
    fn cuts(&self, line: &str, may_hold_phrase: bool) -> Vec<Range<usize>> {
        let mut cuts = Vec::new();
        let (bytes, most) = (line.as_bytes(), self.settings.max_phrase_words as usize);
        let starts = |phrase: &&String| bytes.get(..phrase.len()).is_some_and(|start| is_same(start, phrase));
        let ends = |phrase: &&String| {
            let at = bytes.len().checked_sub(phrase.len());
            at.is_some_and(|at| is_same(&bytes[at..], phrase))
        };
        let (start, end) = (self.at_start.iter().find(starts), self.at_end.iter().find(ends));
        if !may_hold_phrase && start.is_none() && end.is_none() {
            return cuts;
        }
        if self.words.are_at_least(most + 1, line) {
            return cuts;
        }
        if let Some(phrase) = start {
            cuts.push(0..phrase.len() + usize::from(bytes.get(phrase.len()) == Some(&b' ')));
        }
        let lower = line.to_ascii_lowercase();
        for phrase in &self.anywhere {
            for (at, _) in lower.match_indices(phrase.as_str()) {
                cuts.push(at - usize::from(at > 0 && bytes[at - 1] == b' ')..at + phrase.len());
            }
        }
        if let Some(phrase) = end {
            let at = bytes.len() - phrase.len();
            cuts.push(at - usize::from(at > 0 && bytes[at - 1] == b' ')..bytes.len());
        }
        merge(cuts)
    }
}

fn is_same(bytes: &[u8], phrase: &str) -> bool {
    bytes.eq_ignore_ascii_case(phrase.as_bytes())
}

/// Returns the ranges in order, with overlapping ones joined.
fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn without(text: &str, gone: &[Range<usize>]) -> String {
    let (mut kept, mut end) = (String::with_capacity(text.len()), 0);
    for cut in gone {
        kept.push_str(&text[end..cut.start]);
        end = cut.end;
    }
    kept.push_str(&text[end..]);
    kept
}

trainyard_plugin::export!(filter "refinedweb-lines" = RefinedwebLines);

#[cfg(test)]
mod tests;
