//! Cleaner `mojibake`: repairs UTF-8 that was read as Windows-1252 or Latin-1: `cafÃ©` becomes `café`, `â€™` becomes
//! `’`.
//! A run of characters beyond ASCII is repaired if the whole run, as bytes of Windows-1252, is UTF-8, and if either the
//! text then looks less garbled ([`badness`]) or the whole document is like that. This is repeated, for text that was
//! misread more than once. The measure and its tables are those of ftfy 6.3 (Robyn Speer, Apache-2.0). What ftfy does
//! beyond this is left out: encodings other than these two, bytes that were lost (`â€�`) or became spaces (`Ã `), and
//! runs of which only a part is garbled.
//!
//! `c1` replaces control characters of Latin-1 by the characters that Windows-1252 has there: `€`, `“`, `’` and others.
//!
//! A verdict with new text has the reason `mojibake_repaired`, the number of runs as the score, and their places as
//! spans. Put this cleaner first: `unicode` removes characters that it needs. Text without `Â` to `ô` costs one search
//! for a byte.

mod badness;
mod windows_1252;

use badness::badness;
use trainyard_plugin::{Create, Filter, Result, Rewrite, Verdict, config};
use windows_1252::{byte_of, char_of};

config! {
    /// Settings of `mojibake`.
    pub struct Settings {
        /// writes the controls 0x80 to 0x9f of Latin-1 as the characters that Windows-1252 has there
        c1: bool = true,
    }
}

/// The cleaner.
pub struct Mojibake(Settings);

impl Create for Mojibake {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        Ok(Self(settings))
    }
}

impl Filter for Mojibake {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl Mojibake {
    fn verdict(&self, document: &str) -> Verdict {
        let repaired = self.repair(document);
        if repaired.n_changes() == 0 {
            return Verdict::keep();
        }
        let mut verdict = repaired.verdict("mojibake_repaired");
        verdict.text = verdict.text.map(|text| self.settled(text));
        verdict
    }

    /// Repairs a text until nothing changes, because it may have been misread more than once. Every round makes it
    /// shorter.
    fn settled(&self, mut text: String) -> String {
        loop {
            let again = self.repair(&text);
            if again.n_changes() == 0 {
                return text;
            }
            text = again.text();
        }
    }

    /// Repairs text that was misread once.
    fn repair<'a>(&self, text: &'a str) -> Rewrite<'a> {
        let mut rewrite = Rewrite::new(text);
        let bytes = text.as_bytes();
        let (mut at, mut is_all_misread) = (0, None);
        // the first byte of `Â` to `ô`, with which every run begins, and that of the controls
        while let Some(found) = memchr::memchr2(0xc3, 0xc2, &bytes[at..]) {
            at += found;
            let before = text[..at].chars().next_back();
            match run(&text[at..], before) {
                Some(Run { length, decoded }) => {
                    let end = at + length;
                    let after = text[end..].chars().next();
                    let is_all_misread = *is_all_misread.get_or_insert_with(|| self.is_misread(text));
                    // the next round goes on with all of it
                    let repaired = if is_all_misread { decoded } else { self.settled(decoded) };
                    let is_better = || badness(before, &repaired, after) < garbledness(before, &text[at..end], after);
                    if is_all_misread || is_better() {
                        rewrite.replace(at..end, &repaired);
                        at = end;
                        continue;
                    }
                }
                None if self.0.c1 && bytes[at] == 0xc2 => {
                    if let Some(char) = bytes.get(at + 1).copied().and_then(char_of) {
                        rewrite.replace(at..at + 2, char.encode_utf8(&mut [0; 4]));
                    }
                }
                None => {}
            }
            at += 2;
        }
        rewrite
    }

    /// Whether all of a text is UTF-8 that was misread: then runs that do not look garbled are repaired with the
    /// others.
    fn is_misread(&self, text: &str) -> bool {
        let mut decoded = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|char: char| !char.is_ascii()) {
            // most texts end here: their first run is no UTF-8
            let Some(run) = run(&rest[start..], None) else { return false };
            decoded += &rest[..start];
            decoded += &run.decoded;
            rest = &rest[start + run.length..];
        }
        decoded += rest;
        badness(None, &self.settled(decoded), None) < garbledness(None, text, None)
    }
}

/// Returns how garbled a text looks, with its control characters or with what Windows-1252 has there: it makes no
/// difference whether `c1` already replaced them.
fn garbledness(before: Option<char>, text: &str, after: Option<char>) -> usize {
    let char = |char| byte_of(char).and_then(char_of).unwrap_or(char);
    badness(before, text, after).max(badness(before, &text.chars().map(char).collect::<String>(), after))
}

/// Characters that are UTF-8 as bytes of Windows-1252.
struct Run {
    /// Bytes of the text.
    length: usize,
    decoded: String,
}

/// Returns the run of characters beyond ASCII at the beginning of a text, if all of it is UTF-8.
fn run(text: &str, before: Option<char>) -> Option<Run> {
    let is_run_before = before.and_then(byte_of).is_some();
    let mut bytes = text.chars().map_while(byte_of);
    let is_first = bytes.next().is_some_and(|byte| (0xc2..=0xf4).contains(&byte));
    let is_second = bytes.next().is_some_and(|byte| (0x80..=0xbf).contains(&byte));
    if is_run_before || !is_first || !is_second {
        return None;
    }
    let length = text.chars().take_while(|&char| byte_of(char).is_some()).map(char::len_utf8).sum();
    let bytes = text[..length].chars().filter_map(byte_of).collect();
    Some(Run { length, decoded: String::from_utf8(bytes).ok()? })
}

trainyard_plugin::export!(filter "mojibake" = Mojibake, abilities = ["idempotent"]);

#[cfg(test)]
mod tests;
