//! How GPT-2 (Radford et al. 2019) writes bytes as characters: printable bytes of Latin-1 are written as themselves,
//! the other 68 as characters from U+0100 on.

/// The character of each byte.
pub fn alphabet() -> [char; 256] {
    let mut others = '\u{100}'..;
    let mut chars = ['\0'; 256];
    for byte in 0..=u8::MAX {
        let other = (!matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)).then(|| others.next()).flatten();
        chars[usize::from(byte)] = other.unwrap_or(char::from(byte));
    }
    chars
}

/// Returns the bytes of a token as written in a file; none if it is not written in that alphabet.
pub fn bytes(token: &str) -> Option<Vec<u8>> {
    let chars = alphabet();
    let byte = |char: char| match u32::from(char) {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => Some(u32::from(char) as u8),
        0x100..0x144 => chars.iter().position(|&known| known == char).map(|byte| byte as u8),
        _ => None,
    };
    token.chars().map(byte).collect()
}

/// Returns a token as it is written in a file.
pub fn text(token: &[u8], alphabet: &[char; 256]) -> String {
    token.iter().map(|&byte| alphabet[usize::from(byte)]).collect()
}
