//! Cleaner `citations`: removes marks in square brackets that encyclopedias leave in their text. By default it removes
//! what C4 removes (Raffel et al. 2020, arXiv 1910.10683; also in its code and in datatrove): a number or nothing in
//! brackets, `[edit]` and `[citation needed]`. `lists` adds several numbers and ranges, such as `[1, 2]` and `[3–5]`;
//! `marks` may hold more texts, such as `note 1` or `who?`, in any case. Digits are those of ASCII.
//!
//! A verdict with new text has the reason `citations_removed`, the number of marks as the score, and their places as
//! spans. It is not idempotent: `[[12]]` becomes `[]`, which is a mark too.

use trainyard_plugin::{Create, Filter, PluginError, Result, Rewrite, Verdict, config};

/// Most bytes of a list of numbers in brackets.
const LIST_MAX: usize = 60;

config! {
    /// Settings of `citations`.
    pub struct Settings {
        /// removes numbers in brackets, and empty brackets
        numbers: bool = true,
        /// removes lists and ranges of numbers in brackets
        lists: bool = false,
        /// removes these texts in brackets, in any case of ASCII
        marks: Vec<String> = ["edit".into(), "citation needed".into()],
    }
}

/// The cleaner.
pub struct Citations {
    settings: Settings,
    /// Bytes of the longest mark.
    mark_max: usize,
}

impl Create for Citations {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        if let Some(mark) = settings.marks.iter().find(|mark| mark.is_empty() || mark.contains(['[', ']'])) {
            return Err(PluginError::config(format!("marks: expected texts without their brackets, got {mark:?}")));
        }
        let mark_max = settings.marks.iter().map(String::len).max().unwrap_or(0);
        Ok(Self { settings, mark_max })
    }
}

impl Filter for Citations {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl Citations {
    fn verdict(&self, document: &str) -> Verdict {
        let mut rewrite = Rewrite::new(document);
        let bytes = document.as_bytes();
        for start in memchr::memchr_iter(b'[', bytes) {
            let behind = &bytes[start + 1..];
            let longest = self.mark_max.max(LIST_MAX).max(behind.iter().take_while(|b| b.is_ascii_digit()).count());
            let Some(length) = memchr::memchr(b']', &behind[..behind.len().min(longest + 1)]) else { continue };
            if self.is_citation(&behind[..length]) {
                rewrite.remove(start..start + length + 2);
            }
        }
        rewrite.verdict("citations_removed")
    }

    /// Whether a text between brackets is a citation.
    fn is_citation(&self, text: &[u8]) -> bool {
        (self.settings.numbers && text.iter().all(u8::is_ascii_digit))
            || (self.settings.lists && is_list(text))
            || self.settings.marks.iter().any(|mark| mark.as_bytes().eq_ignore_ascii_case(text))
    }
}

/// Whether a text is numbers with a comma, semicolon, hyphen or en dash between them, and spaces anywhere.
fn is_list(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    text.len() <= LIST_MAX
        && text.split([',', ';', '-', '–']).all(|number| {
            let number = number.trim_matches(' ');
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

trainyard_plugin::export!(filter "citations" = Citations);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::Span;

    fn cleaned(settings: &Settings, document: &str) -> String {
        let verdict = Citations::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0);
        verdict.text.unwrap_or_else(|| document.into())
    }

    #[test]
    fn marks_go() {
        let cleaned = |document: &str| cleaned(&Settings::default(), document);
        assert_eq!(cleaned("Rome[12] fell[3].[citation needed] History[edit]"), "Rome fell. History");
        assert_eq!(cleaned("[]a[Edit]b[0000000001]"), "ab");
        assert_eq!(cleaned(&format!("a[{}]b", "7".repeat(1000))), "ab");
        for document in ["", "[", "]", "a[1", "[1, 2]", "[12a]", "[ 1]", "[who?]", "[一]", "array[i]", "[é", "[\0]"] {
            assert_eq!(cleaned(document), document);
        }
        assert_eq!(cleaned("[[12]] [1[2]"), "[] [1");
    }

    #[test]
    fn settings_choose() {
        let lists = Settings { lists: true, marks: vec!["who?".into(), "参考".into()], ..Settings::default() };
        assert_eq!(cleaned(&lists, "a[1, 2]b[3–5]c[6 - 7;8]d[Who?]e[参考]f[edit]"), "abcdef[edit]");
        assert_eq!(cleaned(&lists, "[1,]a[,]b[1–]c[–]"), "[1,]a[,]b[1–]c[–]");
        let none = Settings { numbers: false, marks: Vec::new(), ..Settings::default() };
        assert_eq!(cleaned(&none, "[1] [] [edit]"), "[1] [] [edit]");
    }

    #[test]
    fn verdicts_say_what_and_where() {
        let found = Citations::create(Settings::default()).unwrap().judge(&["é[1]", "é"]).unwrap();
        assert_eq!((found[0].reason.as_str(), found[0].score), ("citations_removed", Some(1.0)));
        assert_eq!(found[0].spans, [Span { start: 2, end: 5 }]);
        assert_eq!(found[1], Verdict::keep());
    }

    #[test]
    fn refuses() {
        let error = Citations::create(Settings { marks: vec!["[edit]".into()], ..Settings::default() }).err().unwrap();
        assert_eq!(error.message, "marks: expected texts without their brackets, got \"[edit]\"");
    }
}
