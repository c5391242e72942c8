//! Split rules: text is cut into pieces, and no token crosses from one into the next.
//! Each rule is published as a regular expression ([`Split::pattern`]); here it is a scanner that gives the same pieces
//! for any text. The tests compare it with a regex engine.

mod ascii;
mod classes;
mod rules;
mod tables;

use trainyard_plugin::{PluginError, Result};

/// A split rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// GPT-2 (Radford et al. 2019).
    Gpt2,
    /// GPT-4, Llama 3, Qwen 2: words take the sign before them, numbers are split.
    Gpt4 {
        /// Digits that stay together: 3 in GPT-4 and Llama 3, 1 in Qwen, 2 in nanochat.
        digits: usize,
        /// Whether white space at the end of a text is one piece even after a newline: `cl100k_base` as in tiktoken
        /// 0.8 and newer.
        whole_end: bool,
    },
    /// GPT-4o (`o200k_base`): words are also split where upper case follows lower case.
    O200k,
    /// Every text is one piece.
    None,
}

/// The rules that have a name.
pub const NAMED: [(&str, Split); 6] = [
    ("gpt2", Split::Gpt2),
    ("gpt4", Split::Gpt4 { digits: 3, whole_end: false }),
    ("cl100k", Split::Gpt4 { digits: 3, whole_end: true }),
    ("qwen", Split::Gpt4 { digits: 1, whole_end: false }),
    ("o200k", Split::O200k),
    ("none", Split::None),
];

impl Split {
    /// Returns the rule with a name in [`NAMED`].
    ///
    /// # Errors
    /// A `config` error for any other name.
    pub fn named(name: &str) -> Result<Self> {
        let found = NAMED.iter().find(|(known, _)| *known == name);
        found.map(|(_, split)| *split).ok_or_else(|| {
            let names: Vec<_> = NAMED.iter().map(|(known, _)| *known).collect();
            PluginError::config(format!("split: expected one of {}, got {name:?}", names.join(", ")))
        })
    }

    /// Returns the pieces of a text, in order; together they are the text.
    pub fn pieces(self, text: &str) -> Pieces<'_> {
        Pieces { split: self, text, at: 0 }
    }

    /// Returns the end of the piece that begins at `at`. `at` is below the length, and 0 or the end of a piece.
    #[inline]
    pub fn piece_end(self, text: &[u8], at: usize) -> usize {
        match self {
            Self::Gpt2 => rules::gpt2(text, at),
            Self::Gpt4 { digits, whole_end } => rules::gpt4(text, at, digits, whole_end),
            Self::O200k => rules::o200k(text, at),
            Self::None => text.len(),
        }
    }
}

/// See [`Split::pieces`].
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    split: Split,
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.at == self.text.len() {
            return None;
        }
        let start = self.at;
        self.at = self.split.piece_end(self.text.as_bytes(), start);
        Some(&self.text[start..self.at])
    }
}
