//! IP addresses of version 4, as found by datatrove's regular expression: four octets with dots between, even within
//! longer runs of digits.
//!
//! ```text
//! OCTET = 25[0-5] | 2[0-4][0-9] | [01]?[0-9][0-9]?
//! ```

use std::ops::Range;

/// Returns the address whose first dot is at `dot`, beginning at `from` or later.
pub fn around(bytes: &[u8], dot: usize, from: usize) -> Option<Range<usize>> {
    let n_digits = bytes[from..dot].iter().rev().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let start = (dot - n_digits..dot).find(|&start| is_octet(&bytes[start..dot]))?;
    let second = octet_and_dot(bytes, dot + 1)?;
    let third = octet_and_dot(bytes, second)?;
    Some(start..third + leading_octet(&bytes[third..])?)
}

/// Returns the position after an octet and a dot at `at`.
pub fn octet_and_dot(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().take(4).position(|&byte| byte == b'.')?;
    is_octet(&rest[..length]).then_some(at + length + 1)
}

/// Whether a text is an octet: up to 255, of one to three digits.
pub fn is_octet(text: &[u8]) -> bool {
    match *text {
        [a] => a.is_ascii_digit(),
        [a, b] => a.is_ascii_digit() && b.is_ascii_digit(),
        [b'2', b'5', c] => (b'0'..=b'5').contains(&c),
        [b'2', b'0'..=b'4', c] => c.is_ascii_digit(),
        [b'0' | b'1', b, c] => b.is_ascii_digit() && c.is_ascii_digit(),
        _ => false,
    }
}

/// Returns the length of the octet that the regular expression matches at the beginning of a text: the longest.
fn leading_octet(bytes: &[u8]) -> Option<usize> {
    (1..=3).rev().find(|&length| bytes.get(..length).is_some_and(is_octet))
}

/// Reads an address as Python's `ipaddress` does: no octet has a leading zero.
pub fn parse(text: &str) -> Option<[u8; 4]> {
    let mut ip = [0; 4];
    let mut octets = text.split('.');
    for octet in &mut ip {
        let digits = octets.next()?;
        if digits.len() > 1 && digits.starts_with('0') {
            return None;
        }
        *octet = digits.parse().ok()?;
    }
    Some(ip)
}

/// Whether an address is global: not in the IANA registry of addresses for special purposes, as in Python 3.11.
pub fn is_global(ip: [u8; 4]) -> bool {
    match ip {
        // this network, private, loopback, link-local, private, protocol assignments
        [0 | 10 | 127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => false,
        [192, 0, 0, 0..=7 | 170..=171] => false,
        // documentation, benchmarks, shared between a carrier's customers, reserved and broadcast
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => false,
        [198, 18..=19, ..] | [100, 64..=127, ..] | [240..=255, ..] => false,
        _ => true,
    }
}
