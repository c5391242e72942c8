//! Which tokens of a text are those of a part of it.

use crate::Result;
use std::ops::Range;
use trainyard_plugin::Tokenizer;

/// The byte at which each token of `ids` ends in `text`, which they were made of; none where the tokens stand for other
/// bytes, as those of a tokenizer that lowers case.
///
/// `tokens` are the bytes of each id.
pub(super) fn ends(text: &str, ids: &[u32], tokens: &[Vec<u8>]) -> Option<Vec<usize>> {
    let mut at = 0;
    let mut ends = Vec::with_capacity(ids.len());
    for &id in ids {
        let token = tokens.get(id as usize)?;
        at = text.as_bytes().get(at..)?.starts_with(token).then_some(at + token.len())?;
        ends.push(at);
    }
    (at == text.len()).then_some(ends)
}

/// The same where the tokens stand for other bytes: a token ends where as many tokens are made of the text up to there.
/// Only `borders` matter, which are places in the text.
///
/// # Errors
/// Whatever the tokenizer reports.
pub(super) fn ends_by_borders(
    text: &str,
    n: usize,
    borders: &[usize],
    tokenizer: &mut dyn Tokenizer,
) -> Result<Vec<usize>> {
    let mut ends = vec![text.len(); n];
    let starts: Vec<&str> = borders.iter().filter_map(|&border| text.get(..border)).collect();
    let encoded = tokenizer.encode(&starts)?;
    for (start, ids) in starts.iter().zip(encoded.sequences()) {
        for end in ends.iter_mut().take(ids.len()) {
            *end = (*end).min(start.len());
        }
    }
    Ok(ends)
}

/// The tokens, by the bytes at which they end, that have a byte of `part`: transformers counts a token that begins
/// before an answer as the answer's, too.
pub(super) fn within(ends: &[usize], part: &Range<usize>) -> Range<usize> {
    if part.is_empty() {
        return 0..0;
    }
    let first = ends.partition_point(|&end| end <= part.start);
    let last = ends.partition_point(|&end| end < part.end);
    first..(last + 1).min(ends.len()).max(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_straddle_the_start_of_a_part_are_of_it() {
        let tokens: Vec<Vec<u8>> = ["a", "\n\n", "bc", "d", ""].map(|token| token.as_bytes().to_vec()).into();
        let ends = ends("a\n\nbcd", &[0, 1, 2, 3], &tokens).expect("the tokens are the text");
        assert_eq!(ends, [1, 3, 5, 6]);
        assert_eq!(within(&ends, &(2..5)), 1..3);
        assert_eq!(within(&ends, &(3..5)), 2..3);
        assert_eq!(within(&ends, &(3..6)), 2..4);
        assert_eq!(within(&ends, &(0..6)), 0..4);
        assert_eq!(super::ends("A\n\nbcd", &[0, 1, 2, 3], &tokens), None);
        assert_eq!(super::ends("a\n\nbcde", &[0, 1, 2, 3], &tokens), None);
    }
}
