//! Checks a tokenizer's vocabulary, and its ids against the special tokens.

use super::names::check_name;
use std::collections::HashSet;
use trainyard_plugin::{PluginError, Result, SpecialToken, TokenBatch, Vocabulary};

/// More tokens than any tokenizer in use has, few enough that an embedding of them fits in memory.
const MAX_TOKENS: usize = 1 << 20;

/// Holds a vocabulary to its size and to the names and ids of its special tokens.
///
/// # Errors
/// Too many tokens or none, and special tokens that are not in it, stand for bytes, or appear twice.
pub fn check_vocabulary(vocabulary: &Vocabulary) -> Result<()> {
    let n_tokens = vocabulary.tokens.len();
    if n_tokens == 0 || n_tokens > MAX_TOKENS {
        return Err(PluginError::internal(format!("expected 1 to {MAX_TOKENS} tokens, got {n_tokens}")));
    }
    let (mut names, mut ids) = (HashSet::new(), HashSet::new());
    for special in &vocabulary.specials {
        // the name is from the model's file, which is at fault
        check_name("special token", &special.name).map_err(|error| PluginError::input(error.message))?;
        match vocabulary.tokens.get(special.id as usize) {
            None => {
                return Err(PluginError::internal(format!(
                    "special token {:?} has id {}, which is outside the vocabulary of {n_tokens}",
                    special.name, special.id
                )));
            }
            Some(bytes) if !bytes.is_empty() => {
                return Err(PluginError::internal(format!(
                    "special token {:?} stands for {} bytes, expected none",
                    special.name,
                    bytes.len()
                )));
            }
            Some(_) => {}
        }
        if !names.insert(special.name.as_str()) || !ids.insert(special.id) {
            return Err(PluginError::internal(format!("special token {:?} or its id appears twice", special.name)));
        }
    }
    Ok(())
}

/// The special tokens of a loaded tokenizer, to compare encoded ids with: text never produces one.
pub struct Specials {
    tokens: Vec<SpecialToken>,
    /// Whether an id is that of a special token, by id.
    is_special: Vec<bool>,
}

impl Specials {
    /// The special tokens of `vocabulary`.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let mut is_special = vec![false; vocabulary.tokens.len()];
        for special in &vocabulary.specials {
            if let Some(is_special) = is_special.get_mut(special.id as usize) {
                *is_special = true;
            }
        }
        Self { tokens: vocabulary.specials.clone(), is_special }
    }

    /// Number of tokens in the vocabulary.
    pub fn n_tokens(&self) -> usize {
        self.is_special.len()
    }

    /// Looks for special tokens in a batch that was made of text.
    ///
    /// # Errors
    /// The first one that is there.
    pub fn check(&self, batch: &TokenBatch) -> Result<()> {
        let Some(at) = batch.ids.iter().position(|&id| self.is_special.get(id as usize) == Some(&true)) else {
            return Ok(());
        };
        let text = batch.ends.iter().position(|&end| end as usize > at).unwrap_or(0);
        let special = self.tokens.iter().find(|special| special.id == batch.ids[at]);
        let name = special.map_or("", |special| special.name.as_str());
        Err(PluginError::internal(format!(
            "text {text} became the special token {name:?}, which stands for no bytes, expected ids that stand for the \
             text: text never produces a special token"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn special(name: &str, id: u32) -> SpecialToken {
        SpecialToken { name: name.into(), id }
    }

    #[test]
    fn special_tokens_are_checked() {
        let check = |tokens: &[&[u8]], specials: &[SpecialToken]| {
            let tokens = tokens.iter().map(|token| token.to_vec()).collect();
            check_vocabulary(&Vocabulary { tokens, specials: specials.to_vec() }).err().map(|error| error.message)
        };
        assert_eq!(check(&[b"a", b"", b""], &[special("x", 1), special("y", 2)]), None);
        for (specials, expected) in [
            (vec![special("x", 3)], "special token \"x\" has id 3, which is outside the vocabulary of 3"),
            (vec![special("x", 0)], "special token \"x\" stands for 1 bytes, expected none"),
            (vec![special("x", 1), special("x", 2)], "special token \"x\" or its id appears twice"),
            (vec![special("x", 1), special("y", 1)], "special token \"y\" or its id appears twice"),
            (vec![special("x\n", 1)], "special token \"x\\n\" holds the control character '\\n'"),
        ] {
            assert_eq!(check(&[b"a", b"", b""], &specials).as_deref(), Some(expected));
        }
        assert_eq!(check(&[], &[]).as_deref(), Some("expected 1 to 1048576 tokens, got 0"));
    }

    /// A comparison of each pair of names would take minutes.
    #[test]
    fn many_special_tokens_take_no_long_time() {
        let specials: Vec<_> = (0..200_000).map(|id| special(&format!("<extra_{id}>"), id)).collect();
        let begun = Instant::now();
        check_vocabulary(&Vocabulary { tokens: vec![Vec::new(); 200_000], specials }).expect("all are distinct");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn special_tokens_in_encoded_text_are_found() {
        let vocabulary = Vocabulary { tokens: vec![b"a".to_vec(), Vec::new()], specials: vec![special("end", 1)] };
        let batch = |ids: &[u32], ends: &[u32]| TokenBatch { ids: ids.to_vec(), ends: ends.to_vec() };
        let specials = Specials::new(&vocabulary);
        assert_eq!(specials.check(&batch(&[0, 0], &[0, 1, 2])), Ok(()));
        let error = specials.check(&batch(&[0, 0, 1], &[0, 2, 3])).expect_err("text 2 has one");
        let expected = "text 2 became the special token \"end\", which stands for no bytes, expected ids that stand for \
                        the text: text never produces a special token";
        assert_eq!(error.message, expected);
    }
}
