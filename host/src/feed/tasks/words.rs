//! The words of a text, each with its tag: what tags are learnt of, and written for.

use super::fields::wrong;
use crate::Result;
use crate::corpus::{Document, TAGS, Tags, word_ranges};
use std::ops::Range;

/// A stretch of text that has one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Whether a space is before it.
    pub spaced: bool,
}

/// A stretch of text with a name, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What it is.
    pub name: String,
}

/// The tag of what has none.
pub const OUTSIDE: &str = "O";

impl Word {
    /// The text that a tokenizer gets: with the space that is before it, which is part of some tokens.
    pub fn text(&self, text: &str) -> String {
        let space = if self.spaced { " " } else { "" };
        format!("{space}{}", &text[self.range.clone()])
    }
}

/// The words of a text: what is between white space, with a border at each of `borders` and around each character of
/// writing without spaces and each sign.
pub fn words(text: &str, borders: &[usize]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let (mut open, mut spaced) = (false, false);
    for (at, char) in text.char_indices() {
        if char.is_whitespace() {
            (open, spaced) = (false, true);
            continue;
        }
        let is_alone = !char.is_alphanumeric() && char != '_' || is_unspaced(char);
        match words.last_mut() {
            Some(word) if open && !is_alone && !borders.contains(&at) => word.range.end = at + char.len_utf8(),
            _ => words.push(Word { range: at..at + char.len_utf8(), spaced: std::mem::take(&mut spaced) }),
        }
        open = !is_alone;
    }
    words
}

/// Whether a character is of a writing that has no spaces between words.
pub(super) fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of a document, which may have no tags.
pub fn document_words(document: &Document) -> Vec<Word> {
    tagged(document).map_or_else(|_| words(document.text(), &[]), |(words, _)| words)
}

/// The words of a document with their tags: those of its list of tags, or of the spans that it has.
///
/// # Errors
/// A document without tags, as many tags as it has not words.
pub fn tagged(document: &Document) -> Result<(Vec<Word>, Vec<String>)> {
    let text = document.text();
    match document.tags() {
        None => Err(wrong(document, TAGS, "expected tags or spans, got none; name their field in [data.fields] tags")),
        Some(Tags::Words(tags)) => {
            let word = |range: Range<usize>| Word { spaced: range.start > 0, range };
            let words: Vec<_> = word_ranges(text).into_iter().map(word).collect();
            match words.len() == tags.len() {
                true => Ok((words, tags)),
                false => {
                    let what = format!("expected a tag for each of {} words, got {}", words.len(), tags.len());
                    Err(wrong(document, TAGS, &what))
                }
            }
        }
        Some(spans) => {
            let spans = spans.ranges(text);
            let borders: Vec<_> = spans.iter().flat_map(|(range, _)| [range.start, range.end]).collect();
            let words = words(text, &borders);
            let mut last = None;
            let tag = |word: &Word| {
                let is_around =
                    |(range, _): &(Range<usize>, _)| range.start <= word.range.start && word.range.end <= range.end;
                let span = spans.iter().position(is_around);
                let form = if span.is_some() && span == last { "I" } else { "B" };
                last = span;
                span.map_or(OUTSIDE.to_owned(), |span| format!("{form}-{}", spans[span].1))
            };
            let tags = words.iter().map(tag).collect();
            Ok((words, tags))
        }
    }
}

/// The spans that BIO tags of words mean; an I without its B begins one, as seqeval and conlleval read it.
pub fn spans(words: &[Word], tags: &[&str]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut is_open = false;
    for (word, tag) in words.iter().zip(tags) {
        let Some((form, name)) = tag.split_once('-') else {
            is_open = false;
            continue;
        };
        match spans.last_mut() {
            Some(span) if is_open && form != "B" && span.name == name => span.range.end = word.range.end,
            _ => spans.push(Span { range: word.range.clone(), name: name.to_owned() }),
        }
        is_open = true;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, tags: &str) -> Document {
        let metadata = Some(format!("{{\"tags\": {tags}}}"));
        Document { id: "a:1".into(), content: text.into(), metadata, ..Document::default() }
    }

    #[test]
    fn tags_of_words_and_of_spans_agree() {
        let (words, tags) =
            tagged(&document("EU rejects German call", r#"["B-ORG", "O", "B-MISC", "O"]"#)).expect("ok");
        assert_eq!((words.len(), tags[2].as_str()), (4, "B-MISC"));
        assert_eq!(words[2].text("EU rejects German call"), " German");
        let (words, tags) =
            tagged(&document("New York, 北京。", r#"[[0, 8, "LOC"], {"start": 10, "end": 12, "label": "LOC"}]"#))
                .expect("ok");
        assert_eq!(tags, ["B-LOC", "I-LOC", "O", "B-LOC", "I-LOC", "O"]);
        let tags: Vec<_> = tags.iter().map(String::as_str).collect();
        let ranges: Vec<_> = spans(&words, &tags).into_iter().map(|span| span.range).collect();
        assert_eq!(ranges, [0..8, 10..16]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |text, tags| tagged(&document(text, tags)).expect_err("an error").to_string();
        assert_eq!(error("a b", r#"["O"]"#), "document \"a:1\": tags: expected a tag for each of 2 words, got 1");
        assert!(error("a b", "null").contains("expected tags or spans, got none"));
    }
}
