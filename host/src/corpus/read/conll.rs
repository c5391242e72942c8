//! Sentences of a CoNLL file: a word and its tag per line, in columns; a blank line ends a sentence.

use super::cut::{Boundary, Cutter, Piece, too_long};
use super::source::SourceFile;
use crate::corpus::{ColumnsConfig, SourceConfig};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Cuts a file into sentences.
pub(super) struct Sentences {
    pub lines: Cutter,
    /// The line of the first word of the sentence that was read last.
    pub line: u64,
}

impl Sentences {
    /// Opens a CoNLL file.
    ///
    /// # Errors
    /// A file that cannot be opened or decoded.
    pub fn open(file: &SourceFile, source: &SourceConfig, progress: &Arc<AtomicU64>) -> io::Result<Self> {
        Ok(Self { lines: Cutter::open(file, source, Boundary::EveryLine, progress)?, line: 0 })
    }

    /// The lines of the next sentence, numbered by the first; none at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        let mut sentence: Option<Piece> = None;
        while let Some(line) = self.lines.next()? {
            let is_blank = line.bytes.trim_ascii().is_empty();
            match &mut sentence {
                None if is_blank || is_comment(&line.bytes) => {}
                None => sentence = Some(line),
                Some(_) if is_blank => break,
                Some(piece) => piece.bytes.extend_from_slice(&line.bytes),
            }
            if sentence.as_ref().is_some_and(|piece| piece.bytes.len() > self.lines.max_bytes) {
                return Err(too_long(self.lines.offset));
            }
        }
        self.line = sentence.as_ref().map_or(self.line, |piece| piece.number);
        Ok(sentence)
    }
}

/// Whether a line before a sentence is none of its words. `#` may be a word, which has a tag behind a tab, and a tag of
/// social media is `#word`.
fn is_comment(line: &[u8]) -> bool {
    let is_begin = |start: &str| line.starts_with(start.as_bytes());
    let is_document = ["-DOCSTART-", "#begin document", "#end document"].into_iter().any(is_begin);
    let is_plain = line.trim_ascii() == b"#" || (line.starts_with(b"# ") && !line.contains(&b'\t'));
    is_document || is_plain
}

/// The words of a sentence and their tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    pub words: Vec<String>,
    /// None where the file has a single column, of words.
    pub tags: Option<Vec<String>>,
}

/// What is wrong with a line of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Its index in the sentence.
    pub line: u64,
    pub message: String,
}

/// How the columns of a file are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    columns: ColumnsConfig,
    /// CoNLL-U, which numbers the words, and has lines for what is several words or none.
    numbered: bool,
}

impl Layout {
    /// Columns as the source says, or as the file's name does.
    pub fn new(file: &SourceFile, source: &SourceConfig) -> Self {
        let numbered = file.name.to_ascii_lowercase().ends_with(".conllu");
        let default = match numbered {
            true => ColumnsConfig { word: 1, tag: 3 },
            false => ColumnsConfig { word: 0, tag: -1 },
        };
        Self { columns: source.columns.unwrap_or(default), numbered }
    }

    /// Reads a sentence.
    ///
    /// # Errors
    /// A line without its word or tag, or of another number of columns than the first.
    pub fn read(self, text: &str) -> Result<Sentence, Wrong> {
        let (mut words, mut tags) = (Vec::new(), Vec::new());
        let mut width = None;
        for (line, row) in (0..).zip(text.lines()) {
            let wrong = |message: String| Wrong { line, message };
            let cells: Vec<&str> = match row.contains('\t') {
                true => row.split('\t').collect(),
                false => row.split_whitespace().collect(),
            };
            if self.numbered && cells[0].contains(['-', '.']) {
                continue;
            }
            let n = cells.len();
            let expected = *width.get_or_insert(n);
            if n != expected {
                let message =
                    format!("expected {expected} columns, as many as the sentence's first line, got {n}; correct it");
                return Err(wrong(message));
            }
            let cell = |column: i64, what: &str| {
                let index = if column < 0 { column + n as i64 } else { column };
                let cell = usize::try_from(index).ok().and_then(|index| cells.get(index));
                cell.copied().filter(|cell| !cell.is_empty()).ok_or_else(|| {
                    wrong(format!(
                        "expected the {what} in column {column} of {n}, got nothing; correct it, or data.source.columns"
                    ))
                })
            };
            words.push(cell(self.columns.word, "word")?.to_owned());
            if n > 1 {
                tags.push(cell(self.columns.tag, "tag")?.to_owned());
            }
        }
        let tags = Some(tags).filter(|_| width != Some(1));
        Ok(Sentence { words, tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, word: i64, tag: i64, numbered: bool) -> Result<(String, Option<String>), Wrong> {
        let sentence = Layout { columns: ColumnsConfig { word, tag }, numbered }.read(text)?;
        Ok((sentence.words.join(" "), sentence.tags.map(|tags| tags.join(" "))))
    }

    #[test]
    fn columns_are_words_and_tags() {
        let text = "EU NNP B-ORG\nrejects VBZ O\n";
        assert_eq!(read(text, 0, -1, false), Ok(("EU rejects".into(), Some("B-ORG O".into()))));
        assert_eq!(read(text, 0, 1, false), Ok(("EU rejects".into(), Some("NNP VBZ".into()))));
        assert_eq!(read("a\nb\n", 0, -1, false), Ok(("a b".into(), None)));
        let text = "1-2\tdu\t_\t_\n1\tde\tde\tADP\n2\tle\tle\tDET\n2.1\t_\t_\t_\n";
        assert_eq!(read(text, 1, 3, true), Ok(("de le".into(), Some("ADP DET".into()))));
    }

    #[test]
    fn lines_of_another_width_are_said() {
        let error = read("a B-X\nb\n", 0, -1, false).unwrap_err();
        let expected = "expected 2 columns, as many as the sentence's first line, got 1; correct it";
        assert_eq!(error, Wrong { line: 1, message: expected.into() });
        let error = read("a\tO\nb\t\n", 0, -1, false).unwrap_err();
        let expected = "expected the tag in column -1 of 2, got nothing; correct it, or data.source.columns";
        assert_eq!(error, Wrong { line: 1, message: expected.into() });
        assert_eq!(read("a O\n", 0, 5, false).unwrap_err().line, 0);
    }

    #[test]
    fn words_that_begin_with_a_number_sign_are_words() {
        for (line, expected) in [
            ("# text = a", true),
            ("#", true),
            ("-DOCSTART- -X- O O", true),
            ("#begin document (a)", true),
            ("#\tO", false),
            ("# \tO", false),
            ("#tag O", false),
        ] {
            assert_eq!(is_comment(line.as_bytes()), expected, "{line}");
        }
    }
}
