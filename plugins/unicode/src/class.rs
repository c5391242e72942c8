//! Which characters are visible, need a joiner, and are in normal form whatever is before them.

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

/// A normal form of Unicode (Standard Annex 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Canonical composition.
    Nfc,
    /// Compatibility composition.
    Nfkc,
    /// No normalization.
    None,
}

/// Whether a character has no width and no meaning by itself. Variation selectors and tags are not among them: emoji
/// need them.
pub fn is_zero_width(char: char) -> bool {
    matches!(char,
        // soft hyphen, grapheme joiner, Arabic letter mark, Mongolian vowel separator
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}'
        // zero-width space, marks of direction, embeddings and overrides
        | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        // word joiner, invisible operators, isolates, deprecated controls of shape
        | '\u{2060}'..='\u{206f}'
        // byte order mark, anchors of annotations
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Whether a joiner after this character changes how text looks: letters of scripts that join or stack, and emoji.
pub fn needs_joiner(before: char) -> bool {
    matches!(before,
        // Arabic, Syriac, Thaana, N'Ko, Mandaic and Arabic again; Devanagari to Sinhala; Myanmar
        '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}'
        // Khmer, Mongolian, Balinese and other scripts of India and Indonesia
        | '\u{1780}'..='\u{18af}' | '\u{1b00}'..='\u{1bff}' | '\u{a800}'..='\u{ab2f}' | '\u{abc0}'..='\u{abff}'
        // forms of Arabic letters
        | '\u{fb50}'..='\u{fbb1}' | '\u{fbd3}'..='\u{fbff}' | '\u{fe80}'..='\u{fefc}'
        // scripts of India beyond the basic plane
        | '\u{11000}'..='\u{11fff}'
        // emoji, the selector that makes one, their skin tones
        | '\u{2190}'..='\u{21ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{fe0f}' | '\u{1f300}'..='\u{1faff}')
}

/// Whether a character is put into order with others after the same letter.
pub fn is_mark(char: char) -> bool {
    canonical_combining_class(char) != 0
}

/// Whether a character is in normal form whatever is before it. A needless "no" only costs time.
pub fn is_plain(char: char, form: Form) -> bool {
    match form {
        Form::None => true,
        Form::Nfc => matches!(char,
            '\0'..='\u{2ff}' | '\u{388}'..='\u{482}' | '\u{48a}'..='\u{590}' | '\u{1e00}'..='\u{1eff}'
            | '\u{2002}'..='\u{20cf}' | '\u{2100}'..='\u{2125}' | '\u{212c}'..='\u{2328}' | '\u{232b}'..='\u{2adb}'
            | '\u{3000}'..='\u{3029}' | '\u{3030}'..='\u{3098}' | '\u{309b}'..='\u{a66e}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{ff00}'..='\u{ffef}' | '\u{1f000}'..='\u{1faff}' | '\u{20000}'..='\u{2f7ff}'),
        Form::Nfkc => matches!(char,
            '\0'..='\u{7f}' | '\u{c0}'..='\u{131}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}'
            | '\u{1ea0}'..='\u{1eff}' | '\u{2010}' | '\u{2012}'..='\u{2016}' | '\u{2018}'..='\u{2023}'
            | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{2f7ff}'),
    }
}

/// Whether a text is in normal form.
pub fn is_normal(text: &str, form: Form) -> bool {
    let quick = match form {
        Form::Nfc => is_nfc_quick(text.chars()),
        Form::Nfkc => is_nfkc_quick(text.chars()),
        Form::None => IsNormalized::Yes,
    };
    match (quick, form) {
        (IsNormalized::Yes, _) => true,
        (IsNormalized::No, _) => false,
        (IsNormalized::Maybe, Form::Nfkc) => text.nfkc().eq(text.chars()),
        (IsNormalized::Maybe, _) => text.nfc().eq(text.chars()),
    }
}

/// Returns a text in normal form.
pub fn normalized(text: &str, form: Form) -> String {
    match form {
        Form::Nfc => text.nfc().collect(),
        Form::Nfkc => text.nfkc().collect(),
        Form::None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_characters_are_those_that_nothing_before_changes() {
        for char in '\0'..=char::MAX {
            let alone = std::iter::once(char);
            let starts = canonical_combining_class(char) == 0;
            if is_plain(char, Form::Nfc) {
                assert!(starts && is_nfc_quick(alone.clone()) == IsNormalized::Yes, "{:x}", u32::from(char));
            }
            if is_plain(char, Form::Nfkc) {
                assert!(starts && is_nfkc_quick(alone) == IsNormalized::Yes, "{:x}", u32::from(char));
            }
        }
    }

    #[test]
    fn normal_form_needs_joiners_where_the_text_did() {
        for char in ('\0'..=char::MAX).filter(|&char| needs_joiner(char) && !is_mark(char)) {
            for form in [Form::Nfc, Form::Nfkc] {
                let text = normalized(char.encode_utf8(&mut [0; 4]), form);
                assert!(text.chars().rfind(|&char| !is_mark(char)).is_some_and(needs_joiner), "{:x}", u32::from(char));
            }
        }
    }

    #[test]
    fn normal_form_brings_nothing_unseen() {
        for char in '\0'..=char::MAX {
            let text = normalized(char.encode_utf8(&mut [0; 4]), Form::Nfkc);
            let unseen = |char: char| char.is_control() || is_zero_width(char);
            assert!(!text.contains(unseen) || unseen(char), "{:x}", u32::from(char));
        }
    }
}
