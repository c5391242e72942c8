//! Documents as examples: an excerpt that fits on a line, chosen by the document's id alone.

use crate::corpus::Judged;
use serde::Serialize;
use trainyard_plugin::{Span, Verdict};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Characters of a document's start.
const START_CHARS: usize = 80;
/// Characters on either side of a span.
const AROUND_CHARS: usize = 40;
/// Characters of a span itself.
const SPAN_CHARS: usize = 160;
/// Spans of one document.
const SPANS: usize = 5;
/// Keeps the choice apart from other uses of the same hash. ("examples" in ASCII.)
const SEED: u64 = 0x6578_616d_706c_6573;

/// One document as an example.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// Its first characters, on one line.
    pub start: String,
    /// The value that was compared with the limit.
    pub score: Option<f64>,
    /// Where in it the reason lies.
    pub spans: Vec<Excerpt>,
    /// Examples are those with the smallest: any part of the corpus chooses alike, in any order.
    #[serde(skip)]
    order: u64,
}

/// A part of a document with what stands around it, on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What stands before it.
    pub before: String,
    /// The part itself, shortened in its middle.
    pub text: String,
    /// What stands behind it.
    pub after: String,
}

impl Sample {
    pub(super) fn new(judged: &Judged, verdict: &Verdict) -> Self {
        let text = &judged.document.text;
        Self {
            id: judged.document.id.clone(),
            start: line(&clip(text, START_CHARS)),
            score: verdict.score,
            spans: excerpts(text, &verdict.spans),
            order: order(&judged.document.id),
        }
    }
}

fn order(id: &str) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), SEED)
}

/// Examples: a fixed number of documents, as many as were seen if these are fewer.
#[derive(Debug, Clone)]
pub struct Samples {
    max: usize,
    samples: Vec<Sample>,
}

impl Samples {
    pub fn new(max: usize) -> Self {
        Self { max, samples: Vec::new() }
    }

    pub fn add(&mut self, judged: &Judged, verdict: &Verdict) {
        let is_wanted = match self.samples.last() {
            Some(last) if self.samples.len() == self.max => order(&judged.document.id) < last.order,
            _ => self.max > 0,
        };
        if is_wanted {
            self.insert(Sample::new(judged, verdict));
        }
    }

    pub fn merge(&mut self, other: Self) {
        other.samples.into_iter().for_each(|sample| self.insert(sample));
    }

    pub fn into_vec(self) -> Vec<Sample> {
        self.samples
    }

    fn insert(&mut self, sample: Sample) {
        let key = |sample: &Sample| (sample.order, sample.id.clone());
        let at = self.samples.partition_point(|other| key(other) < key(&sample));
        self.samples.insert(at, sample);
        self.samples.truncate(self.max);
    }
}

/// The spans with what stands around them; those that are no part of the text are left out.
pub fn excerpts(text: &str, spans: &[Span]) -> Vec<Excerpt> {
    let excerpt = |span: &Span| {
        let (start, end) = (span.start as usize, span.end as usize);
        let (inside, before, after) = (text.get(start..end)?, text.get(..start)?, text.get(end..)?);
        Some(Excerpt {
            start: span.start,
            end: span.end,
            before: line(&clip_start(before, AROUND_CHARS)),
            text: line(&clip(inside, SPAN_CHARS)),
            after: line(&clip(after, AROUND_CHARS)),
        })
    };
    spans.iter().filter_map(excerpt).take(SPANS).collect()
}

/// At most `n` characters from the start, with a mark where more was cut off.
pub fn clip(text: &str, n: usize) -> String {
    match text.char_indices().nth(n) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn clip_start(text: &str, n: usize) -> String {
    match text.char_indices().rev().nth(n.saturating_sub(1)) {
        Some((0, _)) | None => text.to_owned(),
        Some((start, _)) => format!("…{}", &text[start..]),
    }
}

/// On one line, without what could change a terminal.
pub fn line(text: &str) -> String {
    let visible = |char: char| match char {
        '\n' => '⏎',
        char if char.is_whitespace() => ' ',
        char if char.is_control() => '\u{fffd}',
        char => char,
    };
    text.chars().filter(|&char| char != '\r').map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Document;

    fn judged(id: &str, text: &str) -> Judged {
        let document = Document { id: id.into(), source: 0, text: text.into(), metadata: None };
        Judged { document, original: None, outcomes: Vec::new() }
    }

    #[test]
    fn excerpts_show_what_stands_around() {
        let text = format!("{}A\nB{}", "é".repeat(50), "中".repeat(60));
        let found =
            excerpts(&text, &[Span { start: 100, end: 103 }, Span { start: 1, end: 2 }, Span { start: 9, end: 999 }]);
        assert_eq!(found.len(), 1, "a span inside a character, and one past the end, are none");
        assert_eq!(found[0].text, "A⏎B");
        assert_eq!((found[0].before.chars().count(), found[0].after.chars().count()), (41, 41));
        assert_eq!(excerpts("ab", &[Span { start: 0, end: 2 }])[0].before, "");
        assert_eq!(line("a\r\n\u{1b}[2Jb\tc"), "a⏎\u{fffd}[2Jb c");
    }

    #[test]
    fn any_order_and_any_parts_choose_the_same() {
        let ids: Vec<_> = (0..100).map(|i| format!("doc-{i}")).collect();
        let of = |ids: &[String]| {
            let mut samples = Samples::new(3);
            ids.iter().for_each(|id| samples.add(&judged(id, id), &Verdict::drop("x")));
            samples
        };
        let whole = of(&ids).into_vec();
        assert_eq!(whole.len(), 3);
        let reversed: Vec<_> = ids.iter().rev().cloned().collect();
        assert_eq!(of(&reversed).into_vec(), whole);
        let mut parts = of(&ids[60..]);
        parts.merge(of(&ids[..60]));
        assert_eq!(parts.into_vec(), whole);
        let mut none = Samples::new(0);
        none.add(&judged("a", "a"), &Verdict::drop("x"));
        assert!(none.into_vec().is_empty());
    }
}
