//! Short answers in a form in which equal answers are equal texts, as in the evaluation of SQuAD (Rajpurkar et al.
//! 2016, arXiv 1606.05250).

use crate::chars::{is_letter, is_space};

/// What does not matter when answers are compared. The parts are done in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// ASCII's punctuation is left out.
    pub ignore_punctuation: bool,
    /// The digits 0 to 9 are left out. SQuAD keeps them.
    pub ignore_numbers: bool,
    /// The words a, an and the are left out.
    pub ignore_articles: bool,
    /// White space is one space, and none at the ends.
    pub ignore_spaces: bool,
}

impl Answers {
    /// SQuAD's: everything but digits.
    pub const SQUAD: Self = Self {
        ignore_case: true,
        ignore_punctuation: true,
        ignore_numbers: false,
        ignore_articles: true,
        ignore_spaces: true,
    };

    /// Returns the answer without what does not matter.
    pub fn normal(self, text: &str) -> String {
        let mut text = if self.ignore_case { text.to_lowercase() } else { text.to_owned() };
        text.retain(|char| {
            let is_left_out =
                self.ignore_punctuation && char.is_ascii_punctuation() || self.ignore_numbers && char.is_ascii_digit();
            !is_left_out
        });
        if self.ignore_articles {
            text = without_articles(&text);
        }
        if self.ignore_spaces {
            let words: Vec<_> = text.split(is_space).filter(|word| !word.is_empty()).collect();
            text = words.join(" ");
        }
        text
    }
}

/// The text with a space in place of each article.
fn without_articles(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|char| !is_of_word(char)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        kept.push_str(if matches!(word, "a" | "an" | "the") { " " } else { word });
        let end = tail.find(is_of_word).unwrap_or(tail.len());
        kept.push_str(&tail[..end]);
        rest = &tail[end..];
    }
    kept
}

/// Whether a character is part of a word, as `\w` of Python's `re`: no combining mark is.
fn is_of_word(char: char) -> bool {
    char == '_' || is_letter(char) || char.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let squad = |text: &str| Answers::SQUAD.normal(text);
        assert_eq!(squad(" The  U.S. (an ally),\tA-OK? "), "us ally aok");
        assert_eq!(squad("there a_n a\u{301} théa 中a a中 a。"), "there \u{301} théa 中a a中 。");
        assert_eq!((squad("The a"), squad(""), squad("…¿É")), (String::new(), String::new(), "…¿é".to_owned()));
        let nothing = Answers { ignore_case: false, ignore_punctuation: false, ..Answers::SQUAD };
        let nothing = Answers { ignore_articles: false, ignore_spaces: false, ..nothing };
        assert_eq!(nothing.normal(" The  1. "), " The  1. ");
        assert_eq!(Answers { ignore_numbers: true, ..nothing }.normal("a1 ٣"), "a ٣");
        // an article is found by its case, if that matters
        assert_eq!(Answers { ignore_articles: true, ..nothing }.normal("The the"), "The  ");
    }
}
