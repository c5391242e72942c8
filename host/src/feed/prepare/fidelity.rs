//! Comparison of documents with what comes back from their tokens: text that is lost costs no bits.

use crate::Result;
use crate::base::files::hex;
use crate::corpus::{Document, HeldOutText, Split};
use crate::feed::tasks::Samples;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use trainyard_plugin::{TokenBatch, Tokenizer};

/// What comes back of one document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fidelity {
    /// True when another text comes back.
    pub altered: bool,
    /// Bytes of characters of which fewer come back.
    pub lost_bytes: u64,
}

impl Fidelity {
    /// Compares `text` with what comes back of it.
    pub fn of(text: &str, decoded: &[u8]) -> Self {
        if text.as_bytes() == decoded {
            return Self::default();
        }
        let mut missing: HashMap<char, i64> = HashMap::new();
        text.chars().for_each(|char| *missing.entry(char).or_default() += 1);
        String::from_utf8_lossy(decoded).chars().for_each(|char| *missing.entry(char).or_default() -= 1);
        let bytes = |(char, n): (char, i64)| char.len_utf8() as u64 * n.max(0) as u64;
        Self { altered: true, lost_bytes: missing.into_iter().map(bytes).sum() }
    }
}

/// What comes back of each document that is held out; none of the others, and of all where the tokenizer does not
/// decode.
///
/// # Errors
/// Tokens that make no batch.
pub(crate) fn fidelity(
    tokenizer: &mut dyn Tokenizer,
    batch: &[(Split, Document)],
    samples: &Samples,
) -> Result<Vec<Option<Fidelity>>> {
    let mut all = vec![None; batch.len()];
    let mut tokens = TokenBatch::default();
    let mut asked = Vec::new();
    for (index, ((split, _), ids)) in batch.iter().zip(samples.texts()).enumerate() {
        if *split != Split::Train && !ids.is_empty() {
            tokens.ids.extend_from_slice(ids);
            tokens.end_sequence()?;
            asked.push(index);
        }
    }
    if asked.is_empty() {
        return Ok(all);
    }
    // Training needs no decoder: without one, results say that it is not known what was lost.
    match tokenizer.decode(&tokens) {
        Ok(texts) => {
            for (index, decoded) in asked.into_iter().zip(texts) {
                all[index] = Some(Fidelity::of(samples.text(index, &batch[index].1), &decoded));
            }
        }
        Err(error) => tracing::warn!("held-out text: what the tokenizer loses is not known: {error}"),
    }
    Ok(all)
}

/// A held-out text on its way into a shard.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub source: Option<String>,
    digest: Sha256,
    unknown: u64,
    altered: u64,
    lost_bytes: u64,
}

impl Measured {
    /// Adds a document, and what comes back of it if that is known.
    pub fn add(&mut self, text: &str, fidelity: Option<Fidelity>) {
        self.digest.update((text.len() as u64).to_le_bytes());
        self.digest.update(text);
        match fidelity {
            None => self.unknown += 1,
            Some(Fidelity { altered, lost_bytes }) => {
                self.altered += u64::from(altered);
                self.lost_bytes += lost_bytes;
            }
        }
    }

    /// What a manifest says of it.
    pub fn finish(self) -> HeldOutText {
        HeldOutText {
            source: self.source,
            sha256: hex(&self.digest.finalize()),
            decoded: self.unknown == 0,
            lossy_documents: self.altered,
            lossy_bytes: self.lost_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_counted() {
        let of = |text: &str, decoded: &str| {
            let Fidelity { altered, lost_bytes } = Fidelity::of(text, decoded.as_bytes());
            (altered, lost_bytes)
        };
        assert_eq!(of("The cat", "The cat"), (false, 0));
        assert_eq!(of("The Cat", "the cat"), (true, 2)); // lower-cased
        assert_eq!(of("nai\u{308}ve", "naive"), (true, 2)); // a mark of two bytes
        assert_eq!(of("一二三", "一[UNK]三"), (true, 3));
        assert_eq!(of("don't", "don ' t"), (true, 0)); // only more
        assert_eq!(Fidelity::of("é", &[0xc3]), Fidelity { altered: true, lost_bytes: 2 });
    }
}
