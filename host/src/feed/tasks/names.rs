//! Names of a shard's plane: labels of documents, or tags of tokens, numbered in the order in which they appear.

use crate::corpus::{NameReport, Split};
use std::collections::{BTreeMap, HashMap};

/// The labels of one document, or the tag of one token; none where it has none. Several labels of one document are one
/// name here, so that a plane holds one number whatever there is to hold.
pub type Named = Option<Vec<String>>;

/// Numbers of names: 0 for none, then 1, 2, … as they appear.
#[derive(Debug, Default)]
pub struct Names {
    number_of: HashMap<Vec<String>, u32>,
    names: Vec<Vec<String>>,
    /// How often each occurs in a split.
    counts: Vec<BTreeMap<Split, u64>>,
}

impl Names {
    /// The number of a name.
    pub fn number(&mut self, name: &Named) -> u32 {
        let Some(name) = name else { return 0 };
        if let Some(&number) = self.number_of.get(name) {
            return number;
        }
        self.names.push(name.clone());
        self.counts.push(BTreeMap::new());
        let number = self.names.len() as u32;
        self.number_of.insert(name.clone(), number);
        number
    }

    /// Counts a name that was numbered.
    pub fn count(&mut self, split: Split, number: u32) {
        if let Some(counts) = (number as usize).checked_sub(1).and_then(|index| self.counts.get_mut(index)) {
            *counts.entry(split).or_default() += 1;
        }
    }

    /// The names in the order of their numbers.
    pub fn reports(self) -> Vec<NameReport> {
        let reports = self.names.into_iter().zip(self.counts);
        reports.map(|(names, counts)| NameReport { names, counts }).collect()
    }
}
