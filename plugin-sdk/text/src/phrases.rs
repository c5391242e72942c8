//! Finds phrases in a text, in any case.

use memchr::memmem::Finder;

/// A sieve for texts that may contain one of some phrases.
pub struct Phrases {
    needles: Vec<Finder<'static>>,
    /// The text in lower case; the memory is reused.
    lower: Vec<u8>,
}

impl Phrases {
    /// Makes a sieve for phrases in lower case.
    pub fn new<'a>(phrases: impl IntoIterator<Item = &'a str>) -> Self {
        let phrases: Vec<&str> = phrases.into_iter().collect();
        // a long word stands for its phrase, the one that most phrases have: those about cookies are one search
        let n_phrases = |word: &str| phrases.iter().filter(|phrase| phrase.contains(word)).count();
        let needle = |phrase: &&'a str| {
            let words = phrase.rsplit(' ').filter(|word| word.len() > 5);
            words.max_by_key(|word| (n_phrases(word), word.len())).unwrap_or(phrase)
        };
        let mut needles: Vec<&str> = phrases.iter().map(needle).collect();
        needles.sort_by_key(|needle| needle.len());
        let mut kept: Vec<&str> = Vec::new();
        for needle in needles {
            if !kept.iter().any(|shorter| needle.contains(shorter)) {
                kept.push(needle);
            }
        }
        Self { needles: kept.into_iter().map(|needle| Finder::new(needle).into_owned()).collect(), lower: Vec::new() }
    }

    /// Whether one of the phrases may be in the text in lower case. The answer is yes for too many texts, but never no
    /// for one that contains a phrase.
    pub fn may_be_in(&mut self, text: &str) -> bool {
        self.lower.clear();
        self.lower.extend_from_slice(text.as_bytes());
        self.lower.make_ascii_lowercase();
        // characters whose lower case is ASCII, or holds it
        let has_others = || !text.is_ascii() && ["\u{130}", "\u{212a}"].into_iter().any(|char| count(text, char) > 0);
        self.needles.iter().any(|needle| needle.find(&self.lower).is_some()) || has_others()
    }
}

/// Counts how often a text occurs in another, without overlap.
pub fn count(text: &str, part: &str) -> usize {
    memchr::memmem::find_iter(text.as_bytes(), part.as_bytes()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_misses_a_phrase() {
        let mut phrases = Phrases::new(["terms of use", "cookie policy", "uses cookies", "{"]);
        assert_eq!(phrases.needles.len(), 3);
        for text in ["the TERMS of Use", "Cookie Policy", "it uses cookies", "a{", "cooKies", "\u{130}"] {
            assert!(phrases.may_be_in(text), "{text}");
        }
        for text in ["", "terms of us", "cooki", "中文é"] {
            assert!(!phrases.may_be_in(text), "{text}");
        }
        assert!(!Phrases::new([]).may_be_in("any text"));
    }
}
