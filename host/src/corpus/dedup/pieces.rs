//! Lines and paragraphs of a text, and the text without some of them.

use super::config::Exact;
use super::signature::is_blank;
use std::ops::Range;

/// The lines or paragraphs of a text, as byte ranges that cover it: a line with its end, a paragraph with the blank
/// lines behind it. None for other levels.
pub(super) fn pieces(text: &str, level: Exact) -> impl Iterator<Item = Range<usize>> {
    let mut lines = text.split_inclusive('\n').peekable();
    let mut start = 0;
    std::iter::from_fn(move || {
        if matches!(level, Exact::None | Exact::Document) {
            return None;
        }
        let first = lines.next()?;
        let mut end = start + first.len();
        if level == Exact::Paragraph {
            // text up to a blank line, then all blank lines
            let mut is_over = is_blank(first);
            while let Some(line) = lines.next_if(|line| !is_over || is_blank(line)) {
                is_over |= is_blank(line);
                end += line.len();
            }
        }
        let piece = start..end;
        start = end;
        Some(piece)
    })
}

/// A text without its pieces of the given numbers, in rising order, and the byte ranges that were cut, neighbours
/// joined.
pub(super) fn cut(text: &str, level: Exact, numbers: &[u32]) -> (String, Vec<Range<usize>>) {
    let (mut left, mut spans) = (String::with_capacity(text.len()), Vec::<Range<usize>>::new());
    let mut numbers = numbers.iter().peekable();
    for (number, range) in (0..).zip(pieces(text, level)) {
        if numbers.next_if_eq(&&number).is_none() {
            left.push_str(&text[range]);
            continue;
        }
        match spans.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => spans.push(range),
        }
    }
    (left, spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, level: Exact) -> Vec<&str> {
        pieces(text, level).map(|range| &text[range]).collect()
    }

    #[test]
    fn pieces_cover_the_text() {
        assert_eq!(split("a\r\nb\n\nc", Exact::Line), ["a\r\n", "b\n", "\n", "c"]);
        assert_eq!(split("a\nb\n \n\nc\n\r\nd", Exact::Paragraph), ["a\nb\n \n\n", "c\n\r\n", "d"]);
        assert_eq!(split("\n\na\n", Exact::Paragraph), ["\n\n", "a\n"]);
        for level in [Exact::Line, Exact::Paragraph] {
            assert_eq!(split("", level), [""; 0]);
        }
        assert_eq!(split("a", Exact::Document), [""; 0]);
    }

    #[test]
    fn neighbours_are_one_span() {
        let (left, spans) = cut("a\nb\nc\nd", Exact::Line, &[0, 1, 3]);
        assert_eq!((left.as_str(), spans), ("c\n", vec![0..4, 6..7]));
    }
}
