//! Two passes: documents to rows of counts, on disk; rows of counts to a matrix.

use super::neighbours::{NEIGHBOURS, write_neighbours};
use super::tokens::{Term, Terms, column};
use super::vocabulary::{Columns, Vocabulary};
use super::write::{Ids, MatrixWriter};
use super::{FeatureKind, FeatureOptions};
use crate::base::files::check_output;
use crate::base::write::write_file;
use crate::corpus::{DataConfig, Document, batches, documents};
use crate::report::count;
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(super) const MATRIX: &str = "features.safetensors";
pub(super) const IDS: &str = "ids.json";
const VOCABULARY: &str = "vocabulary.json";

/// What was made.
#[derive(Debug, Clone, Serialize)]
pub struct FeatureReport {
    /// Where.
    pub folder: PathBuf,
    /// Rows.
    pub documents: u64,
    /// Columns.
    pub terms: u64,
    /// Values that are not 0.
    pub values: u64,
}

impl Display for FeatureReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [documents, terms, values] = [self.documents, self.terms, self.values].map(|n| count(n as f64));
        writeln!(f, "{}: {documents} documents × {terms} columns, {values} values", self.folder.display())
    }
}

/// Writes the features of all documents of the config's sources into `folder`: `features.safetensors` (the matrix in
/// compressed sparse rows: `indptr`, `indices`, `data`; for TF-IDF also `idf`), `ids.json`, `vocabulary.json` (not for
/// hashing), `neighbours.jsonl` (if any are asked for).
///
/// Memory: the vocabulary, once per thread, and 8 bytes per document; for neighbours the whole matrix, twice. The
/// result does not depend on the number of threads.
///
/// # Errors
/// Files of these names in `folder` without `overwrite`, sources that cannot be read, no term that is left.
pub fn extract(config: &DataConfig, options: &FeatureOptions, folder: &Path) -> Result<FeatureReport> {
    for name in [MATRIX, IDS, VOCABULARY, NEIGHBOURS] {
        check_output(&folder.join(name), options.overwrite)?;
    }
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", &error))?;
    let mut workers: Vec<_> = (0..rayon::current_num_threads().max(1)).map(|_| Worker::new(options)).collect();
    let (mut rows, mut ids) = (Rows::new(folder)?, Ids::create(&folder.join(IDS))?);
    let mut documents = batches(documents(config)?);
    loop {
        let group = (0..workers.len()).map_while(|_| documents.next()).collect::<Result<Vec<_>>>()?;
        if group.is_empty() {
            break;
        }
        let counts = workers.par_iter_mut().zip(&group).map(|(worker, batch)| worker.count(batch));
        for (worker, counts) in counts.collect::<Vec<_>>().into_iter().enumerate() {
            rows.write(worker as u32, &counts)?;
        }
        group.iter().flatten().try_for_each(|document| ids.push(&document.id))?;
    }
    ids.finish()?;
    let n = rows.n_rows;
    let columns = match options.kind {
        FeatureKind::Hashing(_) => Columns::default(),
        _ => {
            let vocabularies: Vec<_> = workers.into_iter().map(|worker| worker.vocabulary).collect();
            Columns::new(&vocabularies, options, n)?
        }
    };
    // scikit-learn: as if one more document held every term, so that none is divided by 0
    let idf: Vec<f64> = columns.documents.iter().map(|&df| ((1 + n) as f64 / (1 + df) as f64).ln() + 1.0).collect();
    let n_columns = match options.kind {
        FeatureKind::Hashing(n_columns) => n_columns as usize,
        _ => columns.terms.len(),
    };
    let mut matrix = MatrixWriter::new(folder, n_columns, options.single)?;
    rows.for_each(|worker, mut row: Vec<(u32, f64)>| {
        if let Some(columns) = columns.of.get(worker as usize) {
            let place = |(number, count): (u32, f64)| Some((columns[number as usize]?, count));
            row = row.into_iter().filter_map(place).collect();
            row.sort_unstable_by_key(|value| value.0);
        }
        weigh(options, &idf, &mut row);
        matrix.push(&row)
    })?;
    let idf = if options.kind == FeatureKind::Tfidf { idf } else { Vec::new() };
    let values = matrix.finish(&folder.join(MATRIX), &idf)?;
    if !columns.terms.is_empty() {
        let vocabulary: BTreeMap<&str, usize> = columns.terms.iter().map(String::as_str).zip(0..).collect();
        let json = serde_json::to_vec(&vocabulary).map_err(|error| Error::run(format!("features: {error}")))?;
        write_file(&folder.join(VOCABULARY), &json)?;
    }
    if options.neighbours > 0 {
        write_neighbours(folder, options.neighbours)?;
    }
    Ok(FeatureReport { folder: folder.into(), documents: n, terms: n_columns as u64, values })
}

/// Counts to weights, rows to length 1.
fn weigh(options: &FeatureOptions, idf: &[f64], row: &mut [(u32, f64)]) {
    match options.kind {
        FeatureKind::Counts => return,
        FeatureKind::Hashing(_) => {}
        FeatureKind::Tfidf => {
            for (column, value) in row.iter_mut() {
                let tf = if options.sublinear { value.ln() + 1.0 } else { *value };
                *value = tf * idf[*column as usize];
            }
        }
    }
    let length = row.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|(_, value)| *value /= length);
    }
}

/// What one thread needs.
struct Worker {
    terms: Terms,
    kind: FeatureKind,
    vocabulary: Vocabulary,
    found: Vec<Term>,
}

/// The rows of a batch: the end of each in `values`, and pairs of a number (of a term, or a column) and a count, as the
/// bits of an i32.
#[derive(Default)]
struct Counts {
    ends: Vec<usize>,
    values: Vec<[u32; 2]>,
}

impl Worker {
    fn new(options: &FeatureOptions) -> Self {
        let terms = Terms::new(options.tokens, options.lowercase, options.ngrams.clone());
        Self { terms, kind: options.kind, vocabulary: Vocabulary::default(), found: Vec::new() }
    }

    fn count(&mut self, batch: &[Document]) -> Counts {
        let mut counts = Counts::default();
        for document in batch {
            let cut = self.terms.cut(document.text(), &mut self.found);
            match self.kind {
                FeatureKind::Hashing(n) => {
                    let (mut row, mut text) = (BTreeMap::<u32, i32>::new(), String::new());
                    for &term in &self.found {
                        text.clear();
                        cut.write(term, &mut text);
                        let (column, sign) = column(&text, n);
                        *row.entry(column).or_default() += sign;
                    }
                    let row = row.into_iter().filter(|(_, count)| *count != 0);
                    counts.values.extend(row.map(|(column, count)| [column, count as u32]));
                }
                _ => self.vocabulary.count(&cut, &self.found, &mut counts.values),
            }
            counts.ends.push(counts.values.len());
        }
        counts
    }
}

/// Rows of counts on disk, between the passes: worker, number of values, values.
struct Rows {
    folder: PathBuf,
    file: BufWriter<File>,
    n_rows: u64,
}

impl Rows {
    fn new(folder: &Path) -> Result<Self> {
        let file =
            tempfile::tempfile_in(folder).map_err(|error| Error::io(folder, "make a temporary file in", &error))?;
        Ok(Self { folder: folder.into(), file: BufWriter::with_capacity(1 << 18, file), n_rows: 0 })
    }

    fn write(&mut self, worker: u32, counts: &Counts) -> Result<()> {
        let cannot_write = |error| Error::io(&self.folder, "write a temporary file in", &error);
        let mut start = 0;
        for &end in &counts.ends {
            let head = [worker, (end - start) as u32];
            self.file.write_all(bytemuck::cast_slice(&head)).map_err(cannot_write)?;
            self.file.write_all(bytemuck::cast_slice(&counts.values[start..end])).map_err(cannot_write)?;
            self.n_rows += 1;
            start = end;
        }
        Ok(())
    }

    /// All rows in order, each with its worker.
    fn for_each(mut self, mut take: impl FnMut(u32, Vec<(u32, f64)>) -> Result<()>) -> Result<()> {
        let cannot_read = |error| Error::io(&self.folder, "read a temporary file in", &error);
        self.file.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
        let mut reader = BufReader::with_capacity(1 << 18, self.file.get_ref());
        let mut values: Vec<[u32; 2]> = Vec::new();
        for _ in 0..self.n_rows {
            let mut head = [0u32; 2];
            reader.read_exact(bytemuck::cast_slice_mut(&mut head)).map_err(cannot_read)?;
            values.resize(head[1] as usize, [0; 2]);
            reader.read_exact(bytemuck::cast_slice_mut(&mut values)).map_err(cannot_read)?;
            take(head[0], values.iter().map(|&[number, count]| (number, f64::from(count as i32))).collect())?;
        }
        Ok(())
    }
}
