//! Text to token ids and back.

use crate::{PluginError, Result};

/// A tokenizer. The author implements this trait, and the host holds it: a sandboxed, a native and a built-in tokenizer
/// look the same to everything above the plugin seam.
///
/// Order of calls: `create` ([`crate::Create`]), then either `observe`* and `train`, or nothing, then `load`;
/// `vocabulary`, `encode` and `decode` follow `load` and fail with a `state` error before it. One instance serves one
/// thread.
///
/// An instance is a function of (settings, model, input): no files, clock, network or random numbers.
pub trait Tokenizer: Send {
    /// Takes one batch of training text. The result of training may not depend on how texts are split into batches.
    fn observe(&mut self, texts: &[&str]) -> Result<()>;

    /// Ends training and returns the model. The bytes are opaque to the host, which stores them with the run.
    fn train(&mut self) -> Result<Vec<u8>>;

    /// Makes the tokenizer usable from the bytes that `train` returned, in this instance or another.
    fn load(&mut self, model: &[u8]) -> Result<()>;

    /// All tokens, in the order of their ids.
    fn vocabulary(&self) -> Result<Vocabulary>;

    /// One sequence of ids per text, in order. Special tokens are never produced from text.
    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch>;

    /// One byte string per sequence: bytes, because a sequence may end inside a character. Special tokens decode to
    /// nothing.
    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>>;
}

/// Several sequences of token ids, one after the other: sequence `i` is `ids[ends[i - 1]..ends[i]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenBatch {
    /// All ids.
    pub ids: Vec<u32>,
    /// End of each sequence in `ids`, rising; the last equals `ids.len()`.
    pub ends: Vec<u32>,
}

impl TokenBatch {
    /// Ends the sequence that the ids pushed last belong to.
    ///
    /// # Errors
    /// More than 2^32 tokens in a batch.
    pub fn end_sequence(&mut self) -> Result<()> {
        let end = u32::try_from(self.ids.len())
            .map_err(|_| PluginError::input("a batch holds more than 2^32 tokens, pass fewer texts per call"))?;
        self.ends.push(end);
        Ok(())
    }

    /// The sequences, in order. A batch that fails [`TokenBatch::check`] may panic here.
    pub fn sequences(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.ids[start as usize..end as usize])
    }

    /// Whether `ends` has `n_sequences` rising values of which the last is the number of ids, and every id is below
    /// `n_tokens`.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub fn check(&self, n_sequences: usize, n_tokens: usize) -> Result<()> {
        if self.ends.len() != n_sequences {
            return Err(PluginError::internal(format!("expected {n_sequences} sequences, got {}", self.ends.len())));
        }
        if self.ends.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(PluginError::internal("ends of sequences are not rising"));
        }
        let last = self.ends.last().copied().unwrap_or(0) as usize;
        if last != self.ids.len() {
            return Err(PluginError::internal(format!(
                "the last sequence ends at {last}, but there are {} ids",
                self.ids.len()
            )));
        }
        match self.ids.iter().find(|&&id| id as usize >= n_tokens) {
            Some(id) => Err(PluginError::internal(format!("id {id} is outside the vocabulary of {n_tokens}"))),
            None => Ok(()),
        }
    }
}

/// All tokens of a tokenizer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// `tokens[id]`: the bytes that `id` stands for; empty for a special token.
    pub tokens: Vec<Vec<u8>>,
    /// Tokens that text never produces, such as the one that ends a document.
    pub specials: Vec<SpecialToken>,
}

/// A token that text never produces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialToken {
    /// For example `<|endoftext|>`.
    pub name: String,
    /// Its id.
    pub id: u32,
}

/// The name under which the host looks for the token that ends a document.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// Names that other tokenizers have for [`END_OF_TEXT`], the likelier ones first. Those that end a turn of a chat come
/// last: a file with both kinds means the other one.
const END_OF_TEXT_NAMES: [&str; 28] = [
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<|im_end|>",
    "[SEP]",
    "<｜end▁of▁sentence｜>",
    "<|end▁of▁sentence|>",
    "<EOT>",
    "<EOS>",
    "<EOS_TOKEN>",
    "<|EOS|>",
    "<|eos|>",
    "[EOS]",
    "[eos]",
    "<|endofdocument|>",
    "<|end_of_document|>",
    "<|eod|>",
    "<eod>",
    "<|EOD|>",
    "<|eot|>",
    "<end_of_text>",
    "<endoftext>",
    "[EOT]",
    "<|EOT|>",
    "<|end|>",
    "<|eot_id|>",
    "<|return|>",
    "<end_of_turn>",
];

/// The value of a tokenizer's setting `end_of_text` that says that no token ends a document.
pub const NO_END_OF_TEXT: &str = "none";

impl Vocabulary {
    /// The id of a special token.
    pub fn special(&self, name: &str) -> Option<u32> {
        self.specials.iter().find(|special| special.name == name).map(|special| special.id)
    }

    /// Gives the token that ends a document the name under which the host looks for it, where a file has one of its
    /// usual names instead.
    pub fn name_end_of_text(&mut self) {
        if self.special(END_OF_TEXT).is_some() {
            return;
        }
        let named = |name: &&str| self.specials.iter().position(|special| special.name == *name);
        if let Some(found) = END_OF_TEXT_NAMES.iter().find_map(named) {
            self.specials[found].name = END_OF_TEXT.into();
        }
    }

    /// Gives the special token `name` the name under which the host looks for the one that ends a document;
    /// [`NO_END_OF_TEXT`] takes that name from whichever has it.
    ///
    /// # Errors
    /// A `config` error when no special token has this name.
    pub fn set_end_of_text(&mut self, name: &str) -> Result<()> {
        let named = |name: &str| self.specials.iter().position(|special| special.name == name);
        let (former, found) = (named(END_OF_TEXT), named(name));
        if name != NO_END_OF_TEXT && found.is_none() {
            let mut names: Vec<_> =
                self.specials.iter().take(20).map(|special| format!("{:?}", special.name)).collect();
            names.extend((self.specials.len() > names.len()).then(|| "…".to_owned()));
            let known = if names.is_empty() { "it has none".into() } else { format!("it has {}", names.join(", ")) };
            let what =
                format!("end_of_text: expected the name of a special token of the model ({known}), got {name:?}");
            return Err(PluginError::config(what));
        }
        if let Some(former) = former.filter(|former| found != Some(*former)) {
            self.specials[former].name = format!("{END_OF_TEXT} (unused)");
        }
        if let Some(found) = found {
            self.specials[found].name = END_OF_TEXT.into();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(names: &[&str]) -> Vocabulary {
        let specials = names.iter().zip(0..).map(|(&name, id)| SpecialToken { name: name.into(), id }).collect();
        Vocabulary { tokens: vec![Vec::new(); names.len()], specials }
    }

    #[test]
    fn end_of_text_has_many_names() {
        for name in END_OF_TEXT_NAMES {
            let mut vocabulary = vocabulary(&["<pad>", name]);
            vocabulary.name_end_of_text();
            assert_eq!(vocabulary.special(END_OF_TEXT), Some(1), "{name}");
        }
        // the end of a text before the end of a turn
        let mut both = vocabulary(&["<end_of_turn>", "<eos>"]);
        both.name_end_of_text();
        assert_eq!(both.special(END_OF_TEXT), Some(1));
        let mut none = vocabulary(&["<fin>"]);
        none.name_end_of_text();
        assert_eq!(none, vocabulary(&["<fin>"]));
    }

    #[test]
    fn end_of_text_can_be_set() {
        let mut own = vocabulary(&["<fin>", END_OF_TEXT]);
        own.set_end_of_text("<fin>").unwrap();
        assert_eq!((own.special(END_OF_TEXT), own.special("<|endoftext|> (unused)")), (Some(0), Some(1)));
        own.set_end_of_text(END_OF_TEXT).unwrap();
        assert_eq!(own.special(END_OF_TEXT), Some(0));
        own.set_end_of_text(NO_END_OF_TEXT).unwrap();
        assert_eq!(own.special(END_OF_TEXT), None);
        let message = |names: &[&str]| vocabulary(names).set_end_of_text("<end>").unwrap_err().message;
        let expected = "end_of_text: expected the name of a special token of the model";
        assert_eq!(message(&["<fin>", "<a>"]), format!("{expected} (it has \"<fin>\", \"<a>\"), got \"<end>\""));
        assert_eq!(message(&[]), format!("{expected} (it has none), got \"<end>\""));
    }
}
