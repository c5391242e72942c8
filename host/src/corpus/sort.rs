//! Sorting more than memory holds: sorted runs in unnamed files, merged while they are read.

use crate::base::codec::Field;
use crate::{Error, Result};
use rayon::slice::ParallelSliceMut;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// Runs that are merged at once; more are merged into one first, so that few files are open.
const RUNS_MAX: usize = 64;
const BUFFER_BYTES: usize = 1 << 16;

/// What can be sorted. Records that compare as equal are alike, or their order does not matter.
pub(super) trait Record: Ord + Send + Sized {
    /// Writes the record's bytes.
    fn write(&self, out: &mut impl Write) -> io::Result<()>;

    /// Reads what `write` wrote.
    fn read(input: &mut impl Read) -> io::Result<Self>;

    /// Bytes of memory that the record owns besides itself.
    fn owned_bytes(&self) -> usize {
        0
    }
}

/// Takes records in any order.
pub(super) struct Sorter<R> {
    folder: PathBuf,
    limit_bytes: usize,
    n_bytes: usize,
    records: Vec<R>,
    runs: Vec<Run<R>>,
}

impl<R: Record> Sorter<R> {
    /// Keeps up to `limit_bytes` in memory and the rest in `folder`, in files without a name that end with the process.
    pub fn new(folder: &Path, limit_bytes: usize) -> Self {
        Self { folder: folder.into(), limit_bytes, n_bytes: 0, records: Vec::new(), runs: Vec::new() }
    }

    /// Adds a record, and writes a sorted run when the limit is reached.
    ///
    /// # Errors
    /// A temporary file that cannot be written.
    pub fn push(&mut self, record: R) -> Result<()> {
        self.n_bytes += size_of::<R>() + record.owned_bytes();
        self.records.push(record);
        if self.n_bytes < self.limit_bytes {
            return Ok(());
        }
        self.spill()
    }

    /// Writes what memory holds as a run.
    fn spill(&mut self) -> Result<()> {
        self.records.par_sort_unstable();
        self.n_bytes = 0;
        let records: Vec<R> = self.records.drain(..).collect();
        let run = Run::write(&self.folder, records.into_iter().map(Ok))?;
        self.runs.push(run);
        if self.runs.len() == RUNS_MAX {
            let merged = Sorted::new(&self.folder, Vec::new(), std::mem::take(&mut self.runs))?;
            self.runs.push(Run::write(&self.folder, merged)?);
        }
        Ok(())
    }

    /// The records from the lowest to the highest.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn finish(mut self) -> Result<Sorted<R>> {
        self.records.par_sort_unstable();
        Sorted::new(&self.folder, self.records, self.runs)
    }
}

/// Records in an unnamed file: written once, then read any number of times, gone when dropped.
pub(super) struct Run<R> {
    folder: PathBuf,
    file: File,
    n_records: u64,
    kind: PhantomData<R>,
}

impl<R: Record> Run<R> {
    /// Writes sorted records into a temporary file of `folder`.
    ///
    /// # Errors
    /// A record that is an error, a file that cannot be written.
    pub fn write(folder: &Path, records: impl Iterator<Item = Result<R>>) -> Result<Self> {
        let cannot_write = |error| Error::io(folder, "write a temporary file in", &error);
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(folder).map_err(cannot_write)?);
        let mut n_records = 0;
        for record in records {
            record?.write(&mut writer).map_err(cannot_write)?;
            n_records += 1;
        }
        let file = writer.into_inner().map_err(|error| cannot_write(error.into_error()))?;
        Ok(Self { folder: folder.into(), file, n_records, kind: PhantomData })
    }

    /// All records, in the order of writing.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn records(&mut self) -> Result<impl Iterator<Item = Result<R>>> {
        let cannot_read = |error| Error::io(&self.folder, "read a temporary file in", &error);
        self.file.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, &self.file);
        Ok((0..self.n_records).map(move |_| R::read(&mut reader).map_err(cannot_read)))
    }
}

/// Records in order.
pub(super) struct Sorted<R> {
    folder: PathBuf,
    in_memory: std::vec::IntoIter<R>,
    runs: Vec<(BufReader<File>, u64)>,
    /// The lowest unread record of each source: the runs, then memory.
    heads: BinaryHeap<Reverse<(R, usize)>>,
}

impl<R: Record> Sorted<R> {
    fn new(folder: &Path, in_memory: Vec<R>, runs: Vec<Run<R>>) -> Result<Self> {
        let cannot_read = |error| Error::io(folder, "read a temporary file in", &error);
        let reader = |mut run: Run<R>| {
            run.file.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
            Ok((BufReader::with_capacity(BUFFER_BYTES, run.file), run.n_records))
        };
        let mut sorted = Self {
            folder: folder.into(),
            in_memory: in_memory.into_iter(),
            runs: runs.into_iter().map(reader).collect::<Result<_>>()?,
            heads: BinaryHeap::new(),
        };
        for source in 0..=sorted.runs.len() {
            sorted.advance(source)?;
        }
        Ok(sorted)
    }

    fn advance(&mut self, source: usize) -> Result<()> {
        let record = match self.runs.get_mut(source) {
            None => self.in_memory.next(),
            Some((_, 0)) => None,
            Some((reader, n_left)) => {
                *n_left -= 1;
                let cannot_read = |error| Error::io(&self.folder, "read a temporary file in", &error);
                Some(R::read(reader).map_err(cannot_read)?)
            }
        };
        self.heads.extend(record.map(|record| Reverse((record, source))));
        Ok(())
    }
}

impl<R: Record> Iterator for Sorted<R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.runs.is_empty() && self.heads.len() <= 1 {
            let head = self.heads.pop().map(|Reverse((record, _))| record);
            return head.or_else(|| self.in_memory.next()).map(Ok);
        }
        let Reverse((record, source)) = self.heads.pop()?;
        Some(self.advance(source).map(|()| record))
    }
}

impl<A: Field + Ord + Send, B: Field + Ord + Send> Record for (A, B) {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.0.write(out)?;
        self.1.write(out)
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        Ok((A::read(input)?, B::read(input)?))
    }
}

impl<A: Field + Ord + Send, B: Field + Ord + Send, C: Field + Ord + Send> Record for (A, B, C) {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.0.write(out)?;
        self.1.write(out)?;
        self.2.write(out)
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        Ok((A::read(input)?, B::read(input)?, C::read(input)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_with_any_memory() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let numbers: Vec<(u64, u32)> = (0..20_000).map(|i| (hash(i) % 5000, i as u32)).collect();
        let mut expected = numbers.clone();
        expected.sort_unstable();
        // 1000 bytes: 320 runs, merged in between
        for limit_bytes in [1000, 100_000, usize::MAX] {
            let mut sorter = Sorter::new(folder.path(), limit_bytes);
            numbers.iter().for_each(|&number| sorter.push(number).unwrap());
            let sorted: Vec<_> = sorter.finish().unwrap().map(Result::unwrap).collect();
            assert!(sorted == expected, "{limit_bytes}");
        }
        assert_eq!(Sorter::<(u64, u32)>::new(folder.path(), 1).finish().unwrap().count(), 0);
    }
}
