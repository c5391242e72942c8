//! One pass over the documents, on all cores.

use super::grams::{Counted, GramCounter, GramStats, add_up};
use super::histogram::{Bucket, Histogram};
use super::labels::{LabelCounts, LabelStats};
use super::scripts::Scripts;
use crate::Result;
use crate::corpus::sort::Sorter;
use crate::corpus::strata::{Splitter, StrataBuilder};
use crate::corpus::{DataConfig, Document, batches, documents};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use trainyard_text::{Words, count_chars, lines, ngrams};
use xxhash_rust::xxh3::xxh3_128;

/// The longest n-grams.
const N_MAX: usize = 3;

/// What to count, and in how much memory.
#[derive(Debug, Clone)]
pub struct StatsOptions {
    /// How text is split into words.
    pub words: Words,
    /// Whether `The` and `the` are one word.
    pub lowercase: bool,
    /// Rows of each table.
    pub top: usize,
    /// Memory for counts; what does not fit goes to temporary files.
    pub memory_bytes: usize,
}

/// What a corpus is made of.
#[derive(Debug, Clone, Serialize)]
pub struct Stats {
    /// All sources together.
    pub total: SourceStats,
    /// Each source, when there are several.
    pub sources: Vec<SourceStats>,
    /// Documents that are equal, byte for byte, to one before.
    pub duplicates: u64,
    /// n-grams of 1, 2 and 3 words.
    pub grams: Vec<GramStats>,
    /// Characters and scripts.
    pub characters: Characters,
}

/// Sums and lengths of a source.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceStats {
    /// The source's name.
    pub name: String,
    /// Documents that hold text.
    pub documents: u64,
    /// Bytes of text, UTF-8.
    pub bytes: u64,
    /// Characters (Unicode scalar values).
    pub characters: u64,
    /// Words that hold a letter or a digit.
    pub words: u64,
    /// Lines.
    pub lines: u64,
    /// Words per document: the values that 5, 25, 50, 75 and 95 % of the documents do not exceed, to 3 %.
    pub words_quantiles: [u64; 5],
    /// Words per document, by powers of two.
    pub words_histogram: Vec<Bucket>,
    /// The most frequent labels, where documents have some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelStats>,
    /// The most frequent types of entities, and other tags, where documents have some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<LabelStats>,
    #[serde(skip)]
    lengths: Histogram,
    #[serde(skip)]
    label_counts: LabelCounts,
    #[serde(skip)]
    tag_counts: LabelCounts,
}

/// Characters and scripts of a corpus.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Characters {
    /// Different ones.
    pub types: u64,
    /// The most frequent.
    pub top: Vec<Counted>,
    /// Scripts, by falling count. White space, digits and punctuation are listed as such.
    pub scripts: Vec<Counted>,
}

/// Reads all documents of the config's sources, unfiltered, and counts.
///
/// Memory: `memory_bytes` for words, n-grams and hashes of documents (the rest in files in `folder`), and what a batch
/// of documents takes. All counts are exact, and the same for any memory and any number of threads.
///
/// # Errors
/// Sources that cannot be read.
pub fn collect(config: &DataConfig, options: &StatsOptions, folder: &Path) -> Result<Stats> {
    let n_workers = rayon::current_num_threads().max(1);
    let limit = options.memory_bytes / 8;
    let splitter = splitter(config)?;
    let mut workers: Vec<_> =
        (0..n_workers).map(|_| Worker::new(options, &splitter, folder, limit / n_workers)).collect();
    let mut hashes = Sorter::new(folder, limit);
    let mut sources = Vec::new();
    for source in &config.source {
        let one = DataConfig { source: vec![source.clone()], ..config.clone() };
        let mut documents = batches(documents(&one)?);
        loop {
            let group = (0..n_workers).map_while(|_| documents.next()).collect::<Result<Vec<_>>>()?;
            if group.is_empty() {
                break;
            }
            let count = |(worker, batch): (&mut Worker<'_>, &Vec<Document>)| worker.push_all(batch);
            workers.par_iter_mut().zip(&group).try_for_each(count)?;
            for document in group.iter().flatten() {
                let hash = xxh3_128(document.text().as_bytes());
                hashes.push(((hash >> 64) as u64, hash as u64))?;
            }
        }
        sources.push(SourceStats::new(source.name.clone(), &mut workers, options.top));
    }
    let mut total = SourceStats { name: "all".into(), ..SourceStats::default() };
    sources.iter().for_each(|source| total.add(source));
    total.close(options.top);
    let duplicates = total.documents - count_different(hashes)?;
    let characters = characters(&workers, options.top);
    let mut by_length: Vec<Vec<GramCounter>> = (0..N_MAX).map(|_| Vec::new()).collect();
    for counter in workers.into_iter().flat_map(|worker| worker.grams.into_iter().enumerate()) {
        by_length[counter.0].push(counter.1);
    }
    let grams = by_length.into_iter().map(|counters| add_up(counters, options.top)).collect::<Result<_>>()?;
    if sources.len() == 1 {
        sources.clear();
    }
    Ok(Stats { total, sources, duplicates, grams, characters })
}

/// The splits of the documents as they are, unfiltered; where they are stratified, a pass over all of them.
fn splitter(config: &DataConfig) -> Result<Splitter<'_>> {
    if config.labels.stratify.is_none() {
        return Ok(Splitter::plain(config));
    }
    let mut seen = StrataBuilder::default();
    for document in documents(config)? {
        seen.add(config, &document?, None);
    }
    Ok(Splitter::stratified(config, seen))
}

impl SourceStats {
    /// The sums of what the workers counted of this source.
    fn new(name: String, workers: &mut [Worker<'_>], n_top: usize) -> Self {
        let mut stats = Self { name, ..Self::default() };
        workers.iter_mut().for_each(|worker| stats.add(&std::mem::take(&mut worker.stats)));
        stats.close(n_top);
        stats
    }

    fn add(&mut self, other: &Self) {
        self.documents += other.documents;
        self.bytes += other.bytes;
        self.characters += other.characters;
        self.words += other.words;
        self.lines += other.lines;
        self.lengths.add(&other.lengths);
        self.label_counts.add(&other.label_counts);
        self.tag_counts.add(&other.tag_counts);
    }

    fn close(&mut self, n_top: usize) {
        self.labels = self.label_counts.ranked(n_top);
        self.tags = self.tag_counts.ranked(n_top);
        self.words_quantiles = [0.05, 0.25, 0.5, 0.75, 0.95].map(|q| self.lengths.quantile(q));
        self.words_histogram = self.lengths.octaves();
    }
}

/// What one thread has counted.
struct Worker<'a> {
    splitter: &'a Splitter<'a>,
    words: Words,
    lowercase: bool,
    stats: SourceStats,
    grams: Vec<GramCounter>,
    ascii: [u64; 128],
    characters: HashMap<char, u64>,
}

impl<'a> Worker<'a> {
    fn new(options: &StatsOptions, splitter: &'a Splitter<'a>, folder: &Path, limit_bytes: usize) -> Self {
        // longer n-grams are more
        let grams = (1..=N_MAX).map(|n| GramCounter::new(n, folder, limit_bytes * n)).collect();
        Self {
            splitter,
            words: options.words,
            lowercase: options.lowercase,
            stats: SourceStats::default(),
            grams,
            ascii: [0; 128],
            characters: HashMap::new(),
        }
    }

    fn push_all(&mut self, documents: &[Document]) -> Result<()> {
        documents.iter().try_for_each(|document| {
            let split = self.splitter.of(document, None);
            self.stats.label_counts.labels(document, split);
            self.stats.tag_counts.tags(document, split);
            self.push(document.text())
        })
    }

    fn push(&mut self, text: &str) -> Result<()> {
        let lowered = self.lowercase.then(|| text.to_lowercase());
        let words: Vec<&str> = self.words.words(lowered.as_deref().unwrap_or(text)).collect();
        let hashes: Vec<u64> = words.iter().map(|word| ngrams::hash(word)).collect();
        self.grams.iter_mut().try_for_each(|counter| counter.push(&words, &hashes))?;
        for char in text.chars() {
            match self.ascii.get_mut(char as usize) {
                Some(count) => *count += 1,
                None => *self.characters.entry(char).or_default() += 1,
            }
        }
        let stats = &mut self.stats;
        stats.documents += 1;
        stats.bytes += text.len() as u64;
        stats.characters += count_chars(text) as u64;
        stats.words += words.len() as u64;
        stats.lines += lines(text).count() as u64;
        stats.lengths.push(words.len() as u64);
        Ok(())
    }
}

/// Hash of 128 bits, in two halves: equal ones mean equal texts.
fn count_different(hashes: Sorter<(u64, u64)>) -> Result<u64> {
    let (mut n, mut last) = (0, None);
    for hash in hashes.finish()? {
        let hash = hash?;
        n += u64::from(last != Some(hash));
        last = Some(hash);
    }
    Ok(n)
}

fn characters(workers: &[Worker<'_>], n_top: usize) -> Characters {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for worker in workers {
        let ascii = (0u8..).map(char::from).zip(worker.ascii);
        for (char, count) in ascii.chain(worker.characters.iter().map(|(&char, &count)| (char, count))) {
            *counts.entry(char).or_default() += count;
        }
    }
    counts.retain(|_, count| *count > 0);
    let scripts = Scripts::new();
    let mut by_script: BTreeMap<&str, u64> = BTreeMap::new();
    for (&char, count) in &counts {
        *by_script.entry(scripts.of(char)).or_default() += count;
    }
    Characters {
        types: counts.len() as u64,
        top: ranked(counts.into_iter().map(|(char, count)| (char.to_string(), count)), n_top),
        scripts: ranked(by_script.into_iter().map(|(name, count)| (name.to_owned(), count)), usize::MAX),
    }
}

/// By falling count, then by text.
fn ranked(counts: impl Iterator<Item = (String, u64)>, n_top: usize) -> Vec<Counted> {
    let mut counts: Vec<_> = counts.collect();
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let counted = |(text, count)| Counted { text, count, share: count as f64 / total as f64 };
    counts.into_iter().take(n_top).map(counted).collect()
}
