//! Filter `c4-lines`: reduces a page to the lines that C4 kept, and drops the pages that it dropped.
//!
//! Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (JMLR
//! 21:140), and its `c4_utils.py`, as implemented by `C4QualityFilter` of datatrove 0.10 (Apache-2.0). Every line, as
//! split by Python's `str.splitlines` and without white space at its ends, is checked by these rules in this order:
//!
//! 1. a word of more than 1000 characters: the line is removed
//! 2. `[12]`, `[edit]` and `[citation needed]` are cut out
//! 3. it does not end in `. ? ! " '`, or ends in `...`: the line is removed
//! 4. fewer than 3 words (the citations count): the line is removed
//! 5. "lorem ipsum": the page is dropped, `lorem_ipsum`
//! 6. "javascript": the line is removed
//! 7. `{`: the page is dropped, `curly_bracket`
//! 8. "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies": the line is
//!    removed
//!
//! A page whose remaining lines have fewer than 5 sentences is dropped, `too_few_sentences`. The order matters: `{` on
//! a removed line drops nothing. The spans of a rewritten page are what was removed, those of a drop are the places of
//! its reason. Sentences are counted by [`trainyard_text::count_sentences`], where datatrove uses spaCy's sentencizer
//! and C4 used Punkt.

mod citations;

use citations::citations;
use trainyard_plugin::{Create, Filter, PluginError, Result, Span, Verdict, config};
use trainyard_text::chars::is_space;
use trainyard_text::{Ends, Phrases, Words, count_chars, count_sentences, lines, offset_in, strip};

config! {
    /// Settings of `c4-lines`. A number of 0 and an empty text switch their rule off.
    pub struct Settings {
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
        /// maximum number of characters in a word
        max_word_chars: u32 = 1000u32,
        /// whether citation marks are cut out
        cut_citations: bool = true,
        /// a line must end in one of these characters
        line_ends: String = ".?!\"'",
        /// minimum number of words in a line
        min_words: u32 = 3u32,
        /// whether pages with "lorem ipsum" are dropped
        drop_lorem_ipsum: bool = true,
        /// whether lines with "javascript" are removed
        cut_javascript: bool = true,
        /// whether pages with { are dropped
        drop_curly_bracket: bool = true,
        /// lines with one of these phrases are removed; in lower case, with | between them
        cut_phrases: String = "terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies",
        /// minimum number of sentences in a page
        min_sentences: u32 = 5u32,
    }
}

const LOREM_IPSUM: &str = "lorem ipsum";
const JAVASCRIPT: &str = "javascript";

/// The filter.
pub struct C4Lines {
    settings: Settings,
    words: Words,
    phrases: Vec<String>,
    ends: Ends,
    /// The sieve for pages to which rules 5 to 8 may apply.
    sieve: Phrases,
    /// A line without its citations; the memory is reused.
    line: String,
}

impl Create for C4Lines {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        let phrases: Vec<String> =
            settings.cut_phrases.split('|').filter(|phrase| !phrase.is_empty()).map(String::from).collect();
        if let Some(phrase) = phrases.iter().find(|phrase| phrase.to_lowercase() != **phrase) {
            return Err(PluginError::config(format!("cut_phrases: expected lower case, got {phrase:?}")));
        }
        let mut all: Vec<&str> = phrases.iter().map(String::as_str).collect();
        all.extend(settings.drop_lorem_ipsum.then_some(LOREM_IPSUM));
        all.extend(settings.cut_javascript.then_some(JAVASCRIPT));
        all.extend(settings.drop_curly_bracket.then_some("{"));
        let sieve = Phrases::new(all);
        let ends = Ends::new(&settings.line_ends);
        Ok(Self { settings, words, phrases, ends, sieve, line: String::new() })
    }
}

impl Filter for C4Lines {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

/// The result for a line.
enum Fate {
    Keep,
    /// The line is kept without its citations.
    KeepCut,
    Go,
    /// The page is dropped for this reason, because of this text.
    Drop(&'static str, &'static str),
}

impl C4Lines {
    fn verdict(&mut self, document: &str) -> Verdict {
        let (is_suspect, least) = (self.sieve.may_be_in(document), self.settings.min_sentences as usize);
        let (mut kept, mut n_sentences) = (String::with_capacity(document.len()), 0);
        let mut gone = Gone { document, spans: Vec::new() };
        for line in lines(document) {
            let line = strip(line);
            let start = offset_in(document, line);
            let fate = self.fate(line, is_suspect);
            let text = match fate {
                Fate::Keep => line,
                Fate::KeepCut => {
                    citations(line).for_each(|cut| gone.push(start + cut.start, start + cut.end));
                    &self.line
                }
                Fate::Go => {
                    gone.push(start, start + line.len());
                    continue;
                }
                Fate::Drop(reason, because) => {
                    let at = line.to_ascii_lowercase().find(because).map(|at| (start + at, start + at + because.len()));
                    let (start, end) = at.unwrap_or((start, start + line.len()));
                    return Verdict { spans: vec![span(start, end)], ..Verdict::drop(reason) };
                }
            };
            if n_sentences < least {
                n_sentences += count_sentences(text);
            }
            kept.push_str(text);
            kept.push('\n');
        }
        if n_sentences < least {
            return Verdict::drop("too_few_sentences").score(n_sentences as f64);
        }
        // without copying what a page of many lines has become
        kept.truncate(kept.trim_end_matches(is_space).len());
        kept.drain(..kept.len() - kept.trim_start_matches(is_space).len());
        if kept == document {
            return Verdict::keep();
        }
        Verdict { spans: gone.spans, ..Verdict::rewrite(kept) }
    }

    /// Decides about a line; afterwards `line` of this filter holds the line, if citations were cut out.
    fn fate(&mut self, line: &str, is_suspect: bool) -> Fate {
        let Settings { max_word_chars, min_words, .. } = self.settings;
        let is_long = |word: &str| count_chars(word) > max_word_chars as usize;
        if max_word_chars > 0 && line.len() > max_word_chars as usize && self.words.split(line).any(is_long) {
            return Fate::Go;
        }
        let has_citations = self.settings.cut_citations && self.cut_citations(line);
        let text = if has_citations { &self.line } else { line };
        let ends = &self.ends;
        if !ends.is_empty() && (!ends.end(text) || text.ends_with("...")) {
            return Fate::Go;
        }
        if !self.words.are_at_least(min_words as usize, line) {
            return Fate::Go;
        }
        if is_suspect || has_citations {
            let lower = text.to_lowercase();
            if self.settings.drop_lorem_ipsum && lower.contains(LOREM_IPSUM) {
                return Fate::Drop("lorem_ipsum", LOREM_IPSUM);
            }
            if self.settings.cut_javascript && lower.contains(JAVASCRIPT) {
                return Fate::Go;
            }
            if self.settings.drop_curly_bracket && text.contains('{') {
                return Fate::Drop("curly_bracket", "{");
            }
            if self.phrases.iter().any(|phrase| lower.contains(phrase)) {
                return Fate::Go;
            }
        }
        if has_citations { Fate::KeepCut } else { Fate::Keep }
    }

    /// Writes the line without its citations to `line` of this filter, if it has any.
    fn cut_citations(&mut self, line: &str) -> bool {
        let mut end = 0;
        self.line.clear();
        for cut in citations(line) {
            self.line.push_str(&line[end..cut.start]);
            end = cut.end;
        }
        if end > 0 {
            self.line.push_str(&line[end..]);
        }
        end > 0
    }
}

/// The parts removed from a page.
struct Gone<'a> {
    document: &'a str,
    spans: Vec<Span>,
}

impl Gone<'_> {
    /// Adds a range of bytes, and joins it with the range before if only white space is between them.
    fn push(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if strip(&self.document[last.end as usize..start]).is_empty() => last.end = end as u32,
            _ => self.spans.push(span(start, end)),
        }
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

trainyard_plugin::export!(filter "c4-lines" = C4Lines);

#[cfg(test)]
mod tests;
