//! Cleaner `html-entities`: replaces `&amp;`, `&eacute;`, `&#8217;` and `&#x2019;` by their characters.
//!
//! The rules are those of HTML (WHATWG, "Character reference state"), which Python's `html.unescape` also follows: some
//! names need no semicolon (`&copy2026`), the numbers 128 to 159 mean Windows-1252. Text is unescaped once: `&amp;lt;`
//! becomes `&lt;`, as a browser shows it. `repeat` continues until no entity is left, for text that was escaped twice.
//!
//! A verdict with new text has the reason `html_entities_unescaped`, the number of entities as the score, and their
//! places as spans.

use htmlize::{Context, unescape_in};
use trainyard_plugin::{Create, Filter, Result, Rewrite, Verdict, config};

config! {
    /// Settings of `html-entities`.
    pub struct Settings {
        /// repeats until no entity is left, for text that was escaped more than once
        repeat: bool = false,
    }
}

/// The cleaner.
pub struct HtmlEntities(Settings);

impl Create for HtmlEntities {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        Ok(Self(settings))
    }
}

impl Filter for HtmlEntities {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl HtmlEntities {
    fn verdict(&self, document: &str) -> Verdict {
        let mut verdict = unescaped(document).verdict("html_entities_unescaped");
        // every round makes the text shorter or leaves it
        while self.0.repeat
            && let Some(text) = &verdict.text
        {
            let again = unescaped(text);
            if again.n_changes() == 0 {
                break;
            }
            verdict.score = verdict.score.map(|score| score + again.n_changes() as f64);
            verdict.text = Some(again.text());
        }
        verdict
    }
}

fn unescaped(text: &str) -> Rewrite<'_> {
    let mut rewrite = Rewrite::new(text);
    for start in memchr::memchr_iter(b'&', text.as_bytes()) {
        let end = start + candidate(&text.as_bytes()[start..]);
        if let std::borrow::Cow::Owned(with) = unescape_in(&text[start..end], Context::General) {
            rewrite.replace(start..end, &with);
        }
    }
    rewrite
}

/// Returns the length of what may be an entity: the ampersand, `#`, letters and digits, a semicolon.
fn candidate(bytes: &[u8]) -> usize {
    let is_numeric = bytes.get(1) == Some(&b'#');
    let name = if is_numeric { 2 } else { 1 };
    let letters = bytes[name..].iter().take_while(|byte| byte.is_ascii_alphanumeric());
    // no name has more than 32 bytes; a number may have any
    let end = name + if is_numeric { letters.count() } else { letters.take(40).count() };
    end + usize::from(bytes.get(end) == Some(&b';'))
}

trainyard_plugin::export!(filter "html-entities" = HtmlEntities);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::Span;

    fn verdict(repeat: bool, document: &str) -> Verdict {
        HtmlEntities::create(Settings { repeat }).unwrap().judge(&[document]).unwrap().remove(0)
    }

    fn cleaned(document: &str) -> String {
        verdict(false, document).text.unwrap_or_else(|| document.into())
    }

    #[test]
    fn entities_become_characters() {
        assert_eq!(cleaned("5 &lt; 7 &amp;&amp; &eacute;t&eacute;&nbsp;!"), "5 < 7 && été\u{a0}!");
        assert_eq!(cleaned("&#8217;&#x2019;&#X2019;&#0000000000000000000039;"), "’’’'");
        // without a semicolon, the longest name that needs none
        assert_eq!(cleaned("&copy2026 &notit; &notin; &ampx &#65x"), "©2026 ¬it; ∉ &x Ax");
        // what Windows-1252 has there; what is no character
        assert_eq!(cleaned("&#146;&#xD800;&#0;&#x110000;"), "’\u{fffd}\u{fffd}\u{fffd}");
        // two characters, and the longest name
        assert_eq!(cleaned("&nGg;&CounterClockwiseContourIntegral;"), "⋙\u{338}∳");
    }

    #[test]
    fn others_stay() {
        for document in ["", "&", "a & b", "&;", "&#;", "&#x;", "&xyzzy;", "AT&T", "R&D;", "&é;", "&#é", "中&文", "&\0"]
        {
            assert_eq!(verdict(false, document), Verdict::keep(), "{document:?}");
        }
        assert_eq!(cleaned(&"&".repeat(100_000)), "&".repeat(100_000));
        assert_eq!(cleaned(&format!("&{}", "a".repeat(100_000))).len(), 100_001);
    }

    #[test]
    fn again_when_asked_to() {
        assert_eq!(cleaned("&amp;amp;lt;"), "&amp;lt;");
        let found = verdict(true, "&amp;amp;lt; &amp;");
        assert_eq!((found.text.as_deref(), found.score), (Some("< &"), Some(4.0)));
    }

    #[test]
    fn verdicts_say_what_and_where() {
        let found = verdict(false, "é &amp; &lt;");
        assert_eq!((found.reason.as_str(), found.score), ("html_entities_unescaped", Some(2.0)));
        assert_eq!(found.spans, [Span { start: 3, end: 8 }, Span { start: 9, end: 13 }]);
    }
}
