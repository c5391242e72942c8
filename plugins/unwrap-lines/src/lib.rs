//! Cleaner `unwrap-lines`: joins lines that were wrapped at a width back into paragraphs.
//!
//! Books and mail have a line end every 70 characters or so. Filters that examine lines then see lines that end without
//! punctuation (`fineweb-quality` drops most of such a book), and a model learns to break lines.
//!
//! A line was wrapped if the first word of the next line had no room left ([`layout`]). So the width is estimated
//! first, for the whole document: the length that nine of ten lines within paragraphs do not exceed. The document
//! counts as wrapped if the width is in `min_width` to `max_width` columns (a Chinese character takes two), and at
//! least the share `min_share` of those lines had no room. Then two lines are joined if the first had no room, or
//! hardly any (a quarter of the width; a sixteenth after the end of a sentence), but never
//!
//! * at a blank line, nor before a line that is indented deeper, nor after a short line, such as a heading or the last
//!   one of a paragraph;
//! * before a list item (`-`, `*`, `•`, `1.`, `1)`), nor at lines of tables (`|`, three spaces inside), headings (`#`)
//!   and quotations (`>`);
//! * in verse: a paragraph of four or more lines that all begin with a capital letter, or one in which most lines had
//!   room left.
//!
//! Joined lines have a space between them, but none between Chinese or Japanese characters or after a dash. `hyphens`
//! says what happens to a hyphen between letters at the end of a line: `keep` keeps it ("well-known"), `join` removes
//! it ("exam-ple" becomes "example"), which is right for books with hyphenation.
//!
//! A verdict with new text has the reason `lines_unwrapped`, the number of joined line ends as the score, and their
//! places as spans. It is not idempotent: the remaining lines have a different width.

mod layout;
mod line;

use layout::Layout;
use line::{Line, last_char};
use trainyard_plugin::{Create, Filter, PluginError, Result, Rewrite, Verdict, config};

config! {
    /// Settings of `unwrap-lines`.
    pub struct Settings {
        /// minimum width in columns at which lines were wrapped
        min_width: u32 = 40u32,
        /// maximum width in columns at which lines were wrapped
        max_width: u32 = 120u32,
        /// minimum share of lines within paragraphs that end where the next word has no room
        min_share: f64 = 0.6,
        /// hyphens between letters at the ends of joined lines: keep or join (the two halves of a word)
        hyphens: String = "keep",
    }
}

/// The cleaner.
pub struct UnwrapLines {
    min_width: usize,
    max_width: usize,
    min_share: f64,
    joins_hyphens: bool,
}

impl Create for UnwrapLines {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { min_width, max_width, min_share, hyphens } = settings;
        if min_width > max_width {
            return Err(PluginError::config(format!(
                "min_width: expected at most max_width = {max_width}, got {min_width}"
            )));
        }
        if !(0.0..=1.0).contains(&min_share) {
            return Err(PluginError::config(format!("min_share: expected 0 to 1, got {min_share}")));
        }
        let joins_hyphens = match hyphens.as_str() {
            "keep" => false,
            "join" => true,
            _ => return Err(PluginError::config(format!("hyphens: expected keep or join, got {hyphens:?}"))),
        };
        Ok(Self { min_width: min_width as usize, max_width: max_width as usize, min_share, joins_hyphens })
    }
}

impl Filter for UnwrapLines {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl UnwrapLines {
    fn verdict(&self, document: &str) -> Verdict {
        let layout = Layout::of(document);
        if !(self.min_width..=self.max_width).contains(&layout.width) || layout.wrapped_share() < self.min_share {
            return Verdict::keep();
        }
        let mut rewrite = Rewrite::new(document);
        for paragraph in layout.paragraphs().filter(|paragraph| !layout.is_verse(document, paragraph)) {
            for pair in paragraph.windows(2) {
                let ends_sentence = line::ends_sentence(&document[pair[0].start..pair[0].end]);
                if layout.goes_on(&pair[0], &pair[1], ends_sentence) && may_join(document, &pair[0], &pair[1]) {
                    self.join(&mut rewrite, document, &pair[0], &pair[1]);
                }
            }
        }
        rewrite.verdict("lines_unwrapped")
    }

    fn join(&self, rewrite: &mut Rewrite<'_>, document: &str, line: &Line, next: &Line) {
        let (before, behind) = (&document[line.start..line.end], &document[next.start..next.end]);
        let (end, start) = (line.end, next.start);
        let (last, first) = (last_char(before), behind.chars().next().unwrap_or(' '));
        let is_hyphenated = before.strip_suffix('-').map(last_char).is_some_and(char::is_alphabetic);
        if is_hyphenated && first.is_alphabetic() {
            // "Anglo-" and "Saxon" had the hyphen before
            let is_split = self.joins_hyphens && first.is_lowercase();
            rewrite.remove(end - usize::from(is_split)..start);
        } else if matches!(last, '—' | '–') || before.ends_with("--") || (line::is_cjk(last) && line::is_cjk(first))
        {
            rewrite.remove(end..start);
        } else {
            rewrite.replace(end..start, " ");
        }
    }
}

/// Whether two lines may be joined, by their kinds.
fn may_join(document: &str, line: &Line, next: &Line) -> bool {
    let (before, behind) = (&document[line.start..line.end], &document[next.start..next.end]);
    next.indent <= line.indent && !line::stands_alone(before) && !line::stands_alone(behind) && !line::is_item(behind)
}

trainyard_plugin::export!(filter "unwrap-lines" = UnwrapLines);

#[cfg(test)]
mod tests;
