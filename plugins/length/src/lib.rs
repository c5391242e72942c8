//! Filter `length`: drops documents with too few or too many characters or words.
//!
//! A character is a Unicode scalar value, a word is what white space (`char::is_whitespace`) separates. Chinese and
//! Japanese have no spaces between words: limit the characters there. The first limit that is broken gives the reason,
//! in the order of [`Settings`]; the score is what was counted.

use trainyard_plugin::{Create, Filter, PluginError, Result, Verdict, config};

config! {
    /// Settings of `length`.
    pub struct Settings {
        /// fewest characters of a document that stays; 0 is no limit
        min_chars: u32 = 0u32,
        /// most characters of a document that stays; 0 is no limit
        max_chars: u32 = 0u32,
        /// fewest words of a document that stays; 0 is no limit
        min_words: u32 = 0u32,
        /// most words of a document that stays; 0 is no limit
        max_words: u32 = 0u32,
    }
}

/// The filter.
pub struct Length(Settings);

impl Create for Length {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        check_order("chars", settings.min_chars, settings.max_chars)?;
        check_order("words", settings.min_words, settings.max_words)?;
        Ok(Self(settings))
    }
}

fn check_order(what: &str, min: u32, max: u32) -> Result<()> {
    if max != 0 && min > max {
        return Err(PluginError::config(format!(
            "min_{what}: expected at most max_{what} = {max}, got {min}; no document would stay"
        )));
    }
    Ok(())
}

impl Filter for Length {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl Length {
    fn verdict(&self, document: &str) -> Verdict {
        let Settings { min_chars, max_chars, min_words, max_words } = self.0;
        let n_chars = document.chars().count();
        if n_chars < min_chars as usize {
            return Verdict::drop("length_too_few_chars").score(n_chars as f64);
        }
        if max_chars != 0 && n_chars > max_chars as usize {
            return Verdict::drop("length_too_many_chars").score(n_chars as f64);
        }
        // counting words is the dearer half
        if min_words == 0 && max_words == 0 {
            return Verdict::keep();
        }
        let n_words = document.split_whitespace().count();
        if n_words < min_words as usize {
            return Verdict::drop("length_too_few_words").score(n_words as f64);
        }
        if max_words != 0 && n_words > max_words as usize {
            return Verdict::drop("length_too_many_words").score(n_words as f64);
        }
        Verdict::keep()
    }
}

trainyard_plugin::export!(filter "length" = Length, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::ErrorKind;

    fn verdict(settings: &Settings, document: &str) -> Verdict {
        let verdicts = Length::create(settings.clone()).unwrap().judge(&[document]).unwrap();
        assert_eq!(verdicts.len(), 1);
        verdicts[0].clone()
    }

    #[test]
    fn limits_are_inclusive() {
        let settings = Settings { min_chars: 3, max_chars: 5, ..Settings::default() };
        assert_eq!(verdict(&settings, "ab"), Verdict::drop("length_too_few_chars").score(2.0));
        assert_eq!(verdict(&settings, "abc"), Verdict::keep());
        assert_eq!(verdict(&settings, "abcde"), Verdict::keep());
        assert_eq!(verdict(&settings, "abcdef"), Verdict::drop("length_too_many_chars").score(6.0));

        let settings = Settings { min_words: 2, max_words: 3, ..Settings::default() };
        assert_eq!(verdict(&settings, " one\n"), Verdict::drop("length_too_few_words").score(1.0));
        assert_eq!(verdict(&settings, "one\u{3000}two"), Verdict::keep());
        assert_eq!(verdict(&settings, "one two\tthree"), Verdict::keep());
        assert_eq!(verdict(&settings, "a b c d"), Verdict::drop("length_too_many_words").score(4.0));
    }

    #[test]
    fn first_broken_limit_is_the_reason() {
        let settings = Settings { min_chars: 10, max_chars: 20, min_words: 9, max_words: 10 };
        assert_eq!(verdict(&settings, "one").reason, "length_too_few_chars");
        assert_eq!(verdict(&settings, "one two three four five six").reason, "length_too_many_chars");
        assert_eq!(verdict(&settings, "one two three").reason, "length_too_few_words");
    }

    #[test]
    fn no_limit_keeps_everything() {
        for document in ["", " ", "a", "\0\u{feff}\r\n", &"长".repeat(10_000)] {
            assert_eq!(verdict(&Settings::default(), document), Verdict::keep());
        }
    }

    #[test]
    fn characters_are_scalar_values() {
        let settings = Settings { min_chars: 100, ..Settings::default() };
        for (document, n_chars) in [("", 0.0), ("e\u{301}", 2.0), ("👩‍👩‍👧", 5.0), ("中文", 2.0), ("\r\n\0", 3.0)]
        {
            assert_eq!(verdict(&settings, document).score, Some(n_chars), "{document:?}");
        }
        let settings = Settings { min_words: 100, ..Settings::default() };
        for (document, n_words) in [("", 0.0), ("\u{2028}\u{a0}\u{85}", 0.0), ("中文 字", 2.0), ("a\u{200b}b", 1.0)]
        {
            assert_eq!(verdict(&settings, document).score, Some(n_words), "{document:?}");
        }
    }

    #[test]
    fn verdicts_do_not_depend_on_the_batch() {
        let settings = Settings { min_words: 2, max_chars: 9, ..Settings::default() };
        let documents = ["one two", "", "one", "eleven words", "one two"];
        let together = Length::create(settings.clone()).unwrap().judge(&documents).unwrap();
        assert_eq!(together, documents.map(|document| verdict(&settings, document)));
        assert_eq!(Length::create(settings).unwrap().judge(&[]).unwrap(), []);
    }

    #[test]
    fn refuses() {
        let error = Length::create(Settings { min_chars: 9, max_chars: 8, ..Settings::default() }).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Config);
        assert_eq!(error.message, "min_chars: expected at most max_chars = 8, got 9; no document would stay");
        let error = Length::create(Settings { min_words: 2, max_words: 1, ..Settings::default() }).err().unwrap();
        assert_eq!(error.message, "min_words: expected at most max_words = 1, got 2; no document would stay");
        Length::create(Settings { min_chars: 9, max_chars: 9, min_words: 1, max_words: 0 }).unwrap();
    }
}
