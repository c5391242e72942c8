//! Labels and tags of a corpus, by split.

use super::grams::Counted;
use crate::corpus::{Document, Split, Tags};
use serde::Serialize;
use std::collections::BTreeMap;

/// How often one label or tag occurs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelStats {
    /// Its name, count and share.
    #[serde(flatten)]
    pub counted: Counted,
    /// The count in each split that has it.
    pub splits: BTreeMap<Split, u64>,
}

/// Counts by name and split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LabelCounts(BTreeMap<String, BTreeMap<Split, u64>>);

impl LabelCounts {
    fn count(&mut self, name: &str, split: Split) {
        // names repeat, and most are there already
        match self.0.get_mut(name) {
            Some(splits) => *splits.entry(split).or_default() += 1,
            None => drop(self.0.insert(name.to_owned(), BTreeMap::from([(split, 1)]))),
        }
    }

    /// Counts the labels of a document.
    pub fn labels(&mut self, document: &Document, split: Split) {
        if let Some(label) = document.label() {
            label.names().iter().for_each(|name| self.count(name, split));
        }
    }

    /// Counts what the tags of a document name: entities by their types, and words by tags that are of no entities.
    pub fn tags(&mut self, document: &Document, split: Split) {
        match document.tags() {
            None => {}
            Some(Tags::Spans(spans)) => spans.iter().for_each(|span| self.count(&span.label, split)),
            Some(Tags::Words(tags)) => {
                let names = tags.iter().filter(|tag| *tag != "O" && !tag.starts_with("I-"));
                names.for_each(|tag| self.count(tag.strip_prefix("B-").unwrap_or(tag), split));
            }
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (name, splits) in &other.0 {
            let counts = self.0.entry(name.clone()).or_default();
            splits.iter().for_each(|(split, n)| *counts.entry(*split).or_default() += n);
        }
    }

    /// The most frequent, by falling count, then by name.
    pub fn ranked(&self, n_top: usize) -> Vec<LabelStats> {
        let sum = |splits: &BTreeMap<Split, u64>| splits.values().sum::<u64>();
        let total: u64 = self.0.values().map(sum).sum();
        let mut all: Vec<_> = self.0.iter().map(|(name, splits)| (sum(splits), name, splits)).collect();
        all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let stats = |(count, name, splits): (u64, &String, &BTreeMap<Split, u64>)| LabelStats {
            counted: Counted { text: name.clone(), count, share: count as f64 / total as f64 },
            splits: splits.clone(),
        };
        all.into_iter().take(n_top).map(stats).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(counts: &LabelCounts) -> Vec<(String, u64, Vec<u64>)> {
        let ranked = counts.ranked(10);
        ranked.into_iter().map(|l| (l.counted.text, l.counted.count, l.splits.into_values().collect())).collect()
    }

    #[test]
    fn labels_and_entities_are_counted_by_split() {
        let document = |metadata: &str| Document { metadata: Some(metadata.into()), ..Document::default() };
        let (mut labels, mut tags) = (LabelCounts::default(), LabelCounts::default());
        let documents = [
            (r#"{"label":"b","tags":["B-X","I-X","O","B-X"]}"#, Split::Train),
            (r#"{"label":["a","b"],"tags":[[0,1,"X"]]}"#, Split::Test),
            (r#"{"label":3,"tags":["NN"]}"#, Split::Train),
            ("{}", Split::Train),
        ];
        for (metadata, split) in documents {
            labels.labels(&document(metadata), split);
            tags.tags(&document(metadata), split);
        }
        let expected = [("b".into(), 2, vec![1, 1]), ("3".into(), 1, vec![1]), ("a".into(), 1, vec![1])];
        assert_eq!(shown(&labels), expected);
        assert_eq!(shown(&tags), [("X".into(), 3, vec![2, 1]), ("NN".into(), 1, vec![1])]);
        let mut sum = LabelCounts::default();
        sum.add(&labels);
        sum.add(&labels);
        assert_eq!(shown(&sum)[0], ("b".into(), 4, vec![2, 2]));
        assert_eq!(sum.ranked(1).len(), 1);
    }
}
