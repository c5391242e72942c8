//! One line: its width and its beginning.

/// A line of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// First byte that is not white space; `end` in a blank line.
    pub start: usize,
    /// One past the last byte that is not white space.
    pub end: usize,
    /// Columns of white space at its beginning.
    pub indent: usize,
    /// Columns to its last character, with the indent.
    pub width: usize,
    /// Columns of its first word.
    pub first_word: usize,
}

impl Line {
    /// Reads the line at `start` to `end` of a document, without its line end.
    pub fn of(document: &str, start: usize, end: usize) -> Self {
        let line = &document[start..end];
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let indent_columns = columns(&line[..indent]);
        let text = text.trim_end();
        let first_word = match text.chars().next() {
            // a line may end before any of these
            Some(first) if is_cjk(first) => 2,
            _ => columns(text.split_once(char::is_whitespace).map_or(text, |(word, _)| word)),
        };
        let start = start + indent;
        Self {
            start,
            end: start + text.len(),
            indent: indent_columns,
            width: indent_columns + columns(text),
            first_word,
        }
    }

    /// Whether the line is empty.
    pub fn is_blank(&self) -> bool {
        self.start == self.end
    }
}

/// Returns the columns that a text takes on a screen.
fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(|char| if is_cjk(char) { 2 } else { 1 }).sum()
}

/// Whether a character is two columns wide and has no spaces around it: Chinese and Japanese, with their punctuation.
pub fn is_cjk(char: char) -> bool {
    matches!(char, '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff01}'..='\u{ff60}' | '\u{20000}'..='\u{3fffd}')
}

/// Returns the last character; a space if there is none.
pub fn last_char(text: &str) -> char {
    text.chars().next_back().unwrap_or(' ')
}

/// Whether a line ends in a sentence-ending mark, before any quotation marks and brackets.
pub fn ends_sentence(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', '”', '’', '»', ')', ']', '_', '」', '』', '）']);
    text.ends_with(['.', '!', '?', '…', ':', '。', '！', '？', '：'])
}

/// Whether a line is never joined with another: one of a table, a heading or a quotation.
pub fn stands_alone(text: &str) -> bool {
    text.starts_with(['|', '#', '>']) || text.ends_with('|') || text.contains("   ")
}

/// Whether a line begins an item of a list.
pub fn is_item(text: &str) -> bool {
    let is_bullet = |rest: &str| rest.starts_with(char::is_whitespace);
    if let Some(rest) = text.strip_prefix(['-', '*', '+', '•', '·', '–', '◦', '▪']) {
        return is_bullet(rest);
    }
    let rest = text.trim_start_matches('(').trim_start_matches(|char: char| char.is_ascii_digit());
    let n_digits = text.len() - rest.len();
    (1..=4).contains(&n_digits) && rest.strip_prefix(['.', ')']).is_some_and(is_bullet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_measured_in_columns() {
        let document = "ab\n  né 中文  \r\n";
        let line = Line::of(document, 3, document.len() - 1);
        assert_eq!(line, Line { start: 5, end: 15, indent: 2, width: 9, first_word: 2 });
        assert!(Line::of(document, 0, 0).is_blank() && Line::of(" \t\u{3000}", 0, 5).is_blank());
        assert_eq!(Line::of("中文字", 0, 9).first_word, 2);
        assert_eq!(Line::of("word", 0, 4).first_word, 4);
    }

    #[test]
    fn sentences() {
        assert!(["a.", "a?\"", "_a!_", "（中。）", "“So…”"].map(ends_sentence).iter().all(|&ends| ends));
        assert!(!["", "a", "a,", "\"", "a.b", "—"].map(ends_sentence).iter().any(|&ends| ends));
    }

    #[test]
    fn items() {
        for text in ["- a", "* a", "• a", "1. a", "12) a", "(3) a", "-\ta"] {
            assert!(is_item(text), "{text}");
        }
        for text in ["", "-", "-a", "1.", "1.5 m", "12345. a", "a. b", "(a) b", "—a", "1812 was", "("] {
            assert!(!is_item(text), "{text}");
        }
    }
}
