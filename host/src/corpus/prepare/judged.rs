//! A document with what every filter said of it, and its form on disk.
//!
//! A record is, little-endian: source (u16), id, metadata, text, original (each a length as u64 and bytes; the last one
//! of length 2⁶⁴−1 when no filter rewrote the text), the number of outcomes (u32), and per outcome a kind (u8): 0 not
//! asked; 1 values, their number (u32), then each (f64); 2 a verdict: flags (u8: 1 keep, 2 rewrote, 4 score), score
//! (f64), reason, note, number of spans (u32), start and end of each (u32).

use crate::corpus::DataConfig;
use crate::corpus::read::Document;
use crate::corpus::split::Split;
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
        /// Whether it rewrote the text.
        rewrote: bool,
        /// Of deduplication: the id of the document that stays for this one. Of decontamination: the reference.
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
        let before = std::mem::replace(&mut self.document.text, text);
        self.original.get_or_insert(before);
    }

    /// The document's split: that of its group, where the config names one and the document has it; else of the
    /// document that leads its duplicates; else of its own id.
    pub(crate) fn split(&self, config: &DataConfig) -> Split {
        let document = &self.document;
        let group = config.group.as_deref().and_then(|name| document.field(name));
        let leader = || self.outcomes.iter().find_map(Outcome::leader).map(str::to_owned);
        match group.or_else(leader) {
            Some(key) => Split::of(&key, config),
            None => Split::of(&document.id, config),
        }
    }

    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Document { id, source, text, metadata } = &self.document;
        out.write_all(&source.to_le_bytes())?;
        for part in [id.as_str(), metadata.as_deref().unwrap_or_default(), text] {
            write_text(out, part)?;
        }
        match &self.original {
            None => out.write_all(&NO_ORIGINAL.to_le_bytes())?,
            Some(original) => write_text(out, original)?,
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
        let text = read_text(input)?;
        let original = match u64::from_le_bytes(read_array(input)?) {
            NO_ORIGINAL => None,
            n_bytes => Some(read_string(input, n_bytes)?),
        };
        let n_outcomes = u32::from_le_bytes(read_array(input)?);
        let outcomes = (0..n_outcomes).map(|_| read_outcome(input)).collect::<io::Result<_>>()?;
        let document = Document { id, source: u16::from_le_bytes(source), text, metadata };
        Ok(Some(Self { document, original, outcomes }))
    }
}

fn write_outcome(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    match outcome {
        Outcome::NotAsked => out.write_all(&[NOT_ASKED]),
        Outcome::Values(values) => {
            out.write_all(&[VALUES])?;
            write_count(out, values.len())?;
            values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
        }
        Outcome::Verdict { verdict, rewrote, note } => {
            let flag = |set: bool, flag: u8| if set { flag } else { 0 };
            let flags = flag(verdict.keep, KEEP) | flag(*rewrote, REWROTE) | flag(verdict.score.is_some(), SCORE);
            out.write_all(&[VERDICT, flags])?;
            out.write_all(&verdict.score.unwrap_or_default().to_le_bytes())?;
            write_text(out, &verdict.reason)?;
            write_text(out, note.as_deref().unwrap_or_default())?;
            write_count(out, verdict.spans.len())?;
            verdict.spans.iter().try_for_each(|span| {
                out.write_all(&span.start.to_le_bytes())?;
                out.write_all(&span.end.to_le_bytes())
            })
        }
    }
}

fn read_outcome(input: &mut impl Read) -> io::Result<Outcome> {
    let [kind] = read_array(input)?;
    match kind {
        NOT_ASKED => Ok(Outcome::NotAsked),
        VALUES => {
            let n_values = u32::from_le_bytes(read_array(input)?);
            let values = (0..n_values).map(|_| Ok(f64::from_le_bytes(read_array(input)?)));
            Ok(Outcome::Values(values.collect::<io::Result<_>>()?))
        }
        VERDICT => {
            let [flags] = read_array(input)?;
            let score = f64::from_le_bytes(read_array(input)?);
            let reason = read_text(input)?;
            let note = Some(read_text(input)?).filter(|note| !note.is_empty());
            let n_spans = u32::from_le_bytes(read_array(input)?);
            let span = |_| -> io::Result<Span> {
                let start = u32::from_le_bytes(read_array(input)?);
                Ok(Span { start, end: u32::from_le_bytes(read_array(input)?) })
            };
            let spans = (0..n_spans).map(span).collect::<io::Result<_>>()?;
            let score = (flags & SCORE != 0).then_some(score);
            let verdict = Verdict { keep: flags & KEEP != 0, reason, score, text: None, spans };
            Ok(Outcome::Verdict { verdict, rewrote: flags & REWROTE != 0, note })
        }
        other => Err(io::Error::other(format!("kind of outcome {other}"))),
    }
}

fn write_count(out: &mut impl Write, n: usize) -> io::Result<()> {
    out.write_all(&u32::try_from(n).map_err(io::Error::other)?.to_le_bytes())
}

fn write_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(&(text.len() as u64).to_le_bytes())?;
    out.write_all(text.as_bytes())
}

fn read_text(input: &mut impl Read) -> io::Result<String> {
    let n_bytes = u64::from_le_bytes(read_array(input)?);
    read_string(input, n_bytes)
}

/// Reserves no more than what is there: a damaged length must not ask for all memory.
fn read_string(input: &mut impl Read, n_bytes: u64) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(n_bytes.min(1 << 20) as usize);
    if input.take(n_bytes).read_to_end(&mut bytes)? as u64 != n_bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn read_array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let document = |id: &str, metadata: Option<&str>| Document {
            id: id.into(),
            source: 7,
            text: "text\0中".into(),
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
