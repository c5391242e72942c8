//! Filter `rare-terms`: finds words that occur in hardly any document of the corpus, and documents that are full of
//! them.
//!
//! It needs two passes. The first counts the documents that contain each word; a word in fewer than `min_documents` is
//! rare: a typing error, a name, a token of an encoded file. The second drops documents in which more than `max_share`
//! of the words are rare (`mode = "drop"`, reason `rare_terms`, the score is the share), or replaces each rare word by
//! `mask` (`mode = "mask"`, reason `rare_terms_masked`, the score is their number; spans are their places).
//!
//! The memory is bounded by `memory_mib`, whatever the corpus: counts are kept in a blocked counting Bloom filter of
//! saturating bytes ([`sketch`]). Collisions in it can make a rare word look common, never a common one rare: 5 of 1000
//! rare words with 1 million distinct words in 16 MiB. The counts of several instances are added up, in any order, and
//! equal those of a single one. Words are compared in lower case.

mod sketch;

use sketch::Sketch;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rewrite, Rule, Verdict, config};
use trainyard_text::{Table, Words, ngrams, offset_in};

config! {
    /// Settings of `rare-terms`.
    pub struct Settings {
        /// how text is split into words: whitespace, unicode, dictionary or zh
        words: String = "unicode",
        /// a word in fewer documents is rare, 2 to 255
        min_documents: u32 = 2u32,
        /// drop (documents with many rare words) or mask (the words)
        mode: String = "drop",
        /// maximum share of rare words in a document; 0: no limit
        max_share: f64 = 0.2,
        /// replacement for a rare word
        mask: String = "<rare>",
        /// memory for the counts in MiB, a power of two up to 1024
        memory_mib: u32 = 16u32,
    }
}

/// The filter.
pub struct RareTerms {
    words: Words,
    min_documents: u8,
    masks: bool,
    mask: String,
    rules: Vec<Rule>,
    sketch: Sketch,
    /// Words of the document that is observed; the memory is reused.
    seen: Table,
    hashes: Vec<u64>,
}

impl Create for RareTerms {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let words = settings.words.parse().map_err(|error| PluginError::config(format!("words: {error}")))?;
        let min_documents = match settings.min_documents {
            n @ 2..=255 => n as u8,
            n => return Err(PluginError::config(format!("min_documents: expected 2 to 255, got {n}"))),
        };
        let masks = match settings.mode.as_str() {
            "drop" => false,
            "mask" => true,
            mode => return Err(PluginError::config(format!("mode: expected drop or mask, got {mode:?}"))),
        };
        let memory = settings.memory_mib;
        if !memory.is_power_of_two() || memory > 1024 {
            return Err(PluginError::config(format!("memory_mib: expected a power of two up to 1024, got {memory}")));
        }
        let rule = Rule::at_most("rare_terms", "max_share", settings.max_share).within(1.0)?;
        Ok(Self {
            words,
            min_documents,
            masks,
            mask: settings.mask,
            rules: vec![rule],
            sketch: Sketch::new((memory as usize) << 20),
            seen: Table::default(),
            hashes: Vec::new(),
        })
    }
}

impl Filter for RareTerms {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        if self.masks {
            return Ok(documents.iter().map(|document| self.masked(document)).collect());
        }
        Ok(documents.iter().map(|document| Rule::verdict(&self.rules, &[self.share(document)])).collect())
    }

    fn two_pass(&self) -> bool {
        true
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        for document in documents {
            self.hashes.clear();
            self.hashes.extend(self.words.words(document).map(hash));
            self.seen.clear(self.hashes.len());
            for &hash in &self.hashes {
                if self.seen.insert(hash) {
                    self.sketch.add(hash);
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        Ok(self.sketch.to_bytes())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.sketch.merge(state)
    }

    fn rules(&self) -> Vec<Rule> {
        if self.masks { Vec::new() } else { self.rules.clone() }
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        if self.masks {
            return Ok(Vec::new());
        }
        Ok(documents.iter().map(|document| self.share(document)).collect())
    }
}

impl RareTerms {
    fn is_rare(&self, word: &str) -> bool {
        self.sketch.count(hash(word)) < self.min_documents
    }

    /// Returns the share of a document's words that are rare; not a number if it has no words.
    fn share(&self, document: &str) -> f64 {
        let (mut n, mut n_rare) = (0u64, 0u64);
        for word in self.words.words(document) {
            n += 1;
            n_rare += u64::from(self.is_rare(word));
        }
        n_rare as f64 / n as f64
    }

    fn masked(&self, document: &str) -> Verdict {
        let mut rewrite = Rewrite::new(document);
        for word in self.words.words(document).filter(|word| self.is_rare(word)) {
            let start = offset_in(document, word);
            rewrite.replace(start..start + word.len(), &self.mask);
        }
        rewrite.verdict("rare_terms_masked")
    }
}

/// Hash of a word in lower case.
fn hash(word: &str) -> u64 {
    if word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return ngrams::hash(word);
    }
    ngrams::hash(&word.to_lowercase())
}

trainyard_plugin::export!(measured_filter "rare-terms" = RareTerms);

#[cfg(test)]
mod tests;
