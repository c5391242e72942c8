//! Filter `badwords`: drops documents that contain words from a list. You provide the list: none is included.
//!
//! The rules are those of C4 (Raffel et al. 2020, arXiv 1910.10683; `C4BadWordsFilter` of datatrove 0.10): text and
//! list are compared in lower case; an entry, which may be several words, must not touch letters, digits or
//! underscores. In Japanese, Thai and Chinese (`language = "ja"`, `"th"`, `"zh"`), which have no spaces, it may be
//! anywhere; `allow` then holds longer texts in which an entry is harmless. An entry that is itself in `allow` is
//! switched off.
//!
//! A document with more than `max` of them is dropped for `badwords_found`; the score is their number, the spans are
//! their places (none when lower case changes the length of the text).

mod list;

use list::BadWords;
use trainyard_plugin::{Create, Filter, Result, Rule, SPANS_MAX, Span, Verdict, config};

config! {
    /// Settings of `badwords`.
    pub struct Settings {
        /// the words and phrases
        list: Vec<String> = [],
        /// texts in which they are harmless
        allow: Vec<String> = [],
        /// language of the documents; ja, th and zh need no spaces around the words
        language: String = "en",
        /// maximum number of bad words in a document
        max: u32 = 0u32,
    }
}

/// The filter.
pub struct Badwords {
    words: BadWords,
    max: u32,
}

impl Create for Badwords {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let is_anywhere = matches!(settings.language.as_str(), "ja" | "th" | "zh");
        Ok(Self { words: BadWords::new(&settings.list, &settings.allow, is_anywhere)?, max: settings.max })
    }
}

impl Filter for Badwords {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        vec![Rule::at_most("badwords_found", "max", self.max.into())]
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        Ok(documents.iter().map(|document| self.find(document).0.into()).collect())
    }
}

impl Badwords {
    fn verdict(&self, document: &str) -> Verdict {
        let (n, spans) = self.find(document);
        match n <= self.max {
            true => Verdict::keep(),
            false => Verdict { spans, ..Verdict::drop("badwords_found").score(n.into()) },
        }
    }

    /// Returns the number of bad words in a document, and their places.
    fn find(&self, document: &str) -> (u32, Vec<Span>) {
        // the fast way for a list in ASCII: other characters that become ASCII in lower case are the Kelvin sign and İ
        let lower = if self.words.is_ascii { document.to_ascii_lowercase() } else { document.to_lowercase() };
        let (mut n, mut spans) = (0u32, Vec::new());
        self.words.find(&lower, |start, end| {
            n += 1;
            if let (true, Ok(start), Ok(end)) = (spans.len() < SPANS_MAX, u32::try_from(start), u32::try_from(end)) {
                spans.push(Span { start, end });
            }
        });
        if lower.len() != document.len() {
            spans.clear();
        }
        (n, spans)
    }
}

trainyard_plugin::export!(measured_filter "badwords" = Badwords, abilities = ["idempotent"]);

#[cfg(test)]
mod tests;
