//! Exact counts of words and n-grams of any corpus, in bounded memory.

use crate::Result;
use crate::corpus::hashed::HashedMap;
use crate::corpus::sort::{Field, Record, Sorted, Sorter, read_text, write_bytes};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write};
use std::path::Path;
use trainyard_text::ngrams::combine;

/// What a counted n-gram costs beside its text, about.
const ENTRY_BYTES: usize = 64;

/// Counts the n-grams of texts. What a table of the given size cannot hold goes to sorted files, which are added up in
/// the end: the counts are exact (up to equal 64-bit hashes).
pub(super) struct GramCounter {
    n: usize,
    limit_bytes: usize,
    n_bytes: usize,
    counts: HashedMap<u64, (u64, Box<str>)>,
    spilled: Sorter<Gram>,
}

/// One n-gram and how often it was met.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Gram {
    hash: u64,
    count: u64,
    text: Box<str>,
}

impl Record for Gram {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.hash.write(out)?;
        self.count.write(out)?;
        write_bytes(out, self.text.as_bytes())
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        Ok(Self { hash: Field::read(input)?, count: Field::read(input)?, text: read_text(input)? })
    }

    fn owned_bytes(&self) -> usize {
        self.text.len()
    }
}

/// A word or n-gram and its count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// The words, a space between them.
    pub text: String,
    /// How often it occurs.
    pub count: u64,
    /// Of all words or n-grams, 0 to 1.
    pub share: f64,
}

/// What is known of the n-grams of one length.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GramStats {
    /// Words per n-gram.
    pub n: usize,
    /// All of them.
    pub tokens: u64,
    /// Different ones.
    pub types: u64,
    /// Those that occur once (hapax legomena).
    pub hapaxes: u64,
    /// The most frequent, in falling order of count, then by text.
    pub top: Vec<Counted>,
}

impl GramCounter {
    pub fn new(n: usize, folder: &Path, limit_bytes: usize) -> Self {
        // half for the table, half for what is being sorted
        let limit_bytes = limit_bytes / 2;
        Self { n, limit_bytes, n_bytes: 0, counts: HashedMap::default(), spilled: Sorter::new(folder, limit_bytes) }
    }

    /// Counts the n-grams of a text, given its words and their hashes.
    pub fn push(&mut self, words: &[&str], hashes: &[u64]) -> Result<()> {
        for (words, hashes) in words.windows(self.n).zip(hashes.windows(self.n)) {
            let n_bytes = &mut self.n_bytes;
            let entry = self.counts.entry(combine(hashes)).or_insert_with(|| {
                let text = words.join(" ");
                *n_bytes += text.len() + ENTRY_BYTES;
                (0, text.into_boxed_str())
            });
            entry.0 += 1;
            if self.n_bytes > self.limit_bytes {
                self.spill()?;
            }
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.n_bytes = 0;
        for (hash, (count, text)) in self.counts.drain() {
            self.spilled.push(Gram { hash, count, text })?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Sorted<Gram>> {
        self.spill()?;
        self.spilled.finish()
    }
}

/// The sums over all counters, which have seen different texts, and the `n_top` most frequent.
pub(super) fn add_up(counters: Vec<GramCounter>, n_top: usize) -> Result<GramStats> {
    let mut stats = GramStats { n: counters.first().map_or(0, |counter| counter.n), ..GramStats::default() };
    let mut sources = counters.into_iter().map(GramCounter::finish).collect::<Result<Vec<_>>>()?;
    let mut heads = BinaryHeap::new();
    for (i, source) in sources.iter_mut().enumerate() {
        heads.extend(source.next().transpose()?.map(|gram| Reverse((gram, i))));
    }
    let mut top = Top { n: n_top, lowest_first: BinaryHeap::new() };
    let mut current: Option<Gram> = None;
    while let Some(Reverse((gram, i))) = heads.pop() {
        heads.extend(sources[i].next().transpose()?.map(|gram| Reverse((gram, i))));
        match &mut current {
            Some(same) if same.hash == gram.hash => same.count += gram.count,
            _ => stats.add(current.replace(gram), &mut top),
        }
    }
    stats.add(current, &mut top);
    let counted = |Reverse((count, Reverse(text))): Reverse<(u64, Reverse<Box<str>>)>| Counted {
        text: text.into(),
        count,
        share: count as f64 / stats.tokens as f64,
    };
    stats.top = top.lowest_first.into_sorted_vec().into_iter().map(counted).collect();
    Ok(stats)
}

impl GramStats {
    fn add(&mut self, gram: Option<Gram>, top: &mut Top) {
        let Some(gram) = gram else { return };
        self.tokens += gram.count;
        self.types += 1;
        self.hapaxes += u64::from(gram.count == 1);
        top.push(gram.count, gram.text);
    }
}

/// The `n` most frequent so far.
struct Top {
    n: usize,
    lowest_first: BinaryHeap<Reverse<(u64, Reverse<Box<str>>)>>,
}

impl Top {
    fn push(&mut self, count: u64, text: Box<str>) {
        self.lowest_first.push(Reverse((count, Reverse(text))));
        if self.lowest_first.len() > self.n {
            self.lowest_first.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_text::ngrams::hash;

    fn stats(texts: &[&str], n: usize, limit_bytes: usize, n_counters: usize) -> GramStats {
        let folder = tempfile::tempdir().unwrap();
        let mut counters: Vec<_> = (0..n_counters).map(|_| GramCounter::new(n, folder.path(), limit_bytes)).collect();
        for (i, text) in texts.iter().enumerate() {
            let words: Vec<_> = text.split(' ').collect();
            let hashes: Vec<_> = words.iter().map(|word| hash(word)).collect();
            counters[i % n_counters].push(&words, &hashes).unwrap();
        }
        add_up(counters, 2).unwrap()
    }

    #[test]
    fn counts_are_exact_with_any_memory() {
        let texts = ["b a b", "a c", "b", "d a b"];
        for (limit_bytes, n_counters) in [(0, 1), (0, 3), (300, 2), (1 << 20, 1)] {
            let words = stats(&texts, 1, limit_bytes, n_counters);
            assert_eq!((words.tokens, words.types, words.hapaxes), (9, 4, 2));
            let top: Vec<_> = words.top.iter().map(|word| (word.text.as_str(), word.count)).collect();
            assert_eq!(top, [("b", 4), ("a", 3)]);
            let pairs = stats(&texts, 2, limit_bytes, n_counters);
            assert_eq!((pairs.tokens, pairs.types, pairs.top[0].text.as_str(), pairs.top[1].count), (5, 4, "a b", 1));
        }
    }
}
