//! The values of the rules, measured in one pass over the words and one over the lines, without allocating.

use crate::stop_words::StopWords;
use std::ops::Range;
use trainyard_text::bytes::count_bytes;
use trainyard_text::chars::{is_letter, is_punctuation, is_space};
use trainyard_text::{Words, count_chars, parts};

/// Counts over the words of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordCounts {
    /// All words.
    pub n: u64,
    /// Their characters.
    pub n_chars: u64,
    /// Words other than punctuation.
    pub n_plain: u64,
    /// The characters of these words.
    pub n_plain_chars: u64,
    /// Words with a letter.
    pub n_alphabetic: u64,
    /// Words that are stop words, each as often as it occurs.
    pub n_stop_words: u64,
    /// Different stop words.
    pub n_distinct_stop_words: u64,
}

impl WordCounts {
    /// Counts the words of a document. `seen` is memory to work in.
    pub fn count(text: &str, words: Words, stop_words: &StopWords, seen: &mut Vec<bool>) -> Self {
        seen.clear();
        seen.resize(stop_words.len(), false);
        let [mut n, mut n_chars, mut n_plain, mut n_plain_chars, mut n_alphabetic, mut n_stop_words] = [0u64; 6];
        let is_ascii = text.is_ascii();
        for Range { start, end } in words.bounds(text) {
            let length = if is_ascii { (end - start) as u64 } else { count_chars(&text[start..end]) as u64 };
            n += 1;
            n_chars += length;
            let (is_plain, has_letter) = match text.as_bytes()[start].is_ascii_alphabetic() {
                true => (true, true),
                false => kinds(&text[start..end]),
            };
            n_plain += u64::from(is_plain);
            n_plain_chars += if is_plain { length } else { 0 };
            n_alphabetic += u64::from(has_letter);
            if let Some(i) = stop_words.find(text.as_bytes(), start, end) {
                n_stop_words += 1;
                seen[i] = true;
            }
        }
        let n_distinct_stop_words = seen.iter().filter(|&&seen| seen).count() as u64;
        Self { n, n_chars, n_plain, n_plain_chars, n_alphabetic, n_stop_words, n_distinct_stop_words }
    }
}

/// Whether a word is more than punctuation, and whether it contains a letter.
fn kinds(word: &str) -> (bool, bool) {
    let (mut is_plain, mut has_letter) = (false, false);
    for char in word.chars() {
        // letters are no punctuation, and what is known is not looked up again
        has_letter = has_letter || is_letter(char);
        is_plain = is_plain || has_letter || !is_punctuation(char);
        if has_letter {
            break;
        }
    }
    (is_plain, has_letter)
}

/// Counts over the lines of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// All lines, blank ones too.
    pub n: u64,
    /// Lines that start with a bullet.
    pub n_bullets: u64,
    /// Lines that end in an ellipsis.
    pub n_ellipses: u64,
}

impl LineCounts {
    /// Counts lines as split by Python's `str.splitlines`, without white space at their ends; bullets are `•` and `-`,
    /// ellipses `...` and `…`.
    pub fn count(text: &str) -> Self {
        let mut lines = Self::default();
        for line in trainyard_text::lines(text) {
            lines.n += 1;
            lines.n_bullets += u64::from(line.trim_start_matches(is_space).starts_with(['•', '-']));
            let line = line.trim_end_matches(is_space);
            lines.n_ellipses += u64::from(line.ends_with("...") || line.ends_with('…'));
        }
        lines
    }

    /// Counts lines as in Dolma: they end only in `\n` and white space counts; bullets are `*` and `-`, the ellipsis is
    /// `…`.
    pub fn count_as_dolma(text: &str) -> Self {
        let mut lines = Self::default();
        for line in parts(text) {
            lines.n += 1;
            lines.n_bullets += u64::from(line.starts_with(['*', '-']));
            lines.n_ellipses += u64::from(line.ends_with('…'));
        }
        lines
    }
}

/// Counts the hash signs in a document.
pub fn count_hashes(text: &str) -> u64 {
    count_bytes(text.as_bytes(), |byte| byte == b'#') as u64
}

/// Counts the ellipses in a document, of three dots or one character; six dots are two.
pub fn count_ellipses(text: &str) -> u64 {
    (trainyard_text::count(text, "...") + trainyard_text::count(text, "…")) as u64
}

/// Counts the words with `#` or `…`, as Dolma does.
pub fn count_symbol_words(text: &str, words: Words) -> u64 {
    words.split(text).filter(|word| word.contains(['#', '…'])).count() as u64
}

/// Returns the median length of the words in characters; not a number without words.
pub fn median_word_length(text: &str, words: Words) -> f64 {
    let mut lengths: Vec<u64> = words.split(text).map(|word| count_chars(word) as u64).collect();
    lengths.sort_unstable();
    match lengths.len() {
        0 => f64::NAN,
        n => (lengths[(n - 1) / 2] + lengths[n / 2]) as f64 / 2.0,
    }
}

/// Returns the quotient; not a number if the divisor is 0, so that no rule is broken.
pub fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> WordCounts {
        let stop_words = StopWords::new(&["be", "to", "with", "the", "of"].map(String::from));
        WordCounts::count(text, Words::Whitespace, &stop_words, &mut vec![true; 9])
    }

    #[test]
    fn words() {
        let words = count(" to\u{3000}be, THE … 42\u{1c}中文。 e\u{301} Ⅳ ⓐ\u{a0}-- ");
        assert_eq!((words.n, words.n_plain, words.n_alphabetic), (10, 8, 5));
        // to, be,  THE, 42, 中文。, é, Ⅳ, ⓐ
        assert_eq!(words.n_plain_chars, 2 + 3 + 3 + 2 + 3 + 2 + 1 + 1);
        assert_eq!(words.n_chars, words.n_plain_chars + 1 + 2);
        assert_eq!((words.n_stop_words, words.n_distinct_stop_words), (1, 1));
        let words = count("with with the the\nof");
        assert_eq!((words.n_stop_words, words.n_distinct_stop_words), (5, 3));
        for blank in ["", " ", "\r\n\u{2028}\u{1f}"] {
            assert_eq!(count(blank).n, 0);
        }
    }

    #[test]
    fn lines() {
        let count = |text| {
            let lines = LineCounts::count(text);
            (lines.n, lines.n_bullets, lines.n_ellipses)
        };
        assert_eq!(count(""), (0, 0, 0));
        assert_eq!(count("\n"), (1, 0, 0));
        assert_eq!(count("a\r\nb\rc\n\nd"), (5, 0, 0));
        assert_eq!(count("\u{3000}• a...\t\n- b…\u{1c}* c....\u{85}… d"), (4, 2, 3));
        assert_eq!(count("-\u{2029}\u{c}"), (2, 1, 0));
        let expected = LineCounts { n: 4, n_bullets: 2, n_ellipses: 1 };
        assert_eq!(LineCounts::count_as_dolma("* a…\n- b...\n -c… \n"), expected);
    }

    #[test]
    fn symbols() {
        assert_eq!(count_hashes("# a#b ＃"), 2);
        assert_eq!(count_ellipses("a.... b...... c… .."), 4);
        assert_eq!(count_symbol_words("## a… b... c#d", Words::Whitespace), 3);
        assert!(ratio(0, 0).is_nan());
    }

    #[test]
    fn medians() {
        assert_eq!(median_word_length("éa abc a abcdefg", Words::Whitespace), 2.5);
        assert_eq!(median_word_length("a abc 中文字", Words::Whitespace), 3.0);
        assert!(median_word_length(" ", Words::Whitespace).is_nan());
    }
}
