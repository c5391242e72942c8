//! Cleaner `newlines`: at most `max` newlines in a row, and no white space at the ends of lines. A line of only white
//! space is a blank line. `\r` is white space here: put `unicode`, which makes every line end `\n`, before this
//! cleaner. A verdict with new text has the reason `newlines_rewritten`, the number of changes as the score, and their
//! places as spans.

use trainyard_plugin::{Create, Filter, PluginError, Result, Rewrite, Verdict, config};

config! {
    /// Settings of `newlines`.
    pub struct Settings {
        /// maximum number of newlines in a row, 1 or more: 2 leaves one blank line between paragraphs
        max: u32 = 2u32,
        /// removes white space at the ends of lines
        trailing_spaces: bool = true,
    }
}

/// The cleaner.
pub struct Newlines {
    max: usize,
    trailing_spaces: bool,
}

impl Create for Newlines {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if settings.max == 0 {
            return Err(PluginError::config("max: expected 1 or more, got 0"));
        }
        Ok(Self { max: settings.max as usize, trailing_spaces: settings.trailing_spaces })
    }
}

impl Filter for Newlines {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl Newlines {
    fn verdict(&self, document: &str) -> Verdict {
        let mut rewrite = Rewrite::new(document);
        let bytes = document.as_bytes();
        // newlines that stay before the line that is looked at, and the end of the last one
        let (mut n_newlines, mut start) = (0, 0);
        for end in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
            // most lines end in a letter or mark that is ASCII
            if end > start && bytes[end - 1].is_ascii_graphic() {
                n_newlines = 1;
                start = end + 1;
                continue;
            }
            let line = &document[start..end];
            let visible = line.trim_end();
            let is_last = end == bytes.len();
            let is_too_many = visible.is_empty() && n_newlines >= self.max && !is_last;
            if is_too_many {
                rewrite.remove(start..end + 1);
            } else {
                if self.trailing_spaces && visible.len() < line.len() {
                    rewrite.remove(start + visible.len()..end);
                }
                n_newlines = if visible.is_empty() { n_newlines + 1 } else { 1 };
            }
            start = end + 1;
        }
        rewrite.verdict("newlines_rewritten")
    }
}

trainyard_plugin::export!(filter "newlines" = Newlines, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::Span;

    fn verdict(max: u32, trailing_spaces: bool, document: &str) -> Verdict {
        Newlines::create(Settings { max, trailing_spaces }).unwrap().judge(&[document]).unwrap().remove(0)
    }

    fn cleaned(max: u32, document: &str) -> String {
        verdict(max, true, document).text.unwrap_or_else(|| document.into())
    }

    #[test]
    fn runs_are_cut() {
        assert_eq!(cleaned(2, "a\n\n\n\nb\nc\n\nd"), "a\n\nb\nc\n\nd");
        assert_eq!(cleaned(1, "a\n\n\n\nb\nc\n\nd"), "a\nb\nc\nd");
        assert_eq!(cleaned(3, "a\n\n\n\n\n\nb"), "a\n\n\nb");
        assert_eq!(cleaned(2, "\n\n\n\na\n\n\n"), "\n\na\n\n");
        // blank lines may hold white space
        assert_eq!(cleaned(2, "a \t\n \n\u{3000}\n\r\n  b"), "a\n\n  b");
        assert_eq!(cleaned(2, "一\n\n\n二。\u{a0}\n三 "), "一\n\n二。\n三");
    }

    #[test]
    fn spaces_stay_when_asked_to() {
        assert_eq!(verdict(2, false, "a \n b \n"), Verdict::keep());
        assert_eq!(verdict(2, false, "a \n \n \n b").text.as_deref(), Some("a \n \n b"));
    }

    #[test]
    fn clean_text_is_not_rewritten() {
        for document in ["", "a", "\n", "\n\n", "a\n\nb\n\n", "  a\n\tb", "中\n\n文", "\0"] {
            assert_eq!(verdict(2, true, document), Verdict::keep(), "{document:?}");
        }
    }

    #[test]
    fn verdicts_say_what_and_where() {
        let found = verdict(2, true, "a  \n\n\nb");
        assert_eq!((found.reason.as_str(), found.score), ("newlines_rewritten", Some(2.0)));
        assert_eq!(found.spans, [Span { start: 1, end: 3 }, Span { start: 5, end: 6 }]);
    }

    #[test]
    fn twice_is_once() {
        let pieces = ["a", " ", "\n", "\u{3000}", "\n\n", "。", "\r\n", ""];
        for i in 0..pieces.len().pow(5) {
            let text: String = (0..5).map(|j| pieces[i / pieces.len().pow(j) % pieces.len()]).collect();
            for (max, spaces) in [(1, true), (2, true), (2, false)] {
                let once = verdict(max, spaces, &text).text.unwrap_or_else(|| text.clone());
                assert_eq!(verdict(max, spaces, &once), Verdict::keep(), "{text:?}");
            }
        }
    }

    #[test]
    fn refuses() {
        let error = Newlines::create(Settings { max: 0, trailing_spaces: true }).err().unwrap();
        assert_eq!(error.message, "max: expected 1 or more, got 0");
    }
}
