//! Filter `gopher-quality`: the rules by which Gopher's authors told prose from the rest of the web.
//!
//! Rae et al. 2021, "Scaling Language Models" (arXiv 2112.11446), appendix A.1.1, as `GopherQualityFilter` of datatrove
//! 0.10 (Apache-2.0) reads them. The first rule that a document breaks gives the reason, the score is what that rule
//! measured:
//!
//! | reason | measured |
//! |---|---|
//! | `gopher_short_doc`, `gopher_long_doc` | words that are more than punctuation |
//! | `gopher_below_avg_threshold`, `gopher_above_avg_threshold` | mean characters of those words |
//! | `gopher_too_many_hashes` | `#` / words |
//! | `gopher_too_many_ellipsis` | (`...` + `…`) / words |
//! | `gopher_too_many_bullets` | lines that start with `•` or `-` / lines |
//! | `gopher_too_many_end_ellipsis` | lines that end in `...` or `…` / lines |
//! | `gopher_below_alpha_threshold` | words with a letter / words |
//! | `gopher_enough_stop_words` | distinct of the, be, to, of, and, that, have, with |
//!
//! datatrove splits English with spaCy, which cuts punctuation off the words; here words are what white space separates
//! ("the," is no stop word), so thresholds carry over and single verdicts may not. With the same words the verdicts are
//! the same, but for words made of combining marks alone, which count as letters here.

mod chars;
mod measure;

use measure::{Lines, Words, count_ellipses, count_hashes, ratio};
use trainyard_plugin::{Create, Filter, PluginError, Result, Verdict, config};

config! {
    /// Settings of `gopher-quality`. A limit of 0 switches its rule off.
    pub struct Settings {
        /// how text is split into words: whitespace
        words: String = "whitespace",
        /// fewest words that are more than punctuation
        min_words: u32 = 50u32,
        /// most words that are more than punctuation
        max_words: u32 = 100_000u32,
        /// least mean length of those words in characters
        min_mean_word_length: f64 = 3.0,
        /// greatest mean length of those words in characters
        max_mean_word_length: f64 = 10.0,
        /// most hash signs per word, and most ellipses per word
        max_symbols_per_word: f64 = 0.1,
        /// greatest share of lines that start with a bullet
        max_bullet_lines: f64 = 0.9,
        /// greatest share of lines that end in an ellipsis
        max_ellipsis_lines: f64 = 0.3,
        /// least share of words with a letter
        min_alphabetic_words: f64 = 0.8,
        /// fewest distinct English stop words, of 8
        min_stop_words: u32 = 2u32,
    }
}

/// The filter.
pub struct GopherQuality(Settings);

impl Create for GopherQuality {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if settings.words != "whitespace" {
            return Err(PluginError::config(format!(
                "words: expected \"whitespace\", the only splitter offered, got {:?}",
                settings.words
            )));
        }
        for (name, value, most) in [
            ("min_mean_word_length", settings.min_mean_word_length, f64::MAX),
            ("max_mean_word_length", settings.max_mean_word_length, f64::MAX),
            ("max_symbols_per_word", settings.max_symbols_per_word, f64::MAX),
            ("max_bullet_lines", settings.max_bullet_lines, 1.0),
            ("max_ellipsis_lines", settings.max_ellipsis_lines, 1.0),
            ("min_alphabetic_words", settings.min_alphabetic_words, 1.0),
        ] {
            // also refuses NaN and infinity
            if !(0.0..=most).contains(&value) {
                let range = if most == 1.0 { "0 to 1" } else { "0 or more" };
                return Err(PluginError::config(format!("{name}: expected {range}, got {value}")));
            }
        }
        check_order("words", settings.min_words.into(), settings.max_words.into())?;
        check_order("mean_word_length", settings.min_mean_word_length, settings.max_mean_word_length)?;
        if settings.min_stop_words > 8 {
            return Err(PluginError::config(format!(
                "min_stop_words: expected 0 to 8, got {}",
                settings.min_stop_words
            )));
        }
        Ok(Self(settings))
    }
}

fn check_order(what: &str, min: f64, max: f64) -> Result<()> {
    if max != 0.0 && min > max {
        return Err(PluginError::config(format!(
            "min_{what}: expected at most max_{what} = {max}, got {min}; no document would stay"
        )));
    }
    Ok(())
}

impl Filter for GopherQuality {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl GopherQuality {
    fn verdict(&self, document: &str) -> Verdict {
        let words = Words::count(document);
        self.judge_words(&words)
            .or_else(|| self.judge_symbols(document, &words))
            .or_else(|| self.judge_lines(document))
            .or_else(|| self.judge_language(&words))
            .unwrap_or_else(Verdict::keep)
    }

    fn judge_words(&self, words: &Words) -> Option<Verdict> {
        let (n, mean) = (words.n_plain as f64, ratio(words.n_plain_chars, words.n_plain));
        below("gopher_short_doc", n, self.0.min_words.into())
            .or_else(|| above("gopher_long_doc", n, self.0.max_words.into()))
            .or_else(|| below("gopher_below_avg_threshold", mean, self.0.min_mean_word_length))
            .or_else(|| above("gopher_above_avg_threshold", mean, self.0.max_mean_word_length))
    }

    fn judge_symbols(&self, document: &str, words: &Words) -> Option<Verdict> {
        let most = self.0.max_symbols_per_word;
        above("gopher_too_many_hashes", ratio(count_hashes(document), words.n), most)
            .or_else(|| above("gopher_too_many_ellipsis", ratio(count_ellipses(document), words.n), most))
    }

    fn judge_lines(&self, document: &str) -> Option<Verdict> {
        let lines = Lines::count(document);
        above("gopher_too_many_bullets", ratio(lines.n_bullets, lines.n), self.0.max_bullet_lines).or_else(|| {
            above("gopher_too_many_end_ellipsis", ratio(lines.n_ellipses, lines.n), self.0.max_ellipsis_lines)
        })
    }

    fn judge_language(&self, words: &Words) -> Option<Verdict> {
        let alphabetic = ratio(words.n_alphabetic, words.n);
        below("gopher_below_alpha_threshold", alphabetic, self.0.min_alphabetic_words)
            .or_else(|| below("gopher_enough_stop_words", words.n_stop_words().into(), self.0.min_stop_words.into()))
    }
}

/// The verdict on a value below its limit. A limit of 0 is none, and neither is anything below NaN.
fn below(reason: &str, value: f64, limit: f64) -> Option<Verdict> {
    (limit != 0.0 && value < limit).then(|| Verdict::drop(reason).score(value))
}

/// The verdict on a value above its limit.
fn above(reason: &str, value: f64, limit: f64) -> Option<Verdict> {
    (limit != 0.0 && value > limit).then(|| Verdict::drop(reason).score(value))
}

trainyard_plugin::export!(filter "gopher-quality" = GopherQuality, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::ErrorKind;

    fn verdict(settings: &Settings, document: &str) -> Verdict {
        GopherQuality::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
    }

    /// 60 words of prose on ten lines.
    fn prose() -> String {
        "the river ran quietly with them\n".repeat(10)
    }

    #[test]
    fn first_broken_rule_is_the_reason() {
        let cases: [(String, &str, f64); 10] = [
            (prose().repeat(2)[..600].into(), "", 0.0),
            ("the river ... -- !".into(), "gopher_short_doc", 2.0),
            (prose().repeat(1667), "gopher_long_doc", 100_020.0),
            ("a bc of ".repeat(20), "gopher_below_avg_threshold", 5.0 / 3.0),
            ("incomprehensibilities ".repeat(50), "gopher_above_avg_threshold", 21.0),
            (prose() + "#######", "gopher_too_many_hashes", 7.0 / 61.0),
            (prose() + "... … ... … ... ... ... ...", "gopher_too_many_ellipsis", 8.0 / 68.0),
            ("  • the river ran quietly with them\n".repeat(10), "gopher_too_many_bullets", 1.0),
            (prose() + &" that…\n".repeat(5), "gopher_too_many_end_ellipsis", 5.0 / 15.0),
            ("the river with 1812 ".repeat(15), "gopher_below_alpha_threshold", 0.75),
        ];
        for (document, reason, score) in cases {
            let expected = match reason {
                "" => Verdict::keep(),
                _ => Verdict::drop(reason).score(score),
            };
            assert_eq!(verdict(&Settings::default(), &document), expected);
        }
        let expected = Verdict::drop("gopher_enough_stop_words").score(1.0);
        assert_eq!(verdict(&Settings::default(), &"the THE, river runs ".repeat(20)), expected);
    }

    #[test]
    fn limits_of_zero_are_off() {
        let off = Settings {
            min_words: 0,
            max_words: 0,
            min_mean_word_length: 0.0,
            max_mean_word_length: 0.0,
            max_symbols_per_word: 0.0,
            max_bullet_lines: 0.0,
            max_ellipsis_lines: 0.0,
            min_alphabetic_words: 0.0,
            min_stop_words: 0,
            ..Settings::default()
        };
        for document in ["", "\u{2028}", "- #...", "\0\u{feff}", "中文", "e\u{301} 👩‍👩‍👧"] {
            assert_eq!(verdict(&off, document), Verdict::keep(), "{document:?}");
            assert_eq!(verdict(&Settings::default(), document).reason, "gopher_short_doc", "{document:?}");
        }
        // without words there are no shares, and only counts can be broken
        let few = Settings { min_words: 0, ..Settings::default() };
        assert_eq!(verdict(&few, " \n"), Verdict::drop("gopher_enough_stop_words").score(0.0));
    }

    #[test]
    fn verdicts_do_not_depend_on_the_batch() {
        let (prose, hashes) = (prose(), prose() + "#######");
        let documents = [&prose, "", &hashes, "- a", &prose];
        let mut filter = GopherQuality::create(Settings::default()).unwrap();
        let together = filter.judge(&documents).unwrap();
        assert_eq!(together, documents.map(|document| verdict(&Settings::default(), document)));
        assert_eq!(filter.judge(&[]).unwrap(), []);
    }

    #[test]
    fn refuses() {
        let default = Settings::default;
        let cases = [
            (
                Settings { words: "spacy".into(), ..default() },
                "words: expected \"whitespace\", the only splitter offered, got \"spacy\"",
            ),
            (
                Settings { max_words: 49, ..default() },
                "min_words: expected at most max_words = 49, got 50; no document would stay",
            ),
            (
                Settings { min_mean_word_length: 10.5, ..default() },
                "min_mean_word_length: expected at most max_mean_word_length = 10, got 10.5; no document would stay",
            ),
            (
                Settings { max_mean_word_length: f64::NAN, ..default() },
                "max_mean_word_length: expected 0 or more, got NaN",
            ),
            (
                Settings { max_symbols_per_word: -0.1, ..default() },
                "max_symbols_per_word: expected 0 or more, got -0.1",
            ),
            (Settings { max_bullet_lines: 1.5, ..default() }, "max_bullet_lines: expected 0 to 1, got 1.5"),
            (Settings { max_ellipsis_lines: 30.0, ..default() }, "max_ellipsis_lines: expected 0 to 1, got 30"),
            (
                Settings { min_alphabetic_words: f64::INFINITY, ..default() },
                "min_alphabetic_words: expected 0 to 1, got inf",
            ),
            (Settings { min_stop_words: 9, ..default() }, "min_stop_words: expected 0 to 8, got 9"),
        ];
        for (settings, message) in cases {
            let error = GopherQuality::create(settings).err().unwrap();
            assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Config, message));
        }
    }
}
