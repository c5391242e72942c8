//! How a cleaner rewrites a document.

use crate::{Span, Verdict};
use std::ops::Range;

/// Most changes of one document that a verdict points at: beyond them the count says more than the list.
pub const SPANS_MAX: usize = 1000;

/// A document that is rewritten from its beginning to its end, one piece after the other.
///
/// Nothing is copied before the first change, so that a document that stays as it is costs nothing.
///
/// ```
/// use trainyard_plugin::{Rewrite, Verdict};
///
/// let mut rewrite = Rewrite::new("5 &lt; 7");
/// rewrite.replace(2..6, "<");
/// let verdict = rewrite.verdict("example_entities");
/// assert_eq!(verdict.text.as_deref(), Some("5 < 7"));
/// assert_eq!(verdict.score, Some(1.0));
/// assert_eq!(Rewrite::new("5 < 7").verdict("example_entities"), Verdict::keep());
/// ```
#[derive(Debug, Clone)]
pub struct Rewrite<'a> {
    document: &'a str,
    text: String,
    /// Bytes of the document that `text` accounts for.
    done: usize,
    spans: Vec<Span>,
    n_changes: u64,
}

impl<'a> Rewrite<'a> {
    /// Begins with a document as it is.
    pub fn new(document: &'a str) -> Self {
        Self { document, text: String::new(), done: 0, spans: Vec::new(), n_changes: 0 }
    }

    /// Puts `with` in the place of a range of bytes of the document, at or behind the range before.
    ///
    /// # Panics
    ///
    /// When the range begins before the end of the last one, or is not on the boundaries of characters.
    pub fn replace(&mut self, range: Range<usize>, with: &str) {
        if self.n_changes == 0 {
            self.text.reserve(self.document.len());
        }
        self.text.push_str(&self.document[self.done..range.start]);
        self.text.push_str(with);
        self.done = range.end;
        self.n_changes += 1;
        if let (true, Ok(start), Ok(end)) =
            (self.spans.len() < SPANS_MAX, u32::try_from(range.start), u32::try_from(range.end))
        {
            self.spans.push(Span { start, end });
        }
    }

    /// Takes a range of bytes out of the document; panics as [`Self::replace`] does.
    pub fn remove(&mut self, range: Range<usize>) {
        self.replace(range, "");
    }

    /// How many pieces were replaced.
    pub fn n_changes(&self) -> u64 {
        self.n_changes
    }

    /// The document as it is now.
    pub fn text(mut self) -> String {
        self.text.push_str(&self.document[self.done..]);
        self.text
    }

    /// Keeps the document: as it is when nothing was replaced, else rewritten for the reason `reason`, with the number
    /// of changes as the score and the places of the first [`SPANS_MAX`] as spans.
    pub fn verdict(mut self, reason: &str) -> Verdict {
        if self.n_changes == 0 {
            return Verdict::keep();
        }
        let (spans, score) = (std::mem::take(&mut self.spans), self.n_changes as f64);
        Verdict { reason: reason.into(), spans, ..Verdict::rewrite(self.text()).score(score) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_change_and_the_rest_stays() {
        let mut rewrite = Rewrite::new("añb中c");
        rewrite.remove(0..1);
        rewrite.replace(1..3, "n");
        rewrite.replace(4..7, "文字");
        rewrite.replace(8..8, "!");
        assert_eq!(rewrite.n_changes(), 4);
        let verdict = rewrite.clone().verdict("because");
        assert_eq!(verdict.text.as_deref(), Some("nb文字c!"));
        assert_eq!((verdict.keep, verdict.reason.as_str(), verdict.score), (true, "because", Some(4.0)));
        let spans: Vec<_> = verdict.spans.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(spans, [(0, 1), (1, 3), (4, 7), (8, 8)]);
        assert_eq!(rewrite.text(), "nb文字c!");
    }

    #[test]
    fn nothing_changes() {
        for document in ["", "\0", "añb"] {
            assert_eq!(Rewrite::new(document).verdict("because"), Verdict::keep());
            assert_eq!(Rewrite::new(document).text(), document);
        }
    }

    #[test]
    fn spans_are_limited_and_the_score_is_not() {
        let document = "a".repeat(3 * SPANS_MAX);
        let mut rewrite = Rewrite::new(&document);
        (0..document.len()).for_each(|i| rewrite.remove(i..i + 1));
        let verdict = rewrite.verdict("because");
        assert_eq!((verdict.spans.len(), verdict.score, verdict.text.as_deref()), (1000, Some(3000.0), Some("")));
    }
}
