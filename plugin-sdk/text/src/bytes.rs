//! Bytes, many at a time: written so that the compiler makes vectors of it, without a branch for each byte. In a
//! sandbox, every round of a loop also checks the time.

/// Bytes that are looked at together: a vector.
const LANES: usize = 16;

/// Returns eight bytes of a text from `at` on, the first one lowest; zeros after its end.
#[inline]
pub fn eight_at(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => last_of(text, at),
    }
}

/// The same where the text ends before.
#[cold]
fn last_of(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().rev().fold(0, |bytes, &byte| bytes << 8 | u64::from(byte))
}

/// Counts the bytes of a kind.
#[inline]
pub fn count_bytes(bytes: &[u8], is_it: impl Fn(u8) -> bool) -> usize {
    if bytes.len() < LANES {
        return bytes.iter().filter(|&&byte| is_it(byte)).count();
    }
    let mut n = 0;
    // sums as wide as the bytes, which are added up before they overflow
    for block in bytes.chunks(LANES * 254) {
        let mut sums = [0u8; LANES];
        for vector in block.chunks_exact(LANES) {
            for (sum, &byte) in sums.iter_mut().zip(vector) {
                *sum += u8::from(is_it(byte));
            }
        }
        n += sum(&sums);
    }
    // the last vector, without those of its bytes that were counted
    let first = (LANES - bytes.len() % LANES) as u8;
    let mut sums = [0u8; LANES];
    for ((sum, &byte), lane) in sums.iter_mut().zip(&bytes[bytes.len() - LANES..]).zip(0u8..) {
        *sum = u8::from(is_it(byte) & (lane >= first));
    }
    n + sum(&sums)
}

/// The sum of all lanes: eight by one product.
#[inline]
fn sum(lanes: &[u8; LANES]) -> usize {
    const EVERY_OTHER: u64 = 0x00ff_00ff_00ff_00ff;
    let eight = |lanes: u64| {
        let pairs = (lanes & EVERY_OTHER) + (lanes >> 8 & EVERY_OTHER);
        (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize
    };
    let (eights, _) = lanes.as_chunks();
    eights.iter().map(|lanes| eight(u64::from_le_bytes(*lanes))).sum()
}

/// Returns a hash that tells a text from the others of a document. It may be another one in the next version.
#[inline]
pub fn identity(text: &[u8]) -> u64 {
    let mut hash = (text.len() as u64).wrapping_mul(0x9e6c_63d0_876a_3f6b);
    let (eights, rest) = text.as_chunks();
    for &eight in eights {
        hash = (hash ^ u64::from_le_bytes(eight)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    hash = (hash ^ eight_at(rest, 0)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}

/// Says whether a block holds ASCII alone.
#[inline]
pub fn is_ascii<const N: usize>(block: &[u8; N]) -> bool {
    block.iter().fold(0, |all, byte| all | byte) < 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_one_by_one() {
        let bytes: Vec<u8> = (0..9000u32).map(|i| ((i * 7919) >> 3) as u8).collect();
        for n in (0..70).chain([4079, 4080, 4081, 8160, 8999]) {
            for is_it in [|byte| byte < 9, |byte| byte == 200, |_| true] {
                let expected = bytes[..n].iter().filter(|&&byte| is_it(byte)).count();
                assert_eq!(count_bytes(&bytes[..n], is_it), expected, "{n}");
            }
        }
        assert_eq!(sum(&[255; LANES]), 16 * 255);
        assert_eq!(eight_at(b"abc", 1), u64::from(b'b') | u64::from(b'c') << 8);
        assert_eq!((eight_at(b"abcdefghi", 0), eight_at(b"a", 5)), (0x6867_6665_6463_6261, 0));
        let texts = (0..200).flat_map(|n| [&bytes[..n], &bytes[1..=n], &bytes[2..n + 2]]);
        let mut seen = std::collections::HashMap::new();
        for text in texts {
            assert_eq!(*seen.entry(identity(text)).or_insert(text), text);
        }
        assert!(is_ascii(b"ab\x7f") && !is_ascii(b"ab\x80"));
    }
}
