//! In which script a character is.

use regex::Regex;

/// The scripts that are told apart, by their names in Unicode; everything else is `Other`.
const SCRIPTS: [&str; 20] = [
    "Latin",
    "Han",
    "Cyrillic",
    "Arabic",
    "Devanagari",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Greek",
    "Hebrew",
    "Thai",
    "Bengali",
    "Tamil",
    "Telugu",
    "Georgian",
    "Armenian",
    "Ethiopic",
    "Khmer",
    "Myanmar",
    "Gujarati",
];

/// Finds the script of a character.
pub(super) struct Scripts(Vec<(&'static str, Regex)>);

impl Scripts {
    pub fn new() -> Self {
        let classes =
            [("White space", r"\s".to_owned()), ("Digits", r"\p{N}".into()), ("Punctuation", r"\p{P}".into())];
        let scripts = SCRIPTS.map(|name| (name, format!(r"\p{{Script={name}}}")));
        let all = classes.into_iter().chain(scripts);
        Self(all.filter_map(|(name, class)| Some((name, Regex::new(&class).ok()?))).collect())
    }

    /// White space, digits and punctuation are of no script.
    pub fn of(&self, char: char) -> &'static str {
        let mut buffer = [0; 4];
        let text = char.encode_utf8(&mut buffer);
        self.0.iter().find(|(_, class)| class.is_match(text)).map_or("Other", |(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts() {
        let scripts = Scripts::new();
        assert_eq!(scripts.0.len(), 3 + SCRIPTS.len());
        let of = |text: &str| text.chars().map(|char| scripts.of(char)).collect::<Vec<_>>();
        assert_eq!(of("é中ж1。 "), ["Latin", "Han", "Cyrillic", "Digits", "Punctuation", "White space"]);
        assert_eq!(of("\0😀ひ"), ["Other", "Other", "Hiragana"]);
    }
}
