//! How text is split into words, which are numbers from there on.

use crate::porter::stem;
use std::collections::HashMap;
use trainyard_plugin::{PluginError, Result};
use trainyard_text::Words;
use trainyard_text::chars::is_space;

/// Shortest word that rouge-score reduces to its stem.
const STEMMED_MIN: usize = 4;

/// Splits text in lower case.
#[derive(Debug, Clone, Copy)]
pub struct Splitter {
    split: Split,
    stems: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Split {
    /// Runs of a to z and digits, as in rouge-score.
    Rouge,
    /// Every character that is no white space.
    Characters,
    /// Words as the text filters have them, without punctuation.
    Words(Words),
}

/// Words of a pair by their number: equal words have equal ones.
pub type Ids = HashMap<String, u32>;

impl Splitter {
    /// Makes the splitter with a name.
    ///
    /// # Errors
    /// A name that is none.
    pub fn new(name: &str, stems: bool) -> Result<Self> {
        let split = match name {
            "rouge" => Split::Rouge,
            "characters" => Split::Characters,
            _ => Split::Words(name.parse().map_err(|error: String| {
                // what the text filters expect, and the two of this metric
                PluginError::config(format!(
                    "words: {}",
                    error.replace("expected ", "expected \"rouge\", \"characters\", ")
                ))
            })?),
        };
        Ok(Self { split, stems })
    }

    /// Says whether words are reduced to their stems.
    pub fn stems(self) -> bool {
        self.stems
    }

    /// Returns the number of the splitter in a state.
    pub fn code(self) -> u8 {
        match self.split {
            Split::Rouge => 0,
            Split::Characters => 1,
            Split::Words(Words::Whitespace) => 2,
            Split::Words(Words::Unicode) => 3,
            Split::Words(Words::Dictionary) => 4,
            Split::Words(Words::Zh) => 5,
        }
    }

    /// Returns the numbers of a text's words.
    pub fn split(self, text: &str, ids: &mut Ids) -> Vec<u32> {
        let text = text.to_lowercase();
        let mut words = Vec::new();
        let mut push = |word: &str| words.push(self.id(word, ids));
        match self.split {
            Split::Rouge => {
                let is_other = |char: char| !matches!(char, 'a'..='z' | '0'..='9');
                text.split(is_other).filter(|word| !word.is_empty()).for_each(&mut push);
            }
            Split::Characters => {
                let characters = text.char_indices().filter(|(_, char)| !is_space(*char));
                characters.for_each(|(start, char)| push(&text[start..start + char.len_utf8()]));
            }
            Split::Words(split) => split.words(&text).for_each(&mut push),
        }
        words
    }

    fn id(self, word: &str, ids: &mut Ids) -> u32 {
        let stemmed = (self.stems && word.len() >= STEMMED_MIN).then(|| stem(word));
        let word = stemmed.as_deref().unwrap_or(word);
        let next = ids.len() as u32;
        match ids.get(word) {
            Some(id) => *id,
            None => *ids.entry(word.to_owned()).or_insert(next),
        }
    }
}
