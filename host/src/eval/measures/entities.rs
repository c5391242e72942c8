//! Entities in tags: `B-PER I-PER O B-LOC` has a person of two tokens and a place of one.

use crate::{Error, Result};

/// How tags are read that do not follow the scheme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reading {
    /// As conlleval and seqeval by default: an `I-` that does not continue an entity begins one. Tags may also begin
    /// with `E` and `S` (IOE, IOBES).
    #[default]
    Conll,
    /// As seqeval in strict mode with the scheme IOB2: an entity begins with `B-`; an `I-` that does not continue one
    /// is no part of any.
    Strict,
}

/// An entity: its type and the tokens `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity<'a> {
    /// What it is; `_` when the tag does not say.
    pub kind: &'a str,
    /// First token.
    pub start: usize,
    /// The token behind the last one.
    pub end: usize,
}

/// A tag in its two parts.
#[derive(Clone, Copy)]
struct Tag<'a> {
    /// `B`, `I`, `O`, `E` or `S`.
    prefix: u8,
    kind: &'a str,
}

/// Before the first and behind the last token.
const OUTSIDE: Tag<'static> = Tag { prefix: b'O', kind: "_" };

/// Returns the entities of a sentence, in order.
///
/// # Errors
/// A tag that begins with another letter than those of the reading.
pub fn entities<'a>(tags: &[&'a str], reading: Reading) -> Result<Vec<Entity<'a>>> {
    let mut found = Vec::new();
    // the entity that is not at its end yet
    let mut open: Option<Entity<'a>> = None;
    let mut before: Tag<'a> = OUTSIDE;
    for (index, text) in tags.iter().enumerate() {
        let tag = parse(text, reading).ok_or_else(|| {
            let letters = if reading == Reading::Strict { "B, I or O" } else { "B, I, O, E or S" };
            Error::run(format!("token {index}: tag: expected {letters} and a type, such as B-PER, got {text:?}"))
        })?;
        if ends(before, tag) {
            found.extend(open.take().map(|entity| Entity { end: index, ..entity }));
        }
        let starts = match reading {
            Reading::Conll => starts(before, tag),
            Reading::Strict => tag.prefix == b'B',
        };
        if starts {
            open = Some(Entity { kind: tag.kind, start: index, end: index + 1 });
        }
        before = tag;
    }
    found.extend(open.map(|entity| Entity { end: tags.len(), ..entity }));
    Ok(found)
}

fn parse(text: &str, reading: Reading) -> Option<Tag<'_>> {
    let prefix = *text.as_bytes().first()?;
    let is_known = match reading {
        Reading::Conll => b"BIOES".contains(&prefix),
        Reading::Strict => b"BIO".contains(&prefix),
    };
    let rest = text.get(1..).filter(|_| is_known)?;
    let kind = match reading {
        Reading::Conll => rest.split_once('-').map_or(rest, |(_, kind)| kind),
        Reading::Strict => rest.trim_matches('-'),
    };
    Some(Tag { prefix, kind: if kind.is_empty() { "_" } else { kind } })
}

/// Whether an entity that is open before the tag ends there.
fn ends(before: Tag<'_>, tag: Tag<'_>) -> bool {
    match (before.prefix, tag.prefix) {
        (b'E' | b'S', _) | (b'B' | b'I', b'B' | b'S' | b'O') => true,
        _ => before.prefix != b'O' && before.kind != tag.kind,
    }
}

/// Whether an entity begins with the tag, as conlleval has it.
fn starts(before: Tag<'_>, tag: Tag<'_>) -> bool {
    match (before.prefix, tag.prefix) {
        (_, b'B' | b'S') | (b'E' | b'S' | b'O', b'E' | b'I') => true,
        _ => tag.prefix != b'O' && before.kind != tag.kind,
    }
}
