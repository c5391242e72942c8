//! Tokens that a file adds to those of its model: they are found in the text as they are, before it is cut.

use trainyard_plugin::{PluginError, Result};

/// The added tokens of one file, to be looked for in two passes, as the `tokenizers` crate does.
#[derive(Debug, Default)]
pub struct Added {
    /// Found in the text as it came.
    pub raw: Literals,
    /// Found in the normalized text.
    pub normalized: Literals,
}

/// Texts to find. Where several begin at one place the longest counts.
#[derive(Debug, Default)]
pub struct Literals {
    /// Longest first. Without an id it is a special token: text, that hides what overlaps it.
    items: Vec<(Vec<u8>, Option<u32>)>,
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
    /// Adds a token; `id` is none for a special one.
    pub fn push(&mut self, content: &str, id: Option<u32>) -> Result<()> {
        if content.is_empty() {
            return Err(PluginError::input("model: an added token is empty"));
        }
        self.produces |= id.is_some();
        self.items.push((content.as_bytes().to_vec(), id));
        self.items.sort_by_key(|(content, _)| std::cmp::Reverse(content.len()));
        Ok(())
    }

    /// The parts of a text, in order.
    pub fn parts<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        if !self.produces {
            return vec![Part::Text(text)];
        }
        let mut is_first = [false; 256];
        self.items.iter().for_each(|(content, _)| is_first[usize::from(content[0])] = true);
        let (bytes, mut parts, mut start, mut at) = (text.as_bytes(), Vec::new(), 0, 0);
        while at < bytes.len() {
            let is_here = |(content, _): &&(Vec<u8>, Option<u32>)| bytes[at..].starts_with(content);
            let found = if is_first[usize::from(bytes[at])] { self.items.iter().find(is_here) } else { None };
            match found {
                Some((content, Some(id))) => {
                    if start < at {
                        parts.push(Part::Text(&text[start..at]));
                    }
                    parts.push(Part::Token(*id));
                    at += content.len();
                    start = at;
                }
                Some((content, None)) => at += content.len(),
                None => at += 1,
            }
        }
        if start < text.len() {
            parts.push(Part::Text(&text[start..]));
        }
        parts
    }
}
