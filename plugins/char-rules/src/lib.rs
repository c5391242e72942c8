//! Filter `char-rules`: limits the shares of kinds of characters, of web addresses and of boilerplate.
//! The heuristic filters of NeMo Curator (Apache-2.0) with its defaults, then those that StarCoder (Li et al. 2023,
//! arXiv 2305.06161) used for code and HTML. The first rule that a document breaks gives the reason, and the value that
//! it measured is the score. Shares are of characters unless stated otherwise:
//!
//! | reason | measured |
//! |---|---|
//! | `alpha_numeric` | characters other than letters and digits of ASCII, `\n` and `? ! , .` |
//! | `numbers_ratio` | digits |
//! | `urls_ratio` | characters of web addresses |
//! | `white_space` | space, tab, `\n`, `\r` and backspace |
//! | `parentheses_ratio` | `( ) [ ] { } ⟨ ⟩` |
//! | `boilerplate_string_ratio` | paragraphs with a boilerplate phrase / paragraphs; 1 with "lorem ipsum" |
//! | `punctuation` | lines that do not end in `. ? ! " '` / lines, without blank ones |
//! | `xml_header` | characters before the end of `<?xml version=` |
//! | `alpha_filter` | letters |
//! | `html_few_chars`, `html_boilerplate` | characters of the visible text of HTML, their share |
//! In NeMo Curator `alpha_numeric` is meant for English; with `letters = "unicode"`, letters and digits of all scripts
//! count. The rules for HTML do not apply to documents without a tag. A drop for web addresses or boilerplate names
//! their places.

mod count;
mod html;

use count::{Counts, boilerplate, lines, urls};
use html::visible_chars;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Span, Verdict, config};
use trainyard_text::{Ends, Phrases, count_chars};

config! {
    /// Settings of `char-rules`. A limit of 0 switches its rule off.
    pub struct Settings {
        /// which letters and digits count: ascii or unicode
        letters: String = "ascii",
        /// maximum share of characters other than letters, digits and common punctuation
        max_non_alphanumeric: f64 = 0.25,
        /// maximum share of digits
        max_digits: f64 = 0.15,
        /// maximum share of characters in web addresses
        max_url_chars: f64 = 0.2,
        /// maximum share of white space
        max_white_space: f64 = 0.25,
        /// maximum share of parentheses
        max_parentheses: f64 = 0.1,
        /// maximum share of paragraphs with a boilerplate phrase
        max_boilerplate: f64 = 0.4,
        /// the boilerplate phrases in lower case, with | between them
        boilerplate: String = "terms of use|privacy policy|cookie policy|uses cookies|privacy overview|use of cookies|use cookies|privacy & cookies policy|privacy and cookies policy|necessary cookies are absolutely essential|any cookies that may not be particularly necessary|without changing your cookie settings",
        /// maximum share of lines without an end mark
        max_unended_lines: f64 = 0.85,
        /// a line should end in one of these characters
        line_ends: String = ".?!\"'",
        /// number of characters within which an XML header must not end
        min_xml_header_at: u32 = 100u32,
        /// minimum share of letters
        min_letters: f64 = 0.25,
        /// minimum number of characters of visible text in HTML
        min_html_text_chars: u32 = 100u32,
        /// minimum share of visible text in HTML
        min_html_text: f64 = 0.2,
    }
}

/// Places that a drop names at most.
const MAX_SPANS: usize = 100;
const LOREM_IPSUM: &str = "lorem ipsum";
const XML_HEADER: &str = "<?xml version=";

/// The filter.
pub struct CharRules {
    is_unicode: bool,
    line_ends: Ends,
    phrases: Vec<String>,
    /// The sieve for documents with boilerplate.
    sieve: Phrases,
    rules: Vec<Rule>,
}

impl Create for CharRules {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let s = &settings;
        let is_unicode = match s.letters.as_str() {
            "ascii" => false,
            "unicode" => true,
            other => {
                let message = "letters: expected \"ascii\" or \"unicode\"";
                return Err(PluginError::config(format!("{message}, got {other:?}")));
            }
        };
        if s.boilerplate.to_lowercase() != s.boilerplate {
            return Err(PluginError::config(format!("boilerplate: expected lower case, got {:?}", s.boilerplate)));
        }
        let phrases: Vec<String> =
            s.boilerplate.split('|').filter(|phrase| !phrase.is_empty()).map(String::from).collect();
        let sieve = Phrases::new(phrases.iter().map(String::as_str).chain([LOREM_IPSUM]));
        let (xml, html) = (s.min_xml_header_at.into(), s.min_html_text_chars.into());
        let rules = vec![
            Rule::at_most("alpha_numeric", "max_non_alphanumeric", s.max_non_alphanumeric).within(1.0)?,
            Rule::at_most("numbers_ratio", "max_digits", s.max_digits).within(1.0)?,
            Rule::at_most("urls_ratio", "max_url_chars", s.max_url_chars).within(1.0)?,
            Rule::at_most("white_space", "max_white_space", s.max_white_space).within(1.0)?,
            Rule::at_most("parentheses_ratio", "max_parentheses", s.max_parentheses).within(1.0)?,
            Rule::at_most("boilerplate_string_ratio", "max_boilerplate", s.max_boilerplate).within(1.0)?,
            Rule::at_most("punctuation", "max_unended_lines", s.max_unended_lines).within(1.0)?,
            Rule::at_least("xml_header", "min_xml_header_at", xml).within(f64::MAX)?,
            Rule::at_least("alpha_filter", "min_letters", s.min_letters).within(1.0)?,
            Rule::at_least("html_few_chars", "min_html_text_chars", html).within(f64::MAX)?,
            Rule::at_least("html_boilerplate", "min_html_text", s.min_html_text).within(1.0)?,
        ];
        Ok(Self { is_unicode, line_ends: Ends::new(&settings.line_ends), phrases, sieve, rules })
    }
}

impl Filter for CharRules {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        Ok(documents.iter().flat_map(|document| self.values(document)).collect())
    }
}

impl CharRules {
    fn verdict(&mut self, document: &str) -> Verdict {
        let values = self.values(document);
        let verdict = Rule::verdict(&self.rules, &values);
        let spans = match verdict.reason.as_str() {
            "urls_ratio" => urls(document).take(MAX_SPANS).map(|url| span(url.start, url.end)).collect(),
            "boilerplate_string_ratio" => {
                let phrases = self.phrases.iter().map(String::as_str).chain([LOREM_IPSUM]).collect::<Vec<_>>();
                let found = boilerplate(document, &phrases).take(MAX_SPANS);
                found.map(|paragraph| span(paragraph.start, paragraph.end)).collect()
            }
            "xml_header" => {
                let start = document.find(XML_HEADER).unwrap_or_default();
                vec![span(start, start + XML_HEADER.len())]
            }
            _ => Vec::new(),
        };
        Verdict { spans, ..verdict }
    }

    /// The values that the rules compare.
    fn values(&mut self, document: &str) -> [f64; 11] {
        let counts = Counts::of(document, self.is_unicode);
        // an empty document breaks every rule
        let share = |part: usize| if counts.n_chars == 0 { 1.0 } else { part as f64 / counts.n_chars as f64 };
        let url_chars = if counts.n_colons == 0 { 0 } else { urls(document).map(|url| url.len()).sum() };
        let (n_lines, n_ended) = lines(document, &self.line_ends);
        // where there is none, nothing is looked for
        let marked_up = if counts.n_angles == 0 { "" } else { document };
        let xml = memchr::memmem::find(marked_up.as_bytes(), XML_HEADER.as_bytes());
        let xml = xml.map(|start| count_chars(&document[..start]) + XML_HEADER.len() - 1);
        let html = visible_chars(marked_up);
        [
            share(counts.n_chars - counts.n_alphanumeric),
            share(counts.n_digits),
            share(url_chars),
            share(counts.n_spaces),
            share(counts.n_parentheses),
            self.boilerplate_share(document),
            (n_lines - n_ended) as f64 / n_lines as f64,
            xml.map_or(f64::NAN, |at| at as f64),
            if counts.n_chars == 0 { f64::NAN } else { share(counts.n_letters) },
            html.map_or(f64::NAN, |n| n as f64),
            html.map_or(f64::NAN, share),
        ]
    }

    fn boilerplate_share(&mut self, document: &str) -> f64 {
        if !self.sieve.may_be_in(document) {
            return 0.0;
        }
        if document.to_lowercase().contains(LOREM_IPSUM) {
            return 1.0;
        }
        let phrases: Vec<&str> = self.phrases.iter().map(String::as_str).collect();
        boilerplate(document, &phrases).count() as f64 / document.split("\n\n").count() as f64
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

trainyard_plugin::export!(measured_filter "char-rules" = CharRules, abilities = ["idempotent"]);

#[cfg(test)]
mod tests;
