//! Planes: numbers beside the tokens of a shard, one per token or one per document, under a name.
//!
//! A shard of format 2 has them behind the ends of its documents. First 64 bytes per plane:
//!
//! | bytes | content |
//! |---|---|
//! | 0..32 | name in UTF-8, zeros behind it |
//! | 32..36 | type of the numbers: 1 u8, 2 u16, 3 u32, 4 f32 |
//! | 36..40 | 0: a number per token of the stream; 1: a number per document |
//! | 40..48 | how many numbers there are |
//! | 48..64 | XXH3-128 of the numbers |
//!
//! Then the numbers of each plane, in the same order, each time with zeros up to a multiple of 8 bytes.

use super::{bytes_at, u32_at, u64_at};
use crate::{Error, Result};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes that describe a plane.
pub(super) const ENTRY_BYTES: usize = 64;
/// The longest name, in bytes.
const NAME_BYTES: usize = 32;
/// The most planes of a shard.
pub(super) const MOST: usize = 16;

/// Type of a plane's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 0 to 255, such as a mask.
    U8,
    /// 0 to 65,535, such as a tag.
    U16,
    /// 0 to 2³²−1, such as a token.
    U32,
    /// A finite number, such as a weight.
    F32,
}

/// What a plane has one number for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Each token of the stream, ends of text included.
    Token,
    /// Each document.
    Document,
}

/// A plane by its name and form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// Lower-case letters, digits and `_`; at most 32 of them.
    pub name: &'static str,
    /// Type of its numbers.
    pub number: Number,
    /// What there is a number for.
    pub per: Per,
}

impl Number {
    const ALL: [Self; 4] = [Self::U8, Self::U16, Self::U32, Self::F32];

    /// Length of a number in bytes.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 | Self::F32 => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::F32 => "f32",
        }
    }

    fn code(self) -> u32 {
        self as u32 + 1
    }

    /// Appends the numbers to `out`, each as it is; an `f32` is rounded.
    ///
    /// # Errors
    /// The first number that is none of this type.
    pub(super) fn write(self, numbers: &[f64], out: &mut Vec<u8>) -> std::result::Result<(), f64> {
        for &number in numbers {
            let (whole, rounded) = (number as u32, number as f32);
            let fits = match self {
                Self::U8 => f64::from(whole as u8) == number,
                Self::U16 => f64::from(whole as u16) == number,
                Self::U32 => f64::from(whole) == number,
                Self::F32 => rounded.is_finite(),
            };
            match self {
                _ if !fits => return Err(number),
                Self::F32 => out.extend_from_slice(&rounded.to_le_bytes()),
                _ => out.extend_from_slice(&whole.to_le_bytes()[..self.bytes()]),
            }
        }
        Ok(())
    }

    /// The number at the start of `bytes`, of which there are [`Number::bytes`].
    fn read(self, bytes: &[u8]) -> f64 {
        match self {
            Self::U8 => f64::from(bytes[0]),
            Self::U16 => f64::from(u16::from_le_bytes([bytes[0], bytes[1]])),
            Self::U32 => f64::from(u32_at(bytes, 0)),
            Self::F32 => f64::from(f32::from_bits(u32_at(bytes, 0))),
        }
    }
}

impl Per {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "per token",
            Self::Document => "per document",
        }
    }

    /// How many numbers a plane of a shard has.
    pub(super) fn count(self, n_tokens: u64, n_documents: u64) -> u64 {
        match self {
            Self::Token => n_tokens,
            Self::Document => n_documents,
        }
    }
}

impl Plane {
    /// `"answer" (u8 per token)`
    pub(super) fn text(&self) -> String {
        format!("{:?} ({} {})", self.name, self.number.name(), self.per.name())
    }

    /// Checks its name.
    ///
    /// # Errors
    /// A name that cannot be one.
    pub(super) fn check(&self) -> Result<()> {
        let message = "expected a name of 1 to 32 lower-case letters, digits and `_`";
        is_name(self.name).then_some(()).ok_or_else(|| Error::run(format!("plane: {message}, got {:?}", self.name)))
    }

    /// The 64 bytes that describe it; `digest` is that of its `n` numbers.
    pub(super) fn entry(&self, n: u64, digest: u128) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        entry[..self.name.len()].copy_from_slice(self.name.as_bytes());
        entry[32..36].copy_from_slice(&self.number.code().to_le_bytes());
        entry[36..40].copy_from_slice(&(self.per as u32).to_le_bytes());
        entry[40..48].copy_from_slice(&n.to_le_bytes());
        entry[48..].copy_from_slice(&digest.to_le_bytes());
        entry
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(is_part)
}

/// A plane of a shard that was read: where its numbers are in the file.
#[derive(Debug)]
pub(super) struct Placed {
    name: String,
    number: Number,
    per: Per,
    bytes: Range<usize>,
    digest: u128,
}

impl Placed {
    /// The planes of a shard, described from byte `at` of `file` on, and the byte after their numbers.
    ///
    /// # Errors
    /// What is wrong with them, without the file's name.
    pub fn all(file: &[u8], at: u128, n: usize, counts: (u64, u64)) -> std::result::Result<(Vec<Self>, u128), String> {
        if !(1..=MOST).contains(&n) {
            return Err(format!("expected 1 to {MOST} planes, got {n}"));
        }
        let mut next = at + (n * ENTRY_BYTES) as u128;
        let cut = |end: u128| format!("expected {end} bytes or more, got {}: cut off or altered", file.len());
        if next > file.len() as u128 {
            return Err(cut(next));
        }
        // It fits: the file's length bounds it.
        let entries = &file[at as usize..next as usize];
        let mut planes: Vec<Self> = Vec::with_capacity(n);
        for (index, entry) in entries.chunks_exact(ENTRY_BYTES).enumerate() {
            let length = entry[..NAME_BYTES].iter().position(|&byte| byte == 0).unwrap_or(NAME_BYTES);
            let is_zero = entry[length..NAME_BYTES].iter().all(|&byte| byte == 0);
            let name = std::str::from_utf8(&entry[..length]).ok().filter(|name| is_zero && is_name(name));
            let name = name.ok_or_else(|| format!("plane {index}: its name is none: altered after it was written"))?;
            let form = (u32_at(entry, 32), u32_at(entry, 36));
            let number = Number::ALL.into_iter().find(|number| number.code() == form.0);
            let per = [Per::Token, Per::Document].into_iter().find(|&per| per as u32 == form.1);
            let (Some(number), Some(per)) = (number, per) else {
                return Err(format!(
                    "plane {name:?}: unknown form {} {}: altered, or of a later program",
                    form.0, form.1
                ));
            };
            if planes.iter().any(|plane| plane.name == name) {
                return Err(format!("plane {name:?}: there are two of that name"));
            }
            let (n, expected) = (u64_at(entry, 40), per.count(counts.0, counts.1));
            if n != expected {
                return Err(format!("plane {name:?}: expected {expected} numbers {}, got {n}", per.name()));
            }
            let end = next + u128::from(n) * number.bytes() as u128;
            if end > file.len() as u128 {
                return Err(format!("plane {name:?}: {}", cut(end)));
            }
            let (bytes, digest) = (next as usize..end as usize, u128::from_le_bytes(bytes_at(entry, 48)));
            planes.push(Self { name: name.into(), number, per, bytes, digest });
            next = end.next_multiple_of(8);
        }
        Ok((planes, next))
    }

    /// What is wrong with its numbers.
    pub fn fault(&self, file: &[u8]) -> Option<String> {
        let bytes = &file[self.bytes.clone()];
        if xxh3_128(bytes) != self.digest {
            return Some(format!("plane {:?}: checksum does not match: altered after it was written", self.name));
        }
        let numbers = bytes.chunks_exact(self.number.bytes()).map(|bytes| self.number.read(bytes));
        let (index, number) = numbers.enumerate().find(|(_, number)| !number.is_finite())?;
        Some(format!("plane {:?}: number {index} is {number}, which is not finite", self.name))
    }

    /// True when it is the plane that is asked for.
    pub fn is(&self, plane: &Plane) -> bool {
        (self.name.as_str(), self.number, self.per) == (plane.name, plane.number, plane.per)
    }

    /// Its numbers in `range`, which must lie within them. An `f64` holds every one exactly.
    pub fn numbers<'a>(&self, file: &'a [u8], range: Range<u64>) -> impl Iterator<Item = f64> + use<'a> {
        let (number, width) = (self.number, self.number.bytes());
        let bytes = &file[self.bytes.clone()][range.start as usize * width..range.end as usize * width];
        bytes.chunks_exact(width).map(move |bytes| number.read(bytes))
    }
}
