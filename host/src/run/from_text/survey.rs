//! What a text is, as far as it decides the sizes of a model for it.

use crate::corpus::{DataConfig, Document, Split, documents};
use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Text that is read, at most; more would not change what is chosen.
const READ_MAX: u64 = 64_000_000;

/// Bytes of a file that are looked at to see if it is text.
const LOOKED_AT: u64 = 1 << 16;

/// Shares that may be held out, each for validation and for test. The first takes the fewest documents.
const SHARES: [f64; 4] = [0.05, 0.1, 0.15, 0.2];

/// Documents that a text must have for the smallest share.
const DOCUMENTS_MANY: u64 = 200;

/// Documents that a text must have for anything to be held out.
const DOCUMENTS_MIN: u64 = 20;

/// What was seen of a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    pub documents: u64,
    /// Bytes in UTF-8.
    pub bytes: u64,
    /// Characters in them.
    pub chars: u64,
    /// All of it was read.
    pub is_whole: bool,
    /// Some words of the first document.
    pub beginning: String,
    /// For each of [`SHARES`] the documents of validation and of test.
    pub(super) held_out: [(u64, u64); SHARES.len()],
}

impl Text {
    /// Reads the documents of `data`, as far as needed.
    ///
    /// # Errors
    /// Files that cannot be read, and those that hold no text.
    pub fn read(data: &DataConfig) -> Result<Self> {
        let mut text = Self { is_whole: true, ..Self::default() };
        for document in documents(data)? {
            text.add(&document?);
            if text.bytes >= READ_MAX {
                text.is_whole = false;
                break;
            }
        }
        Ok(text)
    }

    fn add(&mut self, Document { id, text, .. }: &Document) {
        if self.documents == 0 {
            self.beginning = beginning(text);
        }
        self.documents += 1;
        self.bytes += text.len() as u64;
        self.chars += text.chars().count() as u64;
        for (share, (validation, test)) in SHARES.iter().zip(&mut self.held_out) {
            let shares = DataConfig { validation: *share, test: *share, ..DataConfig::new(Vec::new()) };
            match Split::of(id, &shares) {
                Split::Train => {}
                Split::Validation => *validation += 1,
                Split::Test => *test += 1,
            }
        }
    }

    /// The smallest share for validation, and for test, that gives each of them documents; none of a text in which too
    /// few would be left to train on.
    pub fn share(&self) -> Option<f64> {
        if self.documents < DOCUMENTS_MIN {
            return None;
        }
        let first = usize::from(self.documents < DOCUMENTS_MANY);
        let mut fitting = SHARES.iter().zip(self.held_out).skip(first);
        let fits =
            |(validation, test): (u64, u64)| validation > 0 && test > 0 && 2 * (validation + test) < self.documents;
        fitting.find(|(_, held_out)| fits(*held_out)).map(|(share, _)| *share)
    }
}

/// The first words of the first long line of a text, or else its first line.
fn beginning(text: &str) -> String {
    const CHARS: usize = 40;
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| line.chars().nth(CHARS).is_some()).or_else(|| lines().next()).unwrap_or_default();
    let Some((end, _)) = line.char_indices().nth(CHARS) else { return line.to_owned() };
    let cut = &line[..end];
    cut.rfind(' ').map_or(cut, |space| &cut[..space]).to_owned()
}

/// Checks that a file which nothing else is known of can be text.
///
/// # Errors
/// A byte that no text holds, with its place.
pub fn check_text(path: &Path) -> Result<()> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start));
    read.map_err(|error| Error::io(path, "read", &error))?;
    // UTF-16 with its mark is full of zeros
    let is_wide = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    match start.iter().position(|byte| *byte == 0).filter(|_| !is_wide) {
        Some(at) => Err(Error::usage(format!(
            "{}: expected text, got a NUL at byte {at}, which text does not hold; name a file of text, Markdown, JSON \
             lines, Parquet or HTML, or a folder of such",
            path.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n_documents: u64) -> Text {
        let mut text = Text::default();
        for number in 1..=n_documents {
            text.add(&Document { id: format!("a.txt#{number}"), text: "Some words".into(), ..Document::default() });
        }
        text
    }

    #[test]
    fn both_splits_have_documents_or_nothing_is_held_out() {
        assert_eq!(text(1).share(), None);
        assert_eq!(text(DOCUMENTS_MIN - 1).share(), None);
        assert_eq!(text(1000).share(), Some(0.05));
        let few = text(100);
        let share = few.share().expect("enough documents");
        let shares = DataConfig { validation: share, test: share, ..DataConfig::new(Vec::new()) };
        let of = |split| (1..=100).filter(|n| Split::of(&format!("a.txt#{n}"), &shares) == split).count();
        assert!(of(Split::Validation) > 0 && of(Split::Test) > 0 && of(Split::Train) > 50);
    }

    #[test]
    fn a_text_begins_with_whole_words() {
        assert_eq!(
            beginning("A TITLE\n  It is a truth universally acknowledged, that a single man"),
            "It is a truth universally acknowledged,"
        );
        assert_eq!(beginning("短"), "短");
        assert_eq!(beginning(&"字".repeat(100)).chars().count(), 40);
    }
}
