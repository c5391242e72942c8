//! SentencePiece's normalization of a text before it is split into pieces.

use super::proto::{Kind, Proto};
use super::trie::Trie;
use crate::charsmap::{self, Charsmap};
use trainyard_plugin::Result;

/// How a space is written.
pub const SPACE: &str = "▁";

/// Replacements, and the rules for spaces.
pub struct Normalizer {
    charsmap: Option<Charsmap>,
    /// Pieces that are not changed.
    pub user_defined: Trie,
    adds_space: bool,
    removes_spaces: bool,
    space: &'static str,
    is_suffix: bool,
}

impl Normalizer {
    /// Makes the normalizer of a model.
    ///
    /// # Errors
    /// A damaged table of replacements.
    pub fn new(proto: &Proto) -> Result<Self> {
        let charsmap = match proto.charsmap.as_slice() {
            [] => None,
            table => {
                charsmap::check(table)?;
                Charsmap::new(table)
            }
        };
        let user_defined = proto.pieces.iter().zip(0..).filter(|(piece, _)| piece.kind == Kind::UserDefined);
        Ok(Self {
            charsmap,
            user_defined: Trie::new(user_defined.map(|(piece, id)| (piece.text.as_str(), id))),
            adds_space: proto.adds_space,
            removes_spaces: proto.removes_spaces,
            space: if proto.escapes_spaces { SPACE } else { " " },
            is_suffix: proto.space_is_suffix,
        })
    }

    /// Whether a space is put before a text.
    pub fn begins_with_space(&self) -> bool {
        self.adds_space && !self.is_suffix
    }

    /// Returns the normalized text.
    pub fn normal(&self, text: &str) -> String {
        let mut rest = text;
        while self.removes_spaces
            && let Some((" ", length)) = self.first(rest)
        {
            rest = &rest[length..];
        }
        let mut normal = String::with_capacity(text.len() + text.len() / 4);
        if rest.is_empty() {
            return normal;
        }
        if self.begins_with_space() {
            normal.push_str(self.space);
        }
        let mut is_behind_space = self.removes_spaces;
        while let Some((part, length)) = self.first(rest) {
            let part = if is_behind_space { part.trim_start_matches(' ') } else { part };
            for char in part.chars() {
                match char {
                    ' ' => normal.push_str(self.space),
                    _ => normal.push(char),
                }
            }
            if !part.is_empty() {
                is_behind_space = self.removes_spaces && part.ends_with(' ');
            }
            rest = &rest[length..];
        }
        if self.removes_spaces {
            normal.truncate(normal.trim_end_matches(self.space).len());
        }
        if self.is_suffix && self.adds_space {
            normal.push_str(self.space);
        }
        normal
    }

    /// Returns the replacement of the beginning of a text, and how many bytes it replaces.
    fn first<'a>(&'a self, text: &'a str) -> Option<(&'a str, usize)> {
        let char = text.chars().next()?;
        if let Some((_, length)) = self.user_defined.longest(text.as_bytes()) {
            return Some((&text[..length], length));
        }
        let replaced = self.charsmap.as_ref().and_then(|charsmap| charsmap.longest(text));
        Some(replaced.unwrap_or_else(|| (&text[..char.len_utf8()], char.len_utf8())))
    }
}
