//! Windows-1252, with the bytes that it does not define read as Latin-1.

/// The characters of the bytes 0x80 to 0x9f; an undefined byte is itself.
const CHARS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', //
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Returns the byte of a character beyond ASCII in Windows-1252 or Latin-1.
pub fn byte_of(char: char) -> Option<u8> {
    match char {
        '\u{80}'..='\u{ff}' => u8::try_from(u32::from(char)).ok(),
        '\u{152}'..='\u{2122}' => (0x80..).zip(CHARS).find(|&(_, known)| known == char).map(|(byte, _)| byte),
        _ => None,
    }
}

/// Returns the character that Windows-1252 has where Latin-1 has the control character `byte`, if it has one.
pub fn char_of(byte: u8) -> Option<char> {
    let char = *CHARS.get(usize::from(byte.checked_sub(0x80)?))?;
    (char > '\u{ff}').then_some(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters() {
        for byte in 0x80..=0xff {
            assert_eq!(byte_of(char::from(byte)), Some(byte));
            assert_eq!(char_of(byte).is_some(), byte < 0xa0 && ![0x81, 0x8d, 0x8f, 0x90, 0x9d].contains(&byte));
            if let Some(char) = char_of(byte) {
                assert_eq!(byte_of(char), Some(byte));
            }
        }
        assert_eq!((byte_of('€'), byte_of('Ÿ'), byte_of('™')), (Some(0x80), Some(0x9f), Some(0x99)));
        for char in ['a', '\0', 'ő', '中', '\u{2000}', '\u{fffd}', '😀'] {
            assert_eq!(byte_of(char), None);
        }
        assert_eq!(char_of(b'a'), None);
    }
}
