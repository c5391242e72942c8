//! Cleaner `unicode`: one form of Unicode, without invisible characters.
//!
//! * Line ends become `\n`: `\r\n`, `\r`, U+0085, U+2028, U+2029; also vertical tab and form feed, unless a line just
//!   ended.
//! * Control characters are removed, except tab and line feed, and so are the complete escape sequences that set
//!   colours and titles in terminals (ECMA-48).
//! * Characters without width are removed: zero-width spaces, byte order marks, word joiners, soft hyphens, direction
//!   marks, invisible operators, annotation anchors. The two joiners, which change how Persian, Hindi and emoji look,
//!   are kept after a letter or sign that needs them.
//! * The text is normalized to NFC (or NFKC, which also replaces ligatures, full-width letters and the like; it is
//!   lossy: "²" becomes "2").
//!
//! A verdict with new text has the reason `unicode_rewritten`; its score is the number of changes, and its spans are
//! their places. ASCII text is scanned once, 16 bytes at a time.

mod class;
mod escape;
mod scan;

use class::Form;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rewrite, Verdict, config};

config! {
    /// Settings of `unicode`.
    pub struct Settings {
        /// normal form: nfc, nfkc or none
        form: String = "nfc",
        /// converts every line end to a line feed
        line_ends: bool = true,
        /// removes control characters except tab and line feed, and terminal escape sequences
        control: bool = true,
        /// removes characters without width
        zero_width: bool = true,
        /// zero-width joiners and non-joiners: needed (kept only where they are needed), keep or remove
        joiners: String = "needed",
    }
}

/// Which joiners are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joiners {
    Needed,
    Keep,
    Remove,
}

/// The cleaner.
pub struct Unicode {
    form: Form,
    line_ends: bool,
    control: bool,
    zero_width: bool,
    joiners: Joiners,
}

impl Create for Unicode {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { form, line_ends, control, zero_width, joiners } = settings;
        let form = match form.as_str() {
            "nfc" => Form::Nfc,
            "nfkc" => Form::Nfkc,
            "none" => Form::None,
            _ => return Err(PluginError::config(format!("form: expected nfc, nfkc or none, got {form:?}"))),
        };
        let joiners = match joiners.as_str() {
            "needed" => Joiners::Needed,
            "keep" => Joiners::Keep,
            "remove" => Joiners::Remove,
            _ => return Err(PluginError::config(format!("joiners: expected needed, keep or remove, got {joiners:?}"))),
        };
        Ok(Self { form, line_ends, control, zero_width, joiners })
    }
}

impl Filter for Unicode {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl Unicode {
    fn verdict(&self, document: &str) -> Verdict {
        if scan::next_unusual(document.as_bytes(), 0) == document.len() {
            return Verdict::keep();
        }
        let visible = self.visible(document);
        if visible.n_changes() == 0 {
            return self.normal(document).verdict("unicode_rewritten");
        }
        // spans are places in the document as it came: those of the second step would be places in another text
        let mut verdict = visible.verdict("unicode_rewritten");
        if let Some(text) = &mut verdict.text {
            let normal = self.normal(text);
            if normal.n_changes() > 0 {
                verdict.score = verdict.score.map(|score| score + normal.n_changes() as f64);
                *text = normal.text();
            }
        }
        verdict
    }

    /// Converts line ends to line feeds, and removes invisible characters.
    fn visible<'a>(&self, text: &'a str) -> Rewrite<'a> {
        let mut rewrite = Rewrite::new(text);
        // the last character that stays, marks aside, whose order may change: what a joiner stands behind
        let mut before = '\n';
        let mut at = 0;
        loop {
            let usual = at;
            at = scan::next_unusual(text.as_bytes(), at);
            if let Some(&byte) = text.as_bytes()[usual..at].last() {
                before = byte.into();
            }
            let Some(char) = text[at..].chars().next() else { return rewrite };
            let mut end = at + char.len_utf8();
            match self.replacement(char, before) {
                None if class::is_mark(char) => {}
                None => before = char,
                Some(with) => {
                    if char == '\r' && text[end..].starts_with('\n') {
                        end += 1;
                    } else if char.is_control() && self.control {
                        end = at + escape::length(&text[at..]).unwrap_or(char.len_utf8());
                    }
                    rewrite.replace(at..end, with);
                    before = if with.is_empty() { before } else { '\n' };
                }
            }
            at = end;
        }
    }

    /// Returns the replacement of a character after `before`; none if it is kept.
    fn replacement(&self, char: char, before: char) -> Option<&'static str> {
        match char {
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' if self.line_ends => Some("\n"),
            '\u{b}' | '\u{c}' if self.line_ends => Some(if before == '\n' { "" } else { "\n" }),
            '\n' | '\t' => None,
            _ if char.is_control() => self.control.then_some(""),
            '\u{200c}' | '\u{200d}' => match self.joiners {
                Joiners::Keep => None,
                Joiners::Needed if class::needs_joiner(before) => None,
                _ => Some(""),
            },
            _ => (self.zero_width && class::is_zero_width(char)).then_some(""),
        }
    }

    /// Returns the normal form of a text.
    ///
    /// A plain character, which no character before it can change, begins a new piece: only pieces with other
    /// characters are normalized.
    fn normal<'a>(&self, text: &'a str) -> Rewrite<'a> {
        let mut rewrite = Rewrite::new(text);
        if self.form == Form::None {
            return rewrite;
        }
        let mut at = 0;
        while let Some(piece) = scan::next_piece(text, at, |char| class::is_plain(char, self.form)) {
            let old = &text[piece.clone()];
            if !class::is_normal(old, self.form) {
                rewrite.replace(piece.clone(), &class::normalized(old, self.form));
            }
            at = piece.end;
        }
        rewrite
    }
}

trainyard_plugin::export!(filter "unicode" = Unicode, abilities = ["idempotent"]);

#[cfg(test)]
mod tests;
