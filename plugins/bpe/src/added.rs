//! Tokens that a file adds to those of its model: they are found in the text as they are, before it is cut.

use crate::hash::FastMap;
use trainyard_plugin::{PluginError, Result};

/// The added tokens of one file, to be looked for in two passes, as the `tokenizers` crate does.
#[derive(Debug, Default)]
pub struct Added {
    /// Found in the original text.
    pub raw: Literals,
    /// Found in the normalized text.
    pub normalized: Literals,
}

/// Texts with their ids. One without an id is a special token: it is treated as text, and hides what overlaps it.
type Ids = FastMap<Vec<u8>, Option<u32>>;

/// Texts to find. If several begin at one place, the longest counts.
#[derive(Debug, Default)]
pub struct Literals {
    /// By their length in bytes, longest first.
    by_length: Vec<(usize, Ids)>,
    /// Bytes that texts begin with.
    is_first: Vec<bool>,
    /// Whether any has an id: else there is nothing to look for.
    produces: bool,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// To be encoded.
    Text(&'a str),
    /// An added token.
    Token(u32),
}

impl Literals {
    /// Adds a token; `id` is none for a special one. Of two with the same content, the first counts.
    ///
    /// # Errors
    /// An empty token.
    pub fn push(&mut self, content: &str, id: Option<u32>) -> Result<()> {
        let Some(&first) = content.as_bytes().first() else {
            return Err(PluginError::input("model: an added token is empty"));
        };
        self.produces |= id.is_some();
        self.is_first.resize(256, false);
        self.is_first[usize::from(first)] = true;
        let at = self.by_length.partition_point(|(length, _)| *length > content.len());
        if self.by_length.get(at).is_none_or(|(length, _)| *length != content.len()) {
            self.by_length.insert(at, (content.len(), FastMap::default()));
        }
        self.by_length[at].1.entry(content.as_bytes().to_vec()).or_insert(id);
        Ok(())
    }

    /// Returns the parts of a text, in order.
    pub fn parts<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        if !self.produces {
            return vec![Part::Text(text)];
        }
        let (bytes, mut parts, mut start, mut at) = (text.as_bytes(), Vec::new(), 0, 0);
        while at < bytes.len() {
            let found = if self.is_first[usize::from(bytes[at])] { self.at(&bytes[at..]) } else { None };
            match found {
                Some((length, Some(id))) => {
                    if start < at {
                        parts.push(Part::Text(&text[start..at]));
                    }
                    parts.push(Part::Token(id));
                    at += length;
                    start = at;
                }
                Some((length, None)) => at += length,
                None => at += 1,
            }
        }
        if start < text.len() {
            parts.push(Part::Text(&text[start..]));
        }
        parts
    }

    /// Returns the length and id of the longest token at the beginning of a text.
    fn at(&self, bytes: &[u8]) -> Option<(usize, Option<u32>)> {
        let token = |(length, ids): &(usize, Ids)| Some((*length, *ids.get(bytes.get(..*length)?)?));
        self.by_length.iter().find_map(token)
    }
}
