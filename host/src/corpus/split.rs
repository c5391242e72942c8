//! Which documents are trained on, and which are held out.

use super::DataConfig;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Fixed for ever: another value would move documents between the splits of existing corpora. ("trainyar" in ASCII.)
const SPLIT_SEED: u64 = 0x7472_6169_6e79_6172;

/// The hash of an id that decides its split.
pub(super) fn split_hash(id: &str) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), SPLIT_SEED)
}

/// A part of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Trained on.
    Train,
    /// Held out, and looked at while training.
    Validation,
    /// Held out until the end.
    Test,
}

impl Split {
    /// Every split, train first.
    pub const ALL: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

    /// The split of the document `id`: a function of the id and the shares alone, so that adding documents moves no
    /// other.
    ///
    /// The id's XXH3-64 is read as a fraction in [0, 1): below `test` it is test, then validation, then train.
    pub fn of(id: &str, config: &DataConfig) -> Self {
        let fraction = (split_hash(id) >> 11) as f64 / (1u64 << 53) as f64;
        if fraction < config.test {
            Self::Test
        } else if fraction < config.test + config.validation {
            Self::Validation
        } else {
            Self::Train
        }
    }

    /// The name in files, reports and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The share of documents that the config asks for; none for what is left over.
    pub(crate) fn share(self, config: &DataConfig) -> Option<f64> {
        match self {
            Self::Train => None,
            Self::Validation => Some(config.validation),
            Self::Test => Some(config.test),
        }
    }

    /// The name of the split's shard.
    pub fn file(self) -> String {
        format!("{}.shard", self.name())
    }
}
