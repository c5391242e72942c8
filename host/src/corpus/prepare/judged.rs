//! A document with what every filter said of it, and its form on disk.
//!
//! A record is, little-endian: source (u16), id, metadata, text, original (each a length as u64 and bytes; the last one
//! of length 2⁶⁴−1 when no filter rewrote the text), the number of outcomes (u32), and per outcome a kind (u8): 0 not
//! asked; 1 values, their number (u32), then each (f64); 2 a verdict: flags (u8: 1 keep, 2 rewrote, 4 score), score
//! (f64), reason, note, number of spans (u32), start and end of each (u32).

use crate::base::codec::{self, Field, read_n, read_text, write_bytes, write_count};
use crate::corpus::read::Document;
use crate::corpus::split::Split;
use crate::corpus::strata::Splitter;
use std::io::{self, Read, Write};
use trainyard_plugin::{Rule, Span, Verdict};

/// A document with what every filter of its source said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The document as the filters left it.
    pub document: Document,
    /// The text as it was read, when a filter rewrote it.
    pub original: Option<String>,
    /// One per filter that applies to the document's source, in the order of asking.
    pub outcomes: Vec<Outcome>,
}

/// What one filter said of one document.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing: an earlier verdict had dropped the document.
    NotAsked,
    /// What it measured, one value per rule: its limits decide.
    Values(Vec<f64>),
    /// Its verdict, without the text.
    Verdict {
        /// Keep or drop, reason, score and spans (of the text that the filter saw).
        verdict: Verdict,
        /// True when it rewrote the text.
        rewrote: bool,
        /// Id of the document that stays for this one (deduplication), or the reference (decontamination).
        note: Option<String>,
    },
}

impl Outcome {
    /// The verdict under the filter's rules as they are now; none when it was not asked.
    pub fn verdict(&self, rules: &[Rule]) -> Option<Verdict> {
        match self {
            Self::NotAsked => None,
            Self::Values(values) => Some(Rule::verdict(rules, values)),
            Self::Verdict { verdict, .. } => Some(verdict.clone()),
        }
    }

    /// Whether the filter rewrote the text.
    pub(crate) fn rewrote(&self) -> bool {
        matches!(self, Self::Verdict { rewrote: true, .. })
    }

    /// The id of the document that leads this one's duplicates, when they all stay.
    fn leader(&self) -> Option<&str> {
        match self {
            Self::Verdict { verdict, note, .. } if verdict.keep => note.as_deref(),
            _ => None,
        }
    }

    /// Whether the document goes.
    pub fn drops(&self, rules: &[Rule]) -> bool {
        match self {
            Self::NotAsked => false,
            Self::Values(values) => rules.iter().zip(values).any(|(rule, &value)| rule.is_broken_by(value)),
            Self::Verdict { verdict, .. } => !verdict.keep,
        }
    }
}

/// Why a document goes whose tags are of the text that it had.
pub(crate) const TAGS_LOST: &str = "tags do not fit the rewritten text";

const NO_ORIGINAL: u64 = u64::MAX;
const NOT_ASKED: u8 = 0;
const VALUES: u8 = 1;
const VERDICT: u8 = 2;
const KEEP: u8 = 1;
const REWROTE: u8 = 2;
const SCORE: u8 = 4;

impl Judged {
    /// A document that no filter saw yet.
    pub(crate) fn new(document: Document) -> Self {
        Self { document, original: None, outcomes: Vec::new() }
    }

    /// Gives the document a new text, and keeps the one that was read.
    pub(crate) fn rewrite(&mut self, text: String) {
        let before = std::mem::replace(&mut self.document.content, text.into());
        self.original.get_or_insert(before.into_text());
    }

    /// The document's split, see [`Splitter::of`].
    pub(crate) fn split(&self, splitter: &Splitter<'_>) -> Split {
        splitter.of(&self.document, self.leader())
    }

    /// The id of the document that leads this one's duplicates, when they all stay.
    pub(crate) fn leader(&self) -> Option<&str> {
        self.outcomes.iter().find_map(Outcome::leader)
    }

    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Document { id, source, content, metadata } = &self.document;
        source.write(out)?;
        for part in [id.as_str(), metadata.as_deref().unwrap_or_default(), content.text()] {
            write_bytes(out, part.as_bytes())?;
        }
        match &self.original {
            None => NO_ORIGINAL.write(out)?,
            Some(original) => write_bytes(out, original.as_bytes())?,
        }
        write_count(out, self.outcomes.len())?;
        self.outcomes.iter().try_for_each(|outcome| write_outcome(out, outcome))
    }

    /// The next record; none at the end.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut source = [0; 2];
        match input.read(&mut source[..1])? {
            0 => return Ok(None),
            _ => input.read_exact(&mut source[1..])?,
        }
        let id = read_text(input)?;
        let metadata = Some(read_text(input)?).filter(|metadata| !metadata.is_empty());
        let content = read_text(input)?.into();
        let original = match u64::read(input)? {
            NO_ORIGINAL => None,
            n_bytes => Some(codec::text(read_n(input, n_bytes)?)?),
        };
        let n_outcomes = u32::read(input)?;
        let outcomes = (0..n_outcomes).map(|_| read_outcome(input)).collect::<io::Result<_>>()?;
        let document = Document { id, source: u16::from_le_bytes(source), content, metadata };
        Ok(Some(Self { document, original, outcomes }))
    }
}

fn write_outcome(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    match outcome {
        Outcome::NotAsked => out.write_all(&[NOT_ASKED]),
        Outcome::Values(values) => {
            out.write_all(&[VALUES])?;
            write_count(out, values.len())?;
            values.iter().try_for_each(|value| value.write(out))
        }
        Outcome::Verdict { verdict, rewrote, note } => {
            let flag = |set: bool, flag: u8| if set { flag } else { 0 };
            let flags = flag(verdict.keep, KEEP) | flag(*rewrote, REWROTE) | flag(verdict.score.is_some(), SCORE);
            out.write_all(&[VERDICT, flags])?;
            verdict.score.unwrap_or_default().write(out)?;
            write_bytes(out, verdict.reason.as_bytes())?;
            write_bytes(out, note.as_deref().unwrap_or_default().as_bytes())?;
            write_count(out, verdict.spans.len())?;
            verdict.spans.iter().try_for_each(|span| {
                span.start.write(out)?;
                span.end.write(out)
            })
        }
    }
}

fn read_outcome(input: &mut impl Read) -> io::Result<Outcome> {
    match u8::read(input)? {
        NOT_ASKED => Ok(Outcome::NotAsked),
        VALUES => {
            let n_values = u32::read(input)?;
            let values = (0..n_values).map(|_| f64::read(input));
            Ok(Outcome::Values(values.collect::<io::Result<_>>()?))
        }
        VERDICT => {
            let flags = u8::read(input)?;
            let score = f64::read(input)?;
            let reason = read_text(input)?;
            let note = Some(read_text(input)?).filter(|note| !note.is_empty());
            let n_spans = u32::read(input)?;
            let span = |_| -> io::Result<Span> {
                let start = u32::read(input)?;
                Ok(Span { start, end: u32::read(input)? })
            };
            let spans = (0..n_spans).map(span).collect::<io::Result<_>>()?;
            let score = (flags & SCORE != 0).then_some(score);
            let verdict = Verdict { keep: flags & KEEP != 0, reason, score, text: None, spans };
            Ok(Outcome::Verdict { verdict, rewrote: flags & REWROTE != 0, note })
        }
        other => Err(io::Error::other(format!("kind of outcome {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let document = |id: &str, metadata: Option<&str>| Document {
            id: id.into(),
            source: 7,
            content: "text\0中".into(),
            metadata: metadata.map(Into::into),
        };
        let spans = vec![Span { start: 1, end: 3 }];
        let verdict = Verdict { keep: false, reason: "why".into(), score: Some(-0.5), text: None, spans };
        let records = [
            Judged::new(document("a", None)),
            Judged {
                document: document("", Some("{}")),
                original: Some(String::new()),
                outcomes: vec![
                    Outcome::Values(vec![1.5, f64::INFINITY]),
                    Outcome::Verdict { verdict, rewrote: false, note: Some("b".into()) },
                    Outcome::Verdict { verdict: Verdict::keep(), rewrote: true, note: None },
                    Outcome::NotAsked,
                ],
            },
        ];
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.write(&mut bytes).unwrap());
        let mut input = bytes.as_slice();
        for record in &records {
            assert_eq!(Judged::read(&mut input).unwrap().as_ref(), Some(record));
        }
        assert_eq!(Judged::read(&mut input).unwrap(), None);
        for n in 1..bytes.len() {
            let mut cut = &bytes[..n];
            while let Ok(Some(_)) = Judged::read(&mut cut) {}
        }
    }
}
