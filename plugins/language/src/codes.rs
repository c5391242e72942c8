//! Names of languages.

use trainyard_plugin::{PluginError, Result};
use whatlang::Lang;

/// Returns the language that a code of ISO 639-3 or 639-1 names.
///
/// # Errors
/// An unknown code.
pub fn language(code: &str) -> Result<Lang> {
    let known = CODES.iter().find(|(three, two)| *three == code || *two == code);
    known.and_then(|&(three, _)| Lang::from_code(three)).ok_or_else(|| {
        let known: Vec<_> = CODES.iter().map(|(three, two)| format!("{three} ({two})")).collect();
        PluginError::config(format!("languages: expected codes of ISO 639, one of {}, got {code:?}", known.join(", ")))
    })
}

/// The codes (ISO 639-3 and 639-1) of the languages that are told apart.
#[rustfmt::skip]
const CODES: [(&str, &str); 70] = [
    ("afr", "af"), ("aka", "ak"), ("amh", "am"), ("ara", "ar"), ("aze", "az"), ("bel", "be"), ("ben", "bn"),
    ("bul", "bg"), ("cat", "ca"), ("ces", "cs"), ("cmn", "zh"), ("cym", "cy"), ("dan", "da"), ("deu", "de"),
    ("ell", "el"), ("eng", "en"), ("epo", "eo"), ("est", "et"), ("fin", "fi"), ("fra", "fr"), ("guj", "gu"),
    ("heb", "he"), ("hin", "hi"), ("hrv", "hr"), ("hun", "hu"), ("hye", "hy"), ("ind", "id"), ("ita", "it"),
    ("jav", "jv"), ("jpn", "ja"), ("kan", "kn"), ("kat", "ka"), ("khm", "km"), ("kor", "ko"), ("lat", "la"),
    ("lav", "lv"), ("lit", "lt"), ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"), ("mya", "my"), ("nep", "ne"),
    ("nld", "nl"), ("nob", "nb"), ("ori", "or"), ("pan", "pa"), ("pes", "fa"), ("pol", "pl"), ("por", "pt"),
    ("ron", "ro"), ("rus", "ru"), ("sin", "si"), ("slk", "sk"), ("slv", "sl"), ("sna", "sn"), ("spa", "es"),
    ("srp", "sr"), ("swe", "sv"), ("tam", "ta"), ("tel", "te"), ("tgl", "tl"), ("tha", "th"), ("tuk", "tk"),
    ("tur", "tr"), ("ukr", "uk"), ("urd", "ur"), ("uzb", "uz"), ("vie", "vi"), ("yid", "yi"), ("zul", "zu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_languages_have_codes() {
        assert_eq!(CODES.len(), Lang::all().len());
        for (three, two) in CODES {
            assert_eq!(language(two).unwrap(), language(three).unwrap());
            assert_eq!(language(three).unwrap().code(), three);
        }
    }
}
