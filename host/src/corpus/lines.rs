//! The data report for people.

use super::manifest::{DataReport, SplitReport};
use super::read::Oddities;
use super::split::Split;

/// How many there are of something that is odd, and why: `3 lines skipped: the line is cut 1 (a.jsonl:7), …`.
pub(super) fn named(what: &str, oddities: &Oddities) -> Option<String> {
    let n: u64 = oddities.values().map(|odd| odd.documents).sum();
    let reasons: Vec<_> = oddities
        .iter()
        .map(|(why, odd)| {
            let more = if odd.documents > odd.samples.len() as u64 { ", …" } else { "" };
            format!("{why} {} ({}{more})", odd.documents, odd.samples.join(", "))
        })
        .collect();
    (n > 0).then(|| format!("{n} {what}: {}", reasons.join(", ")))
}

impl DataReport {
    /// A line per stage: what came in, what each filter dropped and why, what each split holds.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("data: {} documents read, {} kept", self.read, self.kept)];
        let skipped = [
            (self.empty, "empty"),
            (self.invalid_utf8_dropped, "dropped for invalid UTF-8"),
            (self.invalid_utf8_replaced, "with invalid UTF-8 replaced"),
        ];
        let skipped = skipped.iter().filter(|(n, _)| *n > 0);
        lines.extend(skipped.map(|(n, what)| format!("data: {n} documents {what}")));
        lines.extend(named("lines skipped", &self.invalid_lines).map(|line| format!("data: {line}")));
        for (what, places) in &self.notes {
            lines.push(format!("data: {} {what} ({})", places.documents, places.samples.join(", ")));
        }
        lines.extend(self.left_out.line().map(|line| format!("data: {line}")));
        for filter in self.filters.iter().filter(|filter| filter.dropped() > 0 || filter.rewritten > 0) {
            let rewritten = format!("rewrote {} of {} documents", filter.rewritten, filter.seen);
            let done = match (filter.dropped(), filter.rewritten) {
                (0, _) => rewritten,
                (_, 0) => format!("dropped {}", filter.summary()),
                _ => format!("dropped {}, rewrote {}", filter.summary(), filter.rewritten),
            };
            lines.push(format!("filter {}: {done}", filter.name));
        }
        if self.not_encoded > 0 {
            lines.push(format!("tokenizer: {} documents could not be encoded", self.not_encoded));
        }
        if self.special_tokens > 0 {
            lines.push(format!(
                "tokenizer: text became a special token {} times, its bytes are lost",
                self.special_tokens
            ));
        }
        lines.extend(self.splits.iter().map(|split| {
            format!(
                "{}: {} documents, {} bytes, {} tokens ({:.2} bytes per token)",
                split.split.name(),
                split.documents,
                split.bytes,
                split.tokens,
                split.bytes_per_token
            )
        }));
        lines.extend(self.splits.iter().filter_map(SplitReport::too_small));
        lines
    }
}

impl SplitReport {
    /// Line about a held-out share of so few documents that its numbers mean little.
    fn too_small(&self) -> Option<String> {
        // Of files that a user names, and of tokens, the documents are none of the splitting's.
        let is_given = self.held_out.as_ref().map_or(self.documents > 0, |text| text.source.is_some());
        if self.split == Split::Train || is_given || self.documents > 1 {
            return None;
        }
        let (name, n) = (self.split.name(), self.documents);
        let plural = if n == 1 { "" } else { "s" };
        Some(format!(
            "{name}: only {n} document{plural}, so its numbers say little; raise data.{name}, cut the text into more documents \
             (data.source.document), or name a text of its own in [data.held_out]"
        ))
    }
}
