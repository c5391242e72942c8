//! Splits by strata: validation and test each get their share of every class.

use super::DataConfig;
use super::read::Document;
use super::split::{Split, split_hash};
use std::collections::{BTreeMap, HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// The split of every document of a corpus.
///
/// Without `stratify` a document's split is a function of its id alone (or its group). With it, the documents of a
/// class are put in the order of the same hash, and the first are test, then validation, then train: so it is a
/// function of the ids and classes of all documents, whatever the order of files.
#[derive(Debug)]
pub(crate) struct Splitter<'a> {
    config: &'a DataConfig,
    strata: Option<Strata>,
}

/// What is known of the classes.
#[derive(Debug)]
struct Strata {
    /// Per class: the hashes at which validation and train begin; none for the end of all.
    bounds: HashMap<u64, [Option<u64>; 2]>,
    /// Documents that others follow, because they are duplicates: their splits.
    leaders: HashMap<u64, Split>,
}

/// What strata are made of, as a pass over the documents finds it: 16 bytes for each.
#[derive(Debug, Default)]
pub(crate) struct StrataBuilder {
    /// Class and hash of the id.
    members: Vec<(u64, u64)>,
    /// Hashes of the ids that others follow.
    leaders: HashSet<u64>,
}

impl<'a> Splitter<'a> {
    /// The splits of documents that are not stratified.
    pub fn plain(config: &'a DataConfig) -> Self {
        Self { config, strata: None }
    }

    /// The splits of documents that a pass over all of them has seen.
    pub fn stratified(config: &'a DataConfig, seen: StrataBuilder) -> Self {
        Self { config, strata: Some(seen.finish(config)) }
    }

    /// The split of a document: that of its group, where the config names one and the document has it; else of the
    /// document that leads its duplicates; else of its own id.
    pub fn of(&self, document: &Document, leader: Option<&str>) -> Split {
        if let Some(group) = self.config.group.as_deref().and_then(|name| document.field(name)) {
            return Split::of(&group, self.config);
        }
        let id = leader.unwrap_or(&document.id);
        let Some(strata) = &self.strata else { return Split::of(id, self.config) };
        let hash = split_hash(id);
        match leader {
            Some(_) => strata.leaders.get(&hash).copied().unwrap_or(Split::Train),
            None => strata.split(class_of(document, self.config), hash),
        }
    }
}

/// A number for the value of the field by which the config stratifies; that of documents without it is 0.
fn class_of(document: &Document, config: &DataConfig) -> u64 {
    let value = config.labels.stratify.as_deref().and_then(|name| document.field(name));
    value.map_or(0, |value| xxh3_64(value.as_bytes()))
}

impl StrataBuilder {
    /// Adds a document, which follows `leader` if there is one.
    pub fn add(&mut self, config: &DataConfig, document: &Document, leader: Option<&str>) {
        match leader {
            Some(leader) => drop(self.leaders.insert(split_hash(leader))),
            None => self.members.push((class_of(document, config), split_hash(&document.id))),
        }
    }

    /// Adds what another part of the corpus holds.
    pub fn extend(&mut self, part: Self) {
        self.members.extend(part.members);
        self.leaders.extend(part.leaders);
    }

    fn finish(mut self, config: &DataConfig) -> Strata {
        self.members.sort_unstable();
        let classes: Vec<&[(u64, u64)]> = self.members.chunk_by(|a, b| a.0 == b.0).collect();
        // a class of several documents keeps one of them in train, a single document is there
        let mut room: Vec<u64> = classes.iter().map(|class| class.len() as u64 - 1).collect();
        let sizes: Vec<u64> = classes.iter().map(|class| class.len() as u64).collect();
        let test = shares(&sizes, config.test, &mut room);
        let validation = shares(&sizes, config.validation, &mut room);
        let bound = |class: &[(u64, u64)], n: u64| class.get(n as usize).map(|(_, hash)| *hash);
        let bounds = classes
            .iter()
            .zip(test.iter().zip(&validation))
            .map(|(class, (test, validation))| (class[0].0, [bound(class, *test), bound(class, test + validation)]));
        let mut strata = Strata { bounds: bounds.collect(), leaders: HashMap::new() };
        let leaders = self.members.iter().filter(|(_, hash)| self.leaders.contains(hash));
        strata.leaders = leaders.map(|&(class, hash)| (hash, strata.split(class, hash))).collect();
        strata
    }
}

impl Strata {
    fn split(&self, class: u64, hash: u64) -> Split {
        // a class that no pass saw is of documents that no split has
        let [validation, train] = self.bounds.get(&class).copied().unwrap_or([Some(0); 2]);
        match (validation, train) {
            (_, Some(train)) if hash >= train => Split::Train,
            (Some(validation), _) if hash >= validation => Split::Validation,
            _ => Split::Test,
        }
    }
}

/// How many documents of each class a share of all gets: each class its own share, rounded so that the sum is the share
/// of all (the largest remainders first, as in elections), and no more than there is room for.
fn shares(sizes: &[u64], share: f64, room: &mut [u64]) -> Vec<u64> {
    let exact: Vec<f64> = sizes.iter().map(|&size| share * size as f64).collect();
    let total = (share * sizes.iter().sum::<u64>() as f64).round() as u64;
    let mut counts: Vec<u64> =
        exact.iter().zip(&*room).map(|(exact, &room)| (exact.floor() as u64).min(room)).collect();
    let mut order: BTreeMap<(u64, usize), usize> = BTreeMap::new();
    for (index, exact) in exact.iter().enumerate() {
        // parts of a million, so that rounding errors decide nothing
        let remainder = ((exact - exact.floor()) * 1e6).round() as u64;
        order.insert((u64::MAX - remainder, index), index);
    }
    let mut left = total.saturating_sub(counts.iter().sum());
    for index in order.into_values() {
        if left > 0 && counts[index] < room[index] {
            counts[index] += 1;
            left -= 1;
        }
    }
    room.iter_mut().zip(&counts).for_each(|(room, count)| *room -= count);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::LabelsConfig;

    fn config(validation: f64, test: f64) -> DataConfig {
        let labels = LabelsConfig { stratify: Some("label".into()), ..LabelsConfig::default() };
        DataConfig { validation, test, labels, ..DataConfig::new(Vec::new()) }
    }

    fn document(id: String, label: &str) -> Document {
        Document { id, metadata: Some(format!("{{\"label\":\"{label}\"}}")), ..Document::default() }
    }

    /// Documents per class and split.
    fn counts(config: &DataConfig, documents: &[Document]) -> BTreeMap<(String, Split), usize> {
        let mut seen = StrataBuilder::default();
        documents.iter().for_each(|document| seen.add(config, document, None));
        let splitter = Splitter::stratified(config, seen);
        let mut counts = BTreeMap::new();
        for document in documents {
            let class = document.field("label").unwrap_or_default();
            *counts.entry((class, splitter.of(document, None))).or_default() += 1;
        }
        counts
    }

    #[test]
    fn every_class_gives_its_share() {
        let sizes = [("a", 100), ("b", 30), ("c", 10), ("d", 2), ("e", 1)];
        let documents: Vec<_> =
            sizes.iter().flat_map(|(label, n)| (0..*n).map(move |i| document(format!("{label}{i}"), label))).collect();
        let config = config(0.1, 0.2);
        let found = counts(&config, &documents);
        let of = |class: &str, split| found.get(&(class.to_owned(), split)).copied().unwrap_or_default();
        let per_class = |class| [Split::Train, Split::Validation, Split::Test].map(|split| of(class, split));
        assert_eq!([per_class("a"), per_class("b"), per_class("c")], [[70, 10, 20], [21, 3, 6], [7, 1, 2]]);
        assert!(of("d", Split::Train) >= 1);
        assert_eq!(per_class("e"), [1, 0, 0]);
        let n_test: usize = sizes.iter().map(|(class, _)| of(class, Split::Test)).sum();
        assert_eq!(n_test, 29, "0.2 of 143");
        let reversed: Vec<_> = documents.iter().rev().cloned().collect();
        assert_eq!(counts(&config, &reversed), found);
    }

    #[test]
    fn duplicates_follow_their_leader() {
        let config = config(0.25, 0.25);
        let documents: Vec<_> = (0..40).map(|i| document(i.to_string(), if i % 2 == 0 { "a" } else { "b" })).collect();
        let follower = document("x".into(), "b");
        let mut seen = StrataBuilder::default();
        documents.iter().for_each(|document| seen.add(&config, document, None));
        let mut leaders = Vec::new();
        for leader in &documents {
            let mut part = StrataBuilder::default();
            part.add(&config, &follower, Some(&leader.id));
            leaders.push(leader);
            seen.extend(part);
        }
        let splitter = Splitter::stratified(&config, seen);
        for leader in leaders {
            assert_eq!(splitter.of(&follower, Some(&leader.id)), splitter.of(leader, None), "{}", leader.id);
        }
        let splits: HashSet<_> = documents.iter().map(|document| splitter.of(document, None).name()).collect();
        assert_eq!(splits.len(), 3);
    }

    #[test]
    fn without_strata_an_id_decides() {
        let config = DataConfig { validation: 0.3, test: 0.3, ..DataConfig::new(Vec::new()) };
        for i in 0..100 {
            let document = document(i.to_string(), "a");
            assert_eq!(Splitter::plain(&config).of(&document, None), Split::of(&document.id, &config));
        }
    }
}
