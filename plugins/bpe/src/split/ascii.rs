//! Eight ASCII characters at once, in one 64-bit number: most words of most texts are found here.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// Returns the 8 bytes from `at` on, the first in the lowest bits; none if the text is too short.
#[inline]
pub fn load(text: &[u8], at: usize) -> Option<u64> {
    let bytes: [u8; 8] = text.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Sets the high bit of each byte of `word` (all below 0x80) that is in `first` to `last`.
#[inline]
fn between(word: u64, first: u8, last: u8) -> u64 {
    let at_least = word + u64::from(0x80 - first) * ONES;
    let above = word + u64::from(0x7f - last) * ONES;
    at_least & !above & HIGH
}

/// Counts how many of the first bytes of `word` are ASCII letters, 0 to 8.
#[inline]
pub fn n_letters(word: u64) -> usize {
    count(between((word | (0x20 * ONES)) & !HIGH, b'a', b'z') & !word)
}

/// Counts how many of the first bytes of `word` are `A` to `Z`, 0 to 8.
#[inline]
pub fn n_upper(word: u64) -> usize {
    count(between(word & !HIGH, b'A', b'Z') & !word)
}

/// Counts how many of the first bytes of `word` are `a` to `z`, 0 to 8.
#[inline]
pub fn n_lower(word: u64) -> usize {
    count(between(word & !HIGH, b'a', b'z') & !word)
}

/// Counts the bytes before the first byte without its high bit.
#[inline]
fn count(found: u64) -> usize {
    ((!found & HIGH).trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                for (fill, of) in [(b'a', n_lower as fn(u64) -> usize), (b'Z', n_upper), (b'q', n_letters)] {
                    let mut bytes = [fill; 8];
                    bytes[place] = byte;
                    let is_in = |byte: u8| match fill {
                        b'a' => byte.is_ascii_lowercase(),
                        b'Z' => byte.is_ascii_uppercase(),
                        _ => byte.is_ascii_alphabetic(),
                    };
                    let expected = bytes.iter().take_while(|&&byte| is_in(byte)).count();
                    assert_eq!(of(u64::from_le_bytes(bytes)), expected, "{bytes:?}");
                }
            }
        }
        assert_eq!(load(b"abcdefgh", 0), Some(u64::from_le_bytes(*b"abcdefgh")));
        assert_eq!(load(b"abcdefgh", 1), None);
    }
}
