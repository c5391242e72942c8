//! `[data.dedup]`.

use crate::settings::Section;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use trainyard_text::Words;

/// `[data.dedup]`: which documents, paragraphs and lines count as repetitions, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DedupConfig {
    /// What is compared as a whole.
    pub exact: Exact,
    /// What of a text is ignored when texts are compared as a whole.
    pub normalise: Normalise,
    /// Lines or paragraphs with fewer characters are never repetitions.
    pub min_chars: usize,
    /// A document of which fewer characters are left after its repeated lines or paragraphs are cut is dropped.
    pub min_left: usize,
    /// What becomes of the documents of a cluster.
    pub action: Action,
    /// `[data.dedup.minhash]`: near duplicates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minhash: Option<MinHashConfig>,
    /// Memory for sorting, in MiB; the rest goes to temporary files.
    pub memory_mb: usize,
}

/// What is compared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exact {
    /// Nothing.
    None,
    /// Documents.
    Document,
    /// Documents, then the paragraphs of those that stay.
    Paragraph,
    /// Documents, then the lines of those that stay.
    Line,
}

/// What of a text is ignored when texts are compared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// Nothing.
    None,
    /// Which of Unicode's equivalent forms it is in, and the kind and length of its white space.
    Nfc,
    /// The same, and upper and lower case.
    Lowercase,
}

/// What becomes of the documents of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The one with the lowest id stays.
    Drop,
    /// All stay, in the same split.
    Group,
}

/// `[data.dedup.minhash]`: near duplicates by MinHash and banding.
///
/// Two documents whose sets of shingles have the Jaccard index s become candidates with the probability
/// 1 − (1 − s^rows)^bands.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MinHashConfig {
    /// What a document is cut into.
    #[serde(flatten)]
    pub shingle: Shingle,
    /// Parts of a signature; documents that agree in one are candidates.
    pub bands: usize,
    /// Hashes per band.
    pub rows: usize,
    /// Of the hash functions.
    pub seed: u64,
    /// Whether upper and lower case are different.
    pub case_sensitive: bool,
    /// The Jaccard index that candidates must have; 0 takes every candidate.
    pub jaccard: f64,
}

/// What a document is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shingle {
    /// So many words in a row.
    Words {
        /// Words per shingle.
        n: usize,
        /// How text is split into words; marks of punctuation are none.
        words: Words,
    },
    /// So many characters in a row, white space collapsed.
    Chars {
        /// Characters per shingle.
        n: usize,
    },
}

/// As the keys that [`MinHashConfig::read`] reads: the config of a run is read again by `eval`.
impl Serialize for Shingle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Words { n, words } => {
                map.serialize_entry("shingle_words", n)?;
                map.serialize_entry("words", name(*words))?;
            }
            Self::Chars { n } => map.serialize_entry("shingle_chars", n)?,
        }
        map.end()
    }
}

/// The same keys, and the one that gives their defaults.
impl JsonSchema for Shingle {
    fn schema_name() -> Cow<'static, str> {
        "Shingle".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut preset = generator.subschema_for::<Preset>();
        preset.insert("description".into(), "Published settings, which the other keys change.".into());
        json_schema!({ "properties": {
            "preset": preset,
            "shingle_words": { "description": "Words per shingle." },
            "shingle_chars": { "description": "Characters per shingle, white space collapsed, in place of words." },
            "words": { "description": "How text is split into words; marks of punctuation are none." },
        } })
    }
}

/// Writes the name of a splitter.
pub(super) fn words_name<S: serde::Serializer>(words: &Words, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name(*words))
}

/// The name of a splitter in configs.
fn name(words: Words) -> &'static str {
    WORDS.iter().find(|(_, choice)| *choice == words).map_or("whitespace", |(name, _)| name)
}

/// The splitters by their names in configs.
pub(super) const WORDS: [(&str, Words); 4] = [
    ("whitespace", Words::Whitespace),
    ("unicode", Words::Unicode),
    ("dictionary", Words::Dictionary),
    ("zh", Words::Zh),
];

impl Default for DedupConfig {
    fn default() -> Self {
        Self {
            exact: Exact::Document,
            normalise: Normalise::Nfc,
            min_chars: 20,
            min_left: 1,
            action: Action::Drop,
            minhash: None,
            memory_mb: 1024,
        }
    }
}

impl DedupConfig {
    /// What `[data.dedup]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let exact = [
            ("none", Exact::None),
            ("document", Exact::Document),
            ("paragraph", Exact::Paragraph),
            ("line", Exact::Line),
        ];
        let normalise = [("none", Normalise::None), ("nfc", Normalise::Nfc), ("lowercase", Normalise::Lowercase)];
        let minhash = section.optional("minhash", MinHashConfig::read);
        let config = Self {
            exact: section.choice("exact", &exact, default.exact),
            normalise: section.choice("normalise", &normalise, default.normalise),
            min_chars: section.integer("min_chars", 0.., default.min_chars),
            min_left: section.integer("min_left", 1.., default.min_left),
            action: section.choice("action", &[("drop", Action::Drop), ("group", Action::Group)], default.action),
            minhash,
            memory_mb: section.integer("memory_mb", 1..=1 << 20, default.memory_mb),
        };
        if config.exact == Exact::None && config.minhash.is_none() {
            section.problem("exact", "expected something to compare, got \"none\" and no [data.dedup.minhash]");
        }
        config
    }
}

/// Published settings of MinHash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Preset {
    /// 5-word shingles, 14 bands of 8 rows, seed 1 (FineWeb, arXiv 2406.17557, and datatrove).
    Fineweb,
    /// 5-word shingles, 20 bands of 450 rows (RefinedWeb, arXiv 2306.01116; Lee et al. 2022, arXiv 2107.06499).
    Refinedweb,
    /// 13-word shingles, 9 bands of 13 rows of 128 (RedPajama-V2 at 0.8, arXiv 2411.12372).
    Redpajama,
    /// 24-character shingles, 20 bands of 13 rows (the default of NeMo Curator).
    Nemo,
}

impl MinHashConfig {
    /// A published setting, without a check of the true Jaccard index.
    pub fn preset(preset: Preset) -> Self {
        let words = |n| Shingle::Words { n, words: Words::Unicode };
        let (shingle, bands, rows) = match preset {
            Preset::Fineweb => (words(5), 14, 8),
            Preset::Refinedweb => (words(5), 20, 450),
            Preset::Redpajama => (words(13), 9, 13),
            Preset::Nemo => (Shingle::Chars { n: 24 }, 20, 13),
        };
        Self { shingle, bands, rows, seed: 1, case_sensitive: false, jaccard: 0.0 }
    }

    fn read(section: &mut Section<'_>) -> Self {
        let presets = [
            ("fineweb", Preset::Fineweb),
            ("refinedweb", Preset::Refinedweb),
            ("redpajama", Preset::Redpajama),
            ("nemo", Preset::Nemo),
        ];
        let default = Self::preset(section.choice("preset", &presets, Preset::Fineweb));
        let n_words = section.integer("shingle_words", 1..=1000, 0);
        let n_chars = section.integer("shingle_chars", 1..=1000, 0);
        let words = section.option("words", &WORDS);
        let shingle = match (n_words, n_chars, default.shingle) {
            (0, 0, Shingle::Words { n, .. }) => Shingle::Words { n, words: words.unwrap_or(Words::Unicode) },
            (0, 0, chars) => chars,
            (n, 0, _) => Shingle::Words { n, words: words.unwrap_or(Words::Unicode) },
            (_, n, _) => Shingle::Chars { n },
        };
        if n_words > 0 && n_chars > 0 {
            section.conflict(&["shingle_words", "shingle_chars"], "expected one of shingle_words and shingle_chars");
        }
        if words.is_some() && matches!(shingle, Shingle::Chars { .. }) {
            section.conflict(&["words"], "shingles of characters are not split into words; remove it");
        }
        Self {
            shingle,
            bands: section.integer("bands", 1..=1000, default.bands),
            rows: section.integer("rows", 1..=1000, default.rows),
            seed: section.integer("seed", 0.., default.seed),
            case_sensitive: section.boolean("case_sensitive", default.case_sensitive),
            jaccard: section.number("jaccard", 0.0..=1.0, default.jaccard),
        }
    }
}
