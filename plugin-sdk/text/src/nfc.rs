//! Unicode's normal form C.

use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Returns the text in normal form C (UAX-15), in which canonically equivalent texts are equal. It is borrowed if it is
/// already in this form.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composes() {
        assert_eq!(nfc("e\u{301} \u{1100}\u{1161} \u{212b}"), "é 가 Å");
        assert!(matches!(nfc("é 中文"), Cow::Borrowed(_)));
    }
}
