//! Documents as bags of features: their tokens and neighbouring tokens, each with a weight. Their order says nothing.
//!
//! The weights are scikit-learn's: those of `CountVectorizer`, or of `TfidfVectorizer` with `smooth_idf` and the norm
//! `l2` (Salton & Buckley 1988).

use super::WordFeatures;
use crate::feed::batch::Text;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// `[task]` of labels with `weights`: documents as bags of features.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FeaturesConfig {
    /// What a feature counts for that is in a document.
    pub weights: Weights,
    /// Whether n occurrences count as 1 + ln n, with `tf-idf`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sublinear: bool,
    /// Longest run of neighbouring tokens that is a feature.
    pub ngrams: usize,
    /// Number of features that runs of two tokens and more share: a hash of the run says which it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<u32>,
}

/// What a model reads in place of tokens.
#[derive(Debug, Clone)]
pub enum Bags {
    /// The features of a document.
    Documents(Arc<Features>),
    /// The features of each word of a document.
    Words(Arc<WordFeatures>),
}

impl Bags {
    /// How many features there are.
    pub fn n(&self) -> usize {
        match self {
            Self::Documents(features) => features.n(),
            Self::Words(features) => features.n(),
        }
    }
}

/// What a feature counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// As often as it is in the document.
    Count,
    /// Once.
    Binary,
    /// As often, times ln((1 + documents) / (1 + documents with it)) + 1, where the squares of a document sum to 1.
    TfIdf,
}

const WEIGHTS: [(&str, Weights); 3] =
    [("count", Weights::Count), ("binary", Weights::Binary), ("tf-idf", Weights::TfIdf)];

/// The factor of fastText's hash of neighbouring words.
const HASH: u64 = 116_049_371;

impl FeaturesConfig {
    /// What `[task]` may contain about them; none without `weights`.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let weights = section.option("weights", &WEIGHTS);
        if weights.is_none() && !section.is_dry() {
            for key in ["sublinear", "ngrams", "buckets"] {
                section.misplaced(key, "is about features of documents: expected task.weights as well");
            }
            return None;
        }
        let (sublinear, ngrams) = (section.boolean("sublinear", false), section.integer("ngrams", 1..=5, 1));
        let buckets = match ngrams {
            1 if !section.is_dry() => {
                section.misplaced("buckets", "are for runs of tokens: expected task.ngrams of 2 or more as well");
                None
            }
            _ => Some(section.integer("buckets", 1..=1 << 24, 1 << 16)),
        };
        if sublinear && weights != Some(Weights::TfIdf) {
            section.conflict(&["sublinear", "weights"], "is for weights = \"tf-idf\": remove it");
        }
        Some(Self { weights: weights?, sublinear, ngrams, buckets })
    }

    /// Whether a feature that is in a document n times counts for something else than n.
    pub fn are_weighted(&self) -> bool {
        self.weights != Weights::Count
    }
}

/// The features of a run's documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    config: FeaturesConfig,
    /// Tokens of the tokenizer, behind which the runs of tokens are numbered.
    n_tokens: u32,
    /// What an occurrence of each feature is multiplied by; empty where that is 1.
    idf: Vec<f64>,
}

impl Features {
    /// Features of the training data whose documents have these tokens, of which `context` features are read.
    pub fn new(
        config: &FeaturesConfig,
        n_tokens: u32,
        training: impl Iterator<Item = Vec<u32>>,
        context: usize,
    ) -> Self {
        let mut features = Self { config: config.clone(), n_tokens, idf: Vec::new() };
        if config.weights == Weights::TfIdf {
            let (mut n, mut n_with) = (0_u64, vec![0_u64; features.n()]);
            for tokens in training {
                n += 1;
                let counts = counts(&features.ids(tokens, context));
                counts.into_iter().for_each(|(feature, _)| n_with[feature as usize] += 1);
            }
            let idf = |&with: &u64| ((1 + n) as f64 / (1 + with) as f64).ln() + 1.0;
            features.idf = n_with.iter().map(idf).collect();
        }
        features
    }

    /// How many there are.
    pub fn n(&self) -> usize {
        self.n_tokens as usize + self.config.buckets.unwrap_or(0) as usize
    }

    /// How many tokens of a document are read where `context` features are.
    pub fn room(&self, context: usize) -> usize {
        // n - 1 runs of two, n - 2 of three, …
        let n_features = |n: usize| (0..self.config.ngrams).map(|longer| n.saturating_sub(longer)).sum::<usize>();
        (0..=context).rev().find(|&n| n_features(n) <= context).unwrap_or(0)
    }

    /// The features of a document as a text, of which no more than `context` are read.
    pub(super) fn text(&self, tokens: Vec<u32>, context: usize) -> Text {
        let ids = self.ids(tokens, context);
        let weights = self.weights(&ids);
        Text { weights, ..Text::new(ids) }
    }

    /// The features of a document: as many of its first tokens as fit into `context` with all runs of them, and the
    /// runs.
    fn ids(&self, mut tokens: Vec<u32>, context: usize) -> Vec<u32> {
        let ngrams = self.config.ngrams;
        tokens.truncate(self.room(context));
        let Some(buckets) = self.config.buckets else { return tokens };
        let n = tokens.len();
        for first in 0..n {
            let mut hash = u64::from(tokens[first]);
            for next in first + 1..n.min(first + ngrams) {
                hash = hash.wrapping_mul(HASH).wrapping_add(u64::from(tokens[next]));
                tokens.push(self.n_tokens + (hash % u64::from(buckets)) as u32);
            }
        }
        tokens
    }

    /// What each of the features `ids` of a document counts for, so that all occurrences of one count together for its
    /// weight; empty where that is 1 each.
    fn weights(&self, ids: &[u32]) -> Vec<f32> {
        if !self.config.are_weighted() {
            return Vec::new();
        }
        // of each feature: how often it is there, its weight
        let counted = counts(ids).into_iter().map(|(feature, n)| (feature, n, self.weight(feature, n)));
        let counted: Vec<_> = counted.collect();
        let norm = match self.config.weights {
            Weights::TfIdf => counted.iter().map(|(_, _, weight)| weight * weight).sum::<f64>().sqrt(),
            _ => 1.0,
        };
        let share = |id: &u32| {
            let at = counted.binary_search_by_key(id, |(feature, ..)| *feature);
            at.map_or(0.0, |at| (counted[at].2 / (norm * counted[at].1)) as f32)
        };
        ids.iter().map(share).collect()
    }

    /// What a feature counts for that is in a document `n` times, before the norm.
    fn weight(&self, feature: u32, n: f64) -> f64 {
        match self.config.weights {
            Weights::Count => n,
            Weights::Binary => 1.0,
            Weights::TfIdf => (if self.config.sublinear { 1.0 + n.ln() } else { n }) * self.idf[feature as usize],
        }
    }
}

/// The different ones of `ids`, in order, each with how often it is there.
fn counts(ids: &[u32]) -> Vec<(u32, f64)> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Made by tests/peers/tfidf_sklearn.py.
    const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/tfidf.json"));

    fn ids(value: &Value) -> Vec<u32> {
        value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
    }

    fn config(case: &Value) -> FeaturesConfig {
        let ngrams = case["ngrams"].as_u64().unwrap() as usize;
        FeaturesConfig {
            weights: WEIGHTS.iter().find(|(name, _)| case["weights"] == *name).unwrap().1,
            sublinear: case["sublinear"].as_bool().unwrap(),
            ngrams,
            buckets: (ngrams > 1).then(|| case["buckets"].as_u64().unwrap() as u32),
        }
    }

    #[test]
    fn weights_equal_those_of_scikit_learn() {
        let golden: Value = serde_json::from_str(GOLDEN).unwrap();
        let documents = |split: &str| golden[split].as_array().unwrap().iter().map(ids).collect::<Vec<_>>();
        let cases = golden["cases"].as_array().unwrap();
        assert!(cases.len() > 4);
        for case in cases {
            let config = config(case);
            let n_tokens = golden["n_tokens"].as_u64().unwrap() as u32;
            let features = Features::new(&config, n_tokens, documents("train").into_iter(), 1000);
            let expected = case["expected"].as_array().unwrap();
            let given: Vec<_> = documents("train").into_iter().chain(documents("test")).collect();
            assert_eq!(given.len(), expected.len());
            for (tokens, expected) in given.into_iter().zip(expected) {
                let Text { ids, weights, .. } = features.text(tokens, 1000);
                let mut sums = vec![0.0; features.n()];
                let weight = |at: usize| weights.get(at).copied().map_or(1.0, f64::from);
                ids.iter().enumerate().for_each(|(at, &id)| sums[id as usize] += weight(at));
                for pair in expected.as_array().unwrap() {
                    let (feature, weight) = (pair[0].as_u64().unwrap() as usize, pair[1].as_f64().unwrap());
                    assert!((sums[feature] - weight).abs() < 1e-6, "{config:?}: {feature}: {} {weight}", sums[feature]);
                    sums[feature] = 0.0;
                }
                assert!(sums.iter().all(|sum| *sum == 0.0), "{config:?}: features that scikit-learn does not have");
            }
        }
    }

    #[test]
    fn as_many_tokens_are_read_as_fit_with_their_runs() {
        let n_read = |ngrams: usize, context: usize| {
            let buckets = (ngrams > 1).then_some(7);
            let config = FeaturesConfig { weights: Weights::Count, sublinear: false, ngrams, buckets };
            let features = Features::new(&config, 100, std::iter::empty(), context);
            let Text { ids, weights, .. } = features.text((0..50).collect(), context);
            assert!(ids.len() <= context && weights.is_empty(), "{ngrams} {context}");
            (ids.iter().filter(|id| **id < 100).count(), ids.len())
        };
        assert_eq!(n_read(1, 64), (50, 50));
        assert_eq!(n_read(1, 20), (20, 20));
        assert_eq!(n_read(2, 99), (50, 99));
        assert_eq!(n_read(2, 20), (10, 19));
        assert_eq!(n_read(3, 20), (7, 18));
        assert_eq!(n_read(3, 1), (1, 1));
    }
}
