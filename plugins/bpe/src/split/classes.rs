//! What a character is, as a set of flags.
//! The tables are separate from the standard library's, whose version of Unicode changes with the compiler: then the
//! same text would become different tokens.

use super::tables::RUNS;

/// `\p{L}`.
pub const LETTER: u8 = 1;
/// `\p{N}`.
pub const NUMBER: u8 = 2;
/// `\s`: White_Space, which has not changed since Unicode 6.3.
pub const SPACE: u8 = 4;
/// `[\r\n]`.
pub const NEWLINE: u8 = 8;
/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: what the first part of a word may consist of in `o200k`.
pub const UPPER: u8 = 16;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: what the second part of a word may consist of in `o200k`.
pub const LOWER: u8 = 32;

/// Kinds of runs in the table.
#[derive(Clone, Copy)]
pub enum Run {
    /// Lu, Lt.
    U,
    /// Ll.
    L,
    /// Lu and Ll alternating.
    A,
    /// Lm, Lo: letters without case.
    O,
    /// M.
    M,
    /// N.
    N,
}

/// White space above ASCII.
const SPACES: [(u32, u32); 8] = [
    (0x85, 0x85),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
];

/// Characters below this one are in [`CLASSES`]; of the others, only the variation selectors below have a class.
const TABLE_END: usize = 0x323b0;
const SELECTORS: (u32, u32) = (0xe0100, 0xe01ef);

/// The flags of every character below [`TABLE_END`].
static CLASSES: [u8; TABLE_END] = classes();

/// The flags of a character.
#[inline]
pub fn class_of(code: u32) -> u8 {
    match CLASSES.get(code as usize) {
        Some(&class) => class,
        None if SELECTORS.0 <= code && code <= SELECTORS.1 => UPPER | LOWER,
        None => 0,
    }
}

const fn classes() -> [u8; TABLE_END] {
    let mut classes = [0; TABLE_END];
    let mut i = 0;
    while i < RUNS.len() {
        let (first, last, run) = RUNS[i];
        let (even, odd) = match run {
            Run::U => (LETTER | UPPER, LETTER | UPPER),
            Run::L => (LETTER | LOWER, LETTER | LOWER),
            Run::A => (LETTER | UPPER, LETTER | LOWER),
            Run::O => (LETTER | UPPER | LOWER, LETTER | UPPER | LOWER),
            Run::M => (UPPER | LOWER, UPPER | LOWER),
            Run::N => (NUMBER, NUMBER),
        };
        let mut code = first as usize;
        while code <= last as usize && code < TABLE_END {
            classes[code] = if (code - first as usize).is_multiple_of(2) { even } else { odd };
            code += 1;
        }
        i += 1;
    }
    add(&mut classes, &SPACES, SPACE);
    add(&mut classes, &[(9, 13), (32, 32)], SPACE);
    add(&mut classes, &[(10, 10), (13, 13)], NEWLINE);
    classes
}

const fn add(classes: &mut [u8; TABLE_END], ranges: &[(u32, u32)], class: u8) {
    let mut i = 0;
    while i < ranges.len() {
        let mut code = ranges[i].0 as usize;
        while code <= ranges[i].1 as usize {
            classes[code] |= class;
            code += 1;
        }
        i += 1;
    }
}

/// Returns the flags and length in bytes of the character that begins at `at`; none at the end of the text.
#[inline]
pub fn class_at(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let first = *text.get(at)?;
    if first < 0x80 {
        return Some((CLASSES[first as usize], 1));
    }
    let tail = |i: usize| text.get(at + i).map_or(0, |&byte| u32::from(byte) & 0x3f);
    let first = u32::from(first);
    Some(match first {
        0..0xe0 => (class_of((first & 0x1f) << 6 | tail(1)), 2),
        0xe0..0xf0 => (class_of((first & 0x0f) << 12 | tail(1) << 6 | tail(2)), 3),
        _ => (class_of((first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)), 4),
    })
}

/// Returns the end of the run of characters from `start` on that have one of the flags `wanted`.
#[inline]
pub fn run_end(text: &[u8], start: usize, wanted: u8) -> usize {
    let mut end = start;
    while let Some((class, length)) = class_at(text, end) {
        if class & wanted == 0 {
            break;
        }
        end += length;
    }
    end
}

/// Returns the end of the run of characters from `start` on that have none of the flags `unwanted`.
#[inline]
pub fn run_end_without(text: &[u8], start: usize, unwanted: u8) -> usize {
    let mut end = start;
    while let Some((class, length)) = class_at(text, end) {
        if class & unwanted != 0 {
            break;
        }
        end += length;
    }
    end
}
