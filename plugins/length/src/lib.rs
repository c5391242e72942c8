//! Filter `length`: drops documents that are too short or too long, in characters, words, bytes or lines.
//! A character is a Unicode scalar value. Words are separated by white space (`words = "whitespace"`), Unicode's words
//! (`unicode`), or those with every Chinese character as a word (`zh`); for the last two, punctuation is not a word.
//! Lines are those of Python's `str.splitlines`, including blank ones. The first limit that is broken gives the reason,
//! in the order of [`Settings`]; the score is the count.

use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Verdict, config};
use trainyard_text::{Words, count_chars, lines};

config! {
    /// Settings of `length`. A limit of 0 means no limit.
    pub struct Settings {
        /// minimum number of characters; 0: no limit
        min_chars: u32 = 0u32,
        /// maximum number of characters; 0: no limit
        max_chars: u32 = 0u32,
        /// minimum number of words; 0: no limit
        min_words: u32 = 0u32,
        /// maximum number of words; 0: no limit
        max_words: u32 = 0u32,
        /// minimum number of bytes; 0: no limit
        min_bytes: u32 = 0u32,
        /// maximum number of bytes; 0: no limit
        max_bytes: u32 = 0u32,
        /// minimum number of lines; 0: no limit
        min_lines: u32 = 0u32,
        /// maximum number of lines; 0: no limit
        max_lines: u32 = 0u32,
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "whitespace",
    }
}

/// The filter.
pub struct Length {
    words: Words,
    rules: Vec<Rule>,
}

/// The counts, in the order of the rules; each has two rules.
const COUNTED: [Counted; 4] = [Counted::Chars, Counted::Words, Counted::Bytes, Counted::Lines];

#[derive(Debug, Clone, Copy)]
enum Counted {
    Chars,
    Words,
    Bytes,
    Lines,
}

impl Create for Length {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let limits = [
            ("chars", settings.min_chars, settings.max_chars),
            ("words", settings.min_words, settings.max_words),
            ("bytes", settings.min_bytes, settings.max_bytes),
            ("lines", settings.min_lines, settings.max_lines),
        ];
        let mut rules = Vec::new();
        for (what, min, max) in limits {
            if max != 0 && min > max {
                return Err(PluginError::config(format!(
                    "min_{what}: expected at most max_{what} = {max}, got {min}; no document would stay"
                )));
            }
            let (min, max) = (min.into(), max.into());
            rules.push(Rule::at_least(format!("length_too_few_{what}"), format!("min_{what}"), min).within(f64::MAX)?);
            rules.push(Rule::at_most(format!("length_too_many_{what}"), format!("max_{what}"), max).within(f64::MAX)?);
        }
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        Ok(Self { words, rules })
    }
}

impl Filter for Length {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(documents.len() * self.rules.len());
        for document in documents {
            for counted in COUNTED {
                let n = self.count(document, counted) as f64;
                values.extend([n, n]);
            }
        }
        Ok(values)
    }
}

impl Length {
    /// Returns the verdict of [`Filter::measure`] and the rules; counts without a limit are not computed.
    fn verdict(&self, document: &str) -> Verdict {
        for (rules, counted) in self.rules.chunks(2).zip(COUNTED) {
            if rules.iter().any(|rule| rule.limit.is_finite()) {
                let n = self.count(document, counted) as f64;
                let verdict = Rule::verdict(rules, &[n, n]);
                if !verdict.keep {
                    return verdict;
                }
            }
        }
        Verdict::keep()
    }

    fn count(&self, document: &str, counted: Counted) -> usize {
        match counted {
            Counted::Chars => count_chars(document),
            // punctuation between spaces has always counted
            Counted::Words if self.words == Words::Whitespace => self.words.split(document).count(),
            Counted::Words => self.words.words(document).count(),
            Counted::Bytes => document.len(),
            Counted::Lines => lines(document).count(),
        }
    }
}

trainyard_plugin::export!(measured_filter "length" = Length, abilities = ["idempotent"]);

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
        let settings = Settings { min_chars: 10, max_chars: 20, min_words: 9, max_words: 10, ..Settings::default() };
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
        Length::create(Settings { min_chars: 9, max_chars: 9, min_words: 1, ..Settings::default() }).unwrap();
    }

    #[test]
    fn bytes_lines_and_other_words() {
        let settings = Settings { min_bytes: 3, max_bytes: 4, ..Settings::default() };
        assert_eq!(verdict(&settings, "é"), Verdict::drop("length_too_few_bytes").score(2.0));
        assert_eq!(verdict(&settings, "中a"), Verdict::keep());
        assert_eq!(verdict(&settings, "中é"), Verdict::drop("length_too_many_bytes").score(5.0));
        let settings = Settings { min_lines: 2, max_lines: 3, ..Settings::default() };
        assert_eq!(verdict(&settings, "a\n"), Verdict::drop("length_too_few_lines").score(1.0));
        assert_eq!(verdict(&settings, "a\r\n\nb"), Verdict::keep());
        assert_eq!(verdict(&settings, "a\nb\rc\u{2028}d"), Verdict::drop("length_too_many_lines").score(4.0));
        let settings = Settings { min_words: 9, words: "zh".into(), ..Settings::default() };
        assert_eq!(verdict(&settings, "中文字，it's 3.5 - ok").score, Some(6.0));
        let error = Length::create(Settings { words: "spacy".into(), ..Settings::default() }).err().unwrap();
        assert!(error.message.starts_with("words: expected"), "{}", error.message);
    }

    #[test]
    fn verdicts_are_those_of_the_rules() {
        let settings = Settings {
            min_chars: 2,
            max_words: 3,
            min_bytes: 3,
            max_lines: 2,
            words: "unicode".into(),
            ..Settings::default()
        };
        let mut filter = Length::create(settings).unwrap();
        let documents = ["", "a", "ab", "abc", "a b c d", "a\nb\nc", "中文 字 a", "\0\u{feff}"];
        let (rules, values) = (filter.rules(), filter.measure(&documents).unwrap());
        let expected: Vec<_> = values.chunks(rules.len()).map(|values| Rule::verdict(&rules, values)).collect();
        assert_eq!(filter.judge(&documents).unwrap(), expected);
        assert_eq!(expected.iter().filter(|verdict| verdict.keep).count(), 2);
    }
}
