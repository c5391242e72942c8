//! Which runs of tags are entities. seqeval 1.2.2 (MIT) says which rules each scheme has.

/// An entity: its type and the tags `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entity<'a> {
    /// What it is; `_` when the tag does not say.
    pub kind: &'a str,
    /// First tag.
    pub start: usize,
    /// The tag behind the last one.
    pub end: usize,
}

/// A way to write entities as tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// All tags with B, I, O, E or S; an entity begins or ends where conlleval has it.
    Conll,
    /// B only begins an entity that is right behind another one of its type.
    Iob1,
    /// Every entity begins with B.
    Iob2,
    /// E only ends an entity that is right before another one of its type.
    Ioe1,
    /// Every entity ends with E.
    Ioe2,
    /// B begins, E ends, S is an entity of one tag.
    Iobes,
    /// As IOBES, with L for E and U for S.
    Bilou,
}

/// A tag in its two parts.
#[derive(Clone, Copy)]
struct Tag<'a> {
    prefix: char,
    kind: &'a str,
}

/// Before the first and behind the last tag.
const OUTSIDE: Tag<'static> = Tag { prefix: 'O', kind: "_" };

/// Whether the types of two tags must be the same, must differ, or may be any.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Same,
    Different,
    Any,
}

use Kinds::{Any, Different, Same};

/// A pattern of two tags in a row: letters that the first may have, letters of the second one, and their types.
type Pattern = (&'static str, &'static str, Kinds);

/// The patterns of a strict scheme.
struct Rules {
    letters: &'static str,
    /// The second tag begins an entity.
    starts: &'static [Pattern],
    /// The second tag continues the entity of the first.
    continues: &'static [Pattern],
    /// The entity of the first tag is complete.
    ends: &'static [Pattern],
}

impl Scheme {
    /// Returns the scheme with a name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "conll" => Self::Conll,
            "iob1" => Self::Iob1,
            "iob2" => Self::Iob2,
            "ioe1" => Self::Ioe1,
            "ioe2" => Self::Ioe2,
            "iobes" => Self::Iobes,
            "bilou" => Self::Bilou,
            _ => return None,
        })
    }

    /// Returns the entities in tags, in order, and the first tag that has no prefix of the scheme.
    pub fn entities<'a>(self, tags: &[&'a str]) -> (Vec<Entity<'a>>, Option<&'a str>) {
        let mut unknown = None;
        let mut parsed: Vec<Tag<'a>> = Vec::with_capacity(tags.len() + 1);
        for tag in tags {
            let parts = self.parse(tag);
            unknown = unknown.or(parts.is_none().then_some(*tag));
            parsed.push(parts.unwrap_or(OUTSIDE));
        }
        parsed.push(OUTSIDE);
        let entities = match self.rules() {
            Some(rules) => strict(&parsed, &rules),
            None => conll(&parsed),
        };
        (entities, unknown)
    }

    fn parse(self, tag: &str) -> Option<Tag<'_>> {
        let rules = self.rules();
        let letters = rules.as_ref().map_or("BIOES", |rules| rules.letters);
        let prefix = tag.chars().next().filter(|prefix| letters.contains(*prefix))?;
        let rest = &tag[1..];
        let kind = match rules {
            Some(_) => rest.trim_matches('-'),
            None => rest.split_once('-').map_or(rest, |(_, kind)| kind),
        };
        Some(Tag { prefix, kind: if kind.is_empty() { "_" } else { kind } })
    }

    fn rules(self) -> Option<Rules> {
        Some(match self {
            Self::Conll => return None,
            Self::Iob1 => Rules {
                letters: "IOB",
                starts: &[("OB", "I", Any), ("I", "I", Different), ("IB", "B", Same)],
                continues: &[("BI", "I", Same)],
                ends: &[("IB", "I", Different), ("IB", "O", Any), ("I", "B", Any), ("B", "B", Same)],
            },
            Self::Iob2 => Rules {
                letters: "IOB",
                starts: &[("IOB", "B", Any)],
                continues: &[("BI", "I", Same)],
                ends: &[("IB", "OB", Any), ("IB", "I", Different)],
            },
            Self::Ioe1 => Rules {
                letters: "IOE",
                starts: &[("OE", "I", Any), ("I", "I", Different), ("E", "E", Same)],
                continues: &[("I", "IE", Same)],
                ends: &[("I", "IE", Different), ("I", "O", Any), ("E", "IE", Same)],
            },
            Self::Ioe2 => Rules {
                letters: "IOE",
                starts: &[("OE", "IE", Any), ("I", "IE", Different)],
                continues: &[("I", "IE", Same)],
                ends: &[("E", "IOE", Any)],
            },
            Self::Iobes => Rules {
                letters: "IOBES",
                starts: &[("IOBES", "BS", Any)],
                continues: &[("BI", "IE", Same)],
                ends: &[("SE", "IOBES", Any)],
            },
            Self::Bilou => Rules {
                letters: "BILOU",
                starts: &[("BILOU", "BU", Any)],
                continues: &[("BI", "IL", Same)],
                ends: &[("UL", "BILOU", Any)],
            },
        })
    }
}

/// The entities of tags, the last of which is [`OUTSIDE`], that follow the rules from begin to end.
fn strict<'a>(tags: &[Tag<'a>], rules: &Rules) -> Vec<Entity<'a>> {
    let mut found = Vec::new();
    let (mut start, mut before) = (0, OUTSIDE);
    while start < tags.len() {
        let tag = tags[start];
        let mut end = start + 1;
        if is_any(rules.starts, before, tag) {
            while end < tags.len() && is_any(rules.continues, tags[end - 1], tags[end]) {
                end += 1;
            }
            if tags.get(end).is_some_and(|next| is_any(rules.ends, tags[end - 1], *next)) {
                found.push(Entity { kind: tag.kind, start, end });
            }
        }
        before = tags[end - 1];
        start = end;
    }
    found
}

/// Whether two tags in a row have one of the patterns.
fn is_any(patterns: &[Pattern], first: Tag<'_>, second: Tag<'_>) -> bool {
    patterns.iter().any(|(firsts, seconds, kinds)| {
        firsts.contains(first.prefix)
            && seconds.contains(second.prefix)
            && (*kinds == Any || (*kinds == Same) == (first.kind == second.kind))
    })
}

/// The entities of tags, the last of which is [`OUTSIDE`], as conlleval has them.
fn conll<'a>(tags: &[Tag<'a>]) -> Vec<Entity<'a>> {
    let mut found = Vec::new();
    // the entity that is not at its end yet
    let mut open: Option<(&'a str, usize)> = None;
    let mut before: Tag<'a> = OUTSIDE;
    for (index, &tag) in tags.iter().enumerate() {
        let differs = before.kind != tag.kind;
        let ends = match (before.prefix, tag.prefix) {
            ('E' | 'S', _) | ('B' | 'I', 'B' | 'S' | 'O') => true,
            (prefix, _) => prefix != 'O' && differs,
        };
        if let Some((kind, start)) = open.take_if(|_| ends) {
            found.push(Entity { kind, start, end: index });
        }
        let starts = match (before.prefix, tag.prefix) {
            (_, 'B' | 'S') | ('E' | 'S' | 'O', 'E' | 'I') => true,
            (_, prefix) => prefix != 'O' && differs,
        };
        if starts {
            open = Some((tag.kind, index));
        }
        before = tag;
    }
    found
}
