//! Words as bags of features: what they are, how they are written, and their neighbours. What a conditional random
//! field without a network before it reads (Lafferty et al. 2001).
//!
//! The features are those of CRFsuite's example for named entities (python-crfsuite, `word2features`), the first
//! letters of a word, and its pairs with neighbours. Each becomes one of a fixed number of columns by its hash
//! (Weinberger et al., arXiv 0902.2206).

use crate::feed::batch::Text;
use trainyard_plugin::Vocabulary;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How words become features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordFeatures {
    /// Bytes of each token.
    tokens: Vec<Vec<u8>>,
    buckets: u32,
}

/// What is asked of a word; its number makes equal answers to different questions different features.
#[derive(Debug, Clone, Copy)]
enum Feature {
    Any,
    Lower,
    Prefix,
    Suffix,
    Shape,
    Upper,
    Title,
    Digit,
    Pair,
}

/// Place of a neighbour: words before and behind, which have fewer features than the word itself.
const NEIGHBOURS: [isize; 4] = [-2, -1, 1, 2];

/// Longest prefix and suffix that are features, in characters.
const AFFIX: usize = 3;

impl WordFeatures {
    /// Features in `buckets` columns, of words written with tokens of `vocabulary`.
    pub fn new(vocabulary: &Vocabulary, buckets: u32) -> Self {
        Self { tokens: vocabulary.tokens.clone(), buckets }
    }

    /// How many columns there are.
    pub fn n(&self) -> usize {
        self.buckets as usize
    }

    /// The text of a word, without the space before it.
    pub(super) fn word(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().filter_map(|&id| self.tokens.get(id as usize)).flatten().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    /// The features of each of `words`, as texts of their own; at most `context` of a word.
    pub(super) fn texts(&self, words: &[String], context: usize) -> impl Iterator<Item = Text> {
        let of = move |place: usize| {
            let mut ids = Vec::with_capacity(32);
            let mut add = |neighbour: isize, feature: Feature, value: &str| {
                let seed = (neighbour as u64) << 8 | feature as u64;
                ids.push((xxh3_64_with_seed(value.as_bytes(), seed) % u64::from(self.buckets)) as u32);
            };
            add(0, Feature::Any, "");
            own(&words[place], &mut |feature, value| add(0, feature, value));
            for neighbour in NEIGHBOURS {
                match place.checked_add_signed(neighbour).and_then(|at| words.get(at)) {
                    Some(word) => {
                        written(word, &mut |feature, value| add(neighbour, feature, value));
                        if neighbour.abs() == 1 {
                            let pair = format!("{} {}", words[place].to_lowercase(), word.to_lowercase());
                            add(neighbour, Feature::Pair, &pair);
                        }
                    }
                    // the border of the text
                    None => add(neighbour, Feature::Any, ""),
                }
            }
            ids.truncate(context);
            Text::new(ids)
        };
        (0..words.len()).map(of)
    }
}

/// The features that a word has by itself.
fn own(word: &str, add: &mut impl FnMut(Feature, &str)) {
    written(word, add);
    add(Feature::Shape, &shape(word));
    let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).collect();
    for n in 1..=AFFIX.min(starts.len()) {
        add(Feature::Prefix, starts.get(n).map_or(word, |&end| &word[..end]));
        add(Feature::Suffix, &word[starts[starts.len() - n]..]);
    }
}

/// The features that a word has as a neighbour too.
fn written(word: &str, add: &mut impl FnMut(Feature, &str)) {
    add(Feature::Lower, &word.to_lowercase());
    let mut chars = word.chars();
    let is_title = chars.next().is_some_and(char::is_uppercase) && !chars.any(char::is_uppercase);
    let is_upper = word.chars().any(char::is_uppercase) && !word.chars().any(char::is_lowercase);
    for (feature, has) in [
        (Feature::Title, is_title),
        (Feature::Upper, is_upper),
        (Feature::Digit, !word.is_empty() && word.chars().all(char::is_numeric)),
    ] {
        add(feature, if has { "yes" } else { "no" });
    }
}

/// A word with `X` for large letters, `x` for other letters and `0` for digits, runs of which are one.
fn shape(word: &str) -> String {
    let mut shape = String::new();
    for char in word.chars() {
        let kind = match char {
            _ if char.is_uppercase() => 'X',
            _ if char.is_alphabetic() => 'x',
            _ if char.is_numeric() => '0',
            sign => sign,
        };
        if !shape.ends_with(kind) {
            shape.push(kind);
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(buckets: u32) -> WordFeatures {
        let tokens = (0..=255u8).map(|byte| vec![byte]).collect();
        WordFeatures::new(&Vocabulary { tokens, specials: Vec::new() }, buckets)
    }

    fn ids(words: &[&str]) -> Vec<Vec<u32>> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        features(1 << 24).texts(&words, 100).map(|text| text.ids).collect()
    }

    #[test]
    fn words_are_what_their_tokens_say() {
        let ids: Vec<u32> = " caf\u{e9}".bytes().map(u32::from).collect();
        assert_eq!(features(8).word(&ids), "caf\u{e9}");
    }

    #[test]
    fn shapes_have_one_sign_for_a_run() {
        for (word, expected) in [("Anna", "Xx"), ("U.S.", "X.X."), ("2026-11", "0-0"), ("x", "x"), ("", "")] {
            assert_eq!(shape(word), expected, "{word}");
        }
    }

    #[test]
    fn a_word_has_the_features_of_itself_and_of_its_neighbours() {
        let in_a_text = ids(&["the", "city", "of", "Bonn", "is", "old"]);
        // 1, 4 as written, the shape, 3 prefixes, 3 suffixes, 4 of each neighbour, 2 pairs
        assert_eq!(in_a_text[3].len(), 1 + 4 + 1 + 6 + 16 + 2);
        // the border of the text is one
        assert_eq!(in_a_text[0].len(), 1 + 4 + 1 + 6 + 1 + 1 + 8 + 1);
        let other = ids(&["a", "city", "of", "Bonn", "is", "old"]);
        assert_eq!(in_a_text[3], other[3], "words further away do not count");
        assert_ne!(in_a_text[2], ids(&["a", "town", "of", "Bonn", "is", "old"])[2]);
        // a prefix is no suffix, and a neighbour before is none behind
        let mut of_word = ids(&["aa"])[0].clone();
        of_word.sort_unstable();
        of_word.dedup();
        assert_eq!(of_word.len(), ids(&["aa"])[0].len());
        assert_ne!(ids(&["x", "y"])[1], ids(&["y", "x"])[0]);
    }

    #[test]
    fn features_stay_within_their_columns() {
        for text in features(7).texts(&["Zo\u{eb}".to_owned(), String::new()], 9) {
            assert!(text.ids.len() <= 9 && text.ids.iter().all(|&id| id < 7));
        }
    }
}
