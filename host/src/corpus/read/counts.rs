//! What reading met besides documents.

use crate::corpus::Dropped;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Things by what is odd about them, each with the places of the first few.
pub(crate) type Oddities = BTreeMap<String, Dropped>;

/// Places named per reason.
const SAMPLES: usize = 3;

/// What reading met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadCounts {
    /// All documents, also those counted below but for `notes`.
    pub documents: u64,
    pub empty: u64,
    pub invalid_utf8_replaced: u64,
    pub invalid_utf8_dropped: u64,
    /// Lines that hold no document, by what is wrong with them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub invalid_lines: Oddities,
    /// What else there is to say about files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: Oddities,
}

/// Counts one thing and names its place.
pub(crate) fn count(all: &mut Oddities, what: &str, place: String) {
    let one = Dropped { documents: 1, samples: vec![place] };
    add(all, what.into(), one);
}

fn add(all: &mut Oddities, what: String, more: Dropped) {
    let counted = all.entry(what).or_default();
    counted.documents += more.documents;
    counted.samples.extend(more.samples);
    counted.samples.truncate(SAMPLES);
}

impl AddAssign for ReadCounts {
    fn add_assign(&mut self, other: Self) {
        self.documents += other.documents;
        self.empty += other.empty;
        self.invalid_utf8_replaced += other.invalid_utf8_replaced;
        self.invalid_utf8_dropped += other.invalid_utf8_dropped;
        other.invalid_lines.into_iter().for_each(|(what, more)| add(&mut self.invalid_lines, what, more));
        other.notes.into_iter().for_each(|(what, more)| add(&mut self.notes, what, more));
    }
}
