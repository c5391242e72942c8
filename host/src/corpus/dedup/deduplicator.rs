//! All documents' signatures to clusters of duplicates.
//!
//! Everything is sorted: by id, by hash of the text, by band. So the result is a function of the set of documents, and
//! memory is bounded by what one sort may take, besides 4 bytes per document for the clusters.

use super::clusters::Clusters;
use super::config::{DedupConfig, Exact};
use super::duplicates::Duplicates;
use super::minhash::jaccard;
use super::signature::{Shingles, Signature};
use crate::base::codec::{read_bytes, read_text, write_bytes};
use crate::corpus::hashed::HashedMap;
use crate::corpus::sort::{Record, Run, Sorter};
use crate::{Error, Result};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

/// With a check of the true Jaccard index, a document is compared with so many others of each of its bands, those with
/// the lowest ids: a boilerplate page that occurs a million times would else make 10¹² pairs.
const PARTNERS_MAX: usize = 8;

/// Takes the signatures of all documents, in any order.
pub struct Deduplicator {
    config: DedupConfig,
    folder: PathBuf,
    entries: Sorter<Entry>,
}

/// A document. Sorted by its id, and from then on called by its number in this order.
#[derive(PartialEq, Eq)]
pub(super) struct Entry {
    pub id: Box<str>,
    pub signature: Signature,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Record for Entry {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write_bytes(out, self.id.as_bytes())?;
        write_bytes(out, &self.signature.to_bytes())
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        let id = read_text(input)?.into_boxed_str();
        Ok(Self { id, signature: Signature::from_bytes(&read_bytes(input)?).map_err(io::Error::other)? })
    }

    fn owned_bytes(&self) -> usize {
        let Signature { bands, sketch, pieces, .. } = &self.signature;
        self.id.len() + size_of_val(&bands[..]) + sketch.len() + size_of_val(&pieces[..])
    }
}

impl Deduplicator {
    /// `folder` holds what `config.memory_mb` does not, in unnamed files.
    pub fn new(config: &DedupConfig, folder: &Path) -> Self {
        // two sorts run at a time
        let entries = Sorter::new(folder, config.memory_mb << 19);
        Self { config: config.clone(), folder: folder.into(), entries }
    }

    /// Adds a document.
    ///
    /// # Errors
    /// A temporary file that cannot be written.
    pub fn push(&mut self, id: &str, signature: Signature) -> Result<()> {
        self.entries.push(Entry { id: id.into(), signature })
    }

    /// The candidates among all documents.
    ///
    /// # Errors
    /// An id that occurs twice, more than 2³² documents, temporary files that cannot be written.
    pub fn finish(self) -> Result<Candidates> {
        let Self { config, folder, entries } = self;
        let limit_bytes = config.memory_mb << 19;
        let mut clusters = Clusters::default();
        let mut exact = Sorter::new(&folder, limit_bytes);
        let mut last: Option<Box<str>> = None;
        let numbered = entries.finish()?.map(|entry| {
            let entry = entry?;
            if last.as_ref() == Some(&entry.id) {
                return Err(Error::run(format!("dedup: document id {:?} occurs twice; make ids unique", entry.id)));
            }
            last = Some(entry.id.clone());
            if clusters.len() == u32::MAX {
                return Err(Error::run("dedup: expected less than 4294967295 documents; prepare them in parts"));
            }
            if config.exact != Exact::None {
                exact.push((entry.signature.exact, clusters.len()))?;
            }
            clusters.push();
            Ok(entry)
        });
        let mut entries = Run::write(&folder, numbered)?;
        let mut first: Option<(u128, u32)> = None;
        for record in exact.finish()? {
            let (hash, document) = record?;
            match first.filter(|first| first.0 == hash) {
                Some((_, first)) => clusters.join(first, document),
                None => first = Some((hash, document)),
            }
        }
        let pairs = match &config.minhash {
            None => None,
            Some(minhash) => near(&mut entries, &mut clusters, minhash.jaccard > 0.0, &folder, limit_bytes)?,
        };
        Candidates::new(config, folder, entries, clusters, pairs)
    }
}

/// Joins the documents that agree in a band; or, when these are to be checked, gives them as pairs instead. Of exact
/// copies only the first takes part.
fn near(
    entries: &mut Run<Entry>,
    clusters: &mut Clusters,
    check: bool,
    folder: &Path,
    limit_bytes: usize,
) -> Result<Option<Run<(u32, u32)>>> {
    let mut bands = Sorter::new(folder, limit_bytes);
    for (document, entry) in (0..).zip(entries.records()?) {
        if clusters.head(document) == document {
            for (band, &hash) in (0u32..).zip(&entry?.signature.bands) {
                bands.push((hash, band, document))?;
            }
        }
    }
    let mut pairs = Sorter::new(folder, limit_bytes);
    let mut group = (0, 0);
    let mut firsts: Vec<u32> = Vec::new();
    for record in bands.finish()? {
        let (hash, band, document) = record?;
        if group != (hash, band) {
            group = (hash, band);
            firsts.clear();
        }
        if check {
            firsts.iter().try_for_each(|&first| pairs.push((first, document)))?;
        } else if let Some(&first) = firsts.first() {
            clusters.join(first, document);
        }
        if firsts.len() < PARTNERS_MAX {
            firsts.push(document);
        }
    }
    if !check {
        return Ok(None);
    }
    let mut last = None;
    let is_new = |pair: &Result<(u32, u32)>| match pair {
        Ok(pair) => last.replace(*pair) != Some(*pair),
        Err(_) => true,
    };
    Ok(Some(Run::write(folder, pairs.finish()?.filter(is_new))?))
}

/// Documents that may be duplicates. With a check of the true Jaccard index ([`super::MinHashConfig::jaccard`]), the
/// shingles of those that [`wants`](Self::wants) names must be [`add`](Self::add)ed, in any order, before
/// [`finish`](Self::finish); without one there are none to add.
pub struct Candidates {
    pub(super) config: DedupConfig,
    pub(super) folder: PathBuf,
    pub(super) entries: Run<Entry>,
    pub(super) clusters: Clusters,
    pairs: Option<Run<(u32, u32)>>,
    pub(super) shingles: ShingleStore,
}

impl Candidates {
    fn new(
        config: DedupConfig,
        folder: PathBuf,
        mut entries: Run<Entry>,
        clusters: Clusters,
        mut pairs: Option<Run<(u32, u32)>>,
    ) -> Result<Self> {
        let mut shingles = ShingleStore::new(&folder)?;
        if let Some(pairs) = &mut pairs {
            let mut wanted = vec![false; clusters.len() as usize];
            for pair in pairs.records()? {
                let (a, b) = pair?;
                wanted[a as usize] = true;
                wanted[b as usize] = true;
            }
            for ((document, entry), _) in (0..).zip(entries.records()?).zip(wanted).filter(|(_, wanted)| *wanted) {
                shingles.numbers.insert(xxh3_128(entry?.id.as_bytes()), document);
            }
        }
        Ok(Self { config, folder, entries, clusters, pairs, shingles })
    }

    /// How many documents' shingles are wanted.
    pub fn n_wanted(&self) -> usize {
        self.shingles.numbers.len()
    }

    /// Whether the shingles of this document are wanted.
    pub fn wants(&self, id: &str) -> bool {
        self.shingles.numbers.contains_key(&xxh3_128(id.as_bytes()))
    }

    /// Adds the shingles of a document that is wanted; others are left aside.
    ///
    /// # Errors
    /// A temporary file that cannot be written.
    pub fn add(&mut self, id: &str, shingles: &Shingles) -> Result<()> {
        match self.shingles.numbers.get(&xxh3_128(id.as_bytes())) {
            Some(&document) => self.shingles.write(document, &shingles.0),
            None => Ok(()),
        }
    }

    /// What becomes of every document.
    ///
    /// # Errors
    /// Wanted shingles that were not added, temporary files that cannot be read.
    pub fn finish(mut self) -> Result<Duplicates> {
        let least = self.config.minhash.as_ref().map_or(0.0, |minhash| minhash.jaccard);
        if let Some(pairs) = &mut self.pairs {
            let (mut current, mut others) = ((u32::MAX, Vec::new()), Vec::new());
            for pair in pairs.records()? {
                let (a, b) = pair?;
                // a pair that is in one cluster already changes nothing
                if self.clusters.head(a) == self.clusters.head(b) {
                    continue;
                }
                if current.0 != a {
                    self.shingles.read(a, &mut current.1)?;
                    current.0 = a;
                }
                self.shingles.read(b, &mut others)?;
                if jaccard(&current.1, &others) >= least {
                    self.clusters.join(a, b);
                }
            }
        }
        Duplicates::new(self)
    }
}

/// Shingles of candidates, in an unnamed file.
pub(super) struct ShingleStore {
    folder: PathBuf,
    file: BufWriter<File>,
    n_bytes: u64,
    /// Hash of each wanted document's id → its number.
    numbers: HashedMap<u128, u32>,
    /// Number of a document → where its shingles begin, and how many there are.
    places: HashMap<u32, (u64, usize)>,
}

impl ShingleStore {
    fn new(folder: &Path) -> Result<Self> {
        let file =
            tempfile::tempfile_in(folder).map_err(|error| Error::io(folder, "make a temporary file in", &error))?;
        let (numbers, places) = (HashedMap::default(), HashMap::new());
        Ok(Self { folder: folder.into(), file: BufWriter::new(file), n_bytes: 0, numbers, places })
    }

    pub fn has(&self, document: u32) -> bool {
        self.places.contains_key(&document)
    }

    fn write(&mut self, document: u32, shingles: &[u64]) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(shingles);
        let written = self.file.seek(SeekFrom::Start(self.n_bytes)).and_then(|_| self.file.write_all(bytes));
        written.map_err(|error| Error::io(&self.folder, "write a temporary file in", &error))?;
        self.places.insert(document, (self.n_bytes, shingles.len()));
        self.n_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Reads the shingles of a document that was written here.
    ///
    /// # Errors
    /// A document that was not written here, a file that cannot be read.
    pub fn read(&mut self, document: u32, shingles: &mut Vec<u64>) -> Result<()> {
        let Some(&(start, n)) = self.places.get(&document) else {
            return Err(Error::run("dedup: the text of a candidate was not found again; prepare again"));
        };
        shingles.resize(n, 0);
        let cannot_read = |error| Error::io(&self.folder, "read a temporary file in", &error);
        self.file.seek(SeekFrom::Start(start)).map_err(cannot_read)?;
        self.file.get_ref().read_exact(bytemuck::cast_slice_mut(shingles)).map_err(cannot_read)
    }
}
