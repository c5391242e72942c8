//! The tokens of a file: their texts and kinds.

use super::super::file::GgufFile;
use crate::Result;
use std::collections::HashMap;

/// The largest number of tokens.
const MAX_TOKENS: usize = 1 << 20;

/// The kind of a token, by the numbers of SentencePiece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A part of text.
    Normal = 1,
    /// What stands for unknown text.
    Unknown = 2,
    /// A mark that no text makes.
    Control = 3,
    /// Found in text before it is split.
    UserDefined = 4,
    /// A number without a token.
    Unused = 5,
    /// One byte, `<0x0A>`.
    Byte = 6,
}

impl Kind {
    fn of(number: u32) -> Self {
        match number {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }
}

/// The tokens in the order of their ids.
pub struct Tokens<'a> {
    /// Their texts.
    pub texts: Vec<&'a str>,
    /// Their kinds.
    pub kinds: Vec<Kind>,
    /// The ids by text; of two with one text, the first.
    pub ids: HashMap<&'a str, u32>,
}

impl<'a> Tokens<'a> {
    /// Reads the tokens of a file.
    ///
    /// # Errors
    /// There are none or too many, or the list of kinds has another length.
    pub fn new(file: &'a GgufFile) -> Result<Self> {
        let texts = file.required("tokenizer.ggml.tokens", GgufFile::texts)?;
        if texts.is_empty() || texts.len() > MAX_TOKENS {
            let n = texts.len();
            return Err(file.error(format_args!("tokenizer.ggml.tokens: expected 1 to {MAX_TOKENS}, got {n}")));
        }
        let kinds = match file.numbers("tokenizer.ggml.token_type")? {
            Some(numbers) if numbers.len() == texts.len() => {
                numbers.into_iter().map(|number| Kind::of(number as u32)).collect()
            }
            Some(numbers) => {
                let (n, expected) = (numbers.len(), texts.len());
                return Err(file.error(format_args!("tokenizer.ggml.token_type: expected {expected} kinds, got {n}")));
            }
            None => vec![Kind::Normal; texts.len()],
        };
        let mut ids = HashMap::new();
        for (text, id) in texts.iter().zip(0..) {
            ids.entry(*text).or_insert(id);
        }
        Ok(Self { texts, kinds, ids })
    }

    /// Returns the text of a token that metadata names.
    ///
    /// # Errors
    /// There is no token with that number.
    pub fn named(&self, file: &GgufFile, key: &str) -> Result<Option<&'a str>> {
        let Some(id) = file.int(key)? else { return Ok(None) };
        let text = self.texts.get(id as usize).copied();
        let n = self.texts.len();
        text.map(Some).ok_or_else(|| file.error(format_args!("{key}: expected a token below {n}, got {id}")))
    }

    /// Every token with its id and kind; of two with one text, the first.
    pub fn each(&self) -> impl Iterator<Item = (&'a str, u32, Kind)> {
        let all = self.texts.iter().zip(&self.kinds).zip(0..);
        all.filter(|((text, _), id)| self.ids.get(*text) == Some(id)).map(|((text, kind), id)| (*text, id, *kind))
    }
}
