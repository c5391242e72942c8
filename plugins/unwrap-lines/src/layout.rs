//! The width at which a document was wrapped, and where it was.

use crate::line::Line;

/// Fewest line ends within paragraphs from which a width is estimated.
const PAIRS_MIN: usize = 3;

/// Fewest lines of a paragraph that make verse of their capital letters.
const VERSE_LINES_MIN: usize = 4;

/// The lines of a document.
#[derive(Debug)]
pub struct Layout {
    lines: Vec<Line>,
    /// Columns at which lines were wrapped; 0 if there are too few lines to tell.
    pub width: usize,
}

impl Layout {
    /// Measures a document.
    pub fn of(document: &str) -> Self {
        let mut layout = Self { lines: Vec::new(), width: 0 };
        let mut start = 0;
        for line in document.split('\n') {
            layout.lines.push(Line::of(document, start, start + line.len()));
            start += line.len() + 1;
        }
        // the last line of a paragraph is as long as it happens to be
        let mut widths: Vec<_> = layout.pairs().map(|[line, _]| line.width).collect();
        if widths.len() >= PAIRS_MIN {
            let nine_of_ten = widths.len() * 9 / 10;
            layout.width = *widths.select_nth_unstable(nine_of_ten).1;
        }
        layout
    }

    /// Returns pairs of adjacent lines, neither of which is blank.
    fn pairs(&self) -> impl Iterator<Item = &[Line; 2]> {
        self.lines.array_windows().filter(|[line, next]| !line.is_blank() && !next.is_blank())
    }

    /// Returns the paragraphs: lines without a blank line between them.
    pub fn paragraphs(&self) -> impl Iterator<Item = &[Line]> {
        self.lines.split(Line::is_blank)
    }

    /// Whether the first word of the next line had no room on a line.
    pub fn is_wrapped(&self, line: &Line, next: &Line) -> bool {
        line.width + 1 + next.first_word > self.width
    }

    /// Whether a line within a wrapped paragraph continues in the next: editing a book leaves lines that are a little
    /// shorter. A line that ends a sentence may well end a paragraph, so it has to be nearly full.
    pub fn goes_on(&self, line: &Line, next: &Line, ends_sentence: bool) -> bool {
        let slack = if ends_sentence { self.width / 16 } else { self.width / 4 };
        line.width + 1 + next.first_word + slack > self.width
    }

    /// Returns the share of lines within paragraphs that had no room left.
    pub fn wrapped_share(&self) -> f64 {
        let n_wrapped = self.pairs().filter(|[line, next]| self.is_wrapped(line, next)).count();
        n_wrapped as f64 / self.pairs().count() as f64
    }

    /// Whether a paragraph is verse: its lines end where the poet ends them, and begin with capital letters.
    pub fn is_verse(&self, document: &str, paragraph: &[Line]) -> bool {
        let begins_capital = |line: &Line| {
            let first = document[line.start..line.end].chars().find(|char| char.is_alphanumeric());
            first.is_some_and(char::is_uppercase)
        };
        if paragraph.len() >= VERSE_LINES_MIN && paragraph.iter().all(begins_capital) {
            return true;
        }
        let n_wrapped = paragraph.array_windows().filter(|[line, next]| self.is_wrapped(line, next)).count();
        2 * n_wrapped < paragraph.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_lines_stay_within_the_width() {
        let lines = |widths: std::ops::RangeInclusive<usize>| -> String {
            widths.map(|width| "a".repeat(width) + "\n").chain(["end".into()]).collect()
        };
        // the last line of a paragraph has no say
        assert_eq!(Layout::of(&lines(51..=70)).width, 69);
        assert_eq!(Layout::of(&format!("{}\n\n{}", lines(51..=70), "a".repeat(99))).width, 69);
        assert_eq!(Layout::of(&lines(51..=53)).width, 53);
        // too few lines tell nothing
        assert_eq!(Layout::of(&lines(51..=52)).width, 0);
        assert_eq!(Layout::of("").width, 0);
    }
}
