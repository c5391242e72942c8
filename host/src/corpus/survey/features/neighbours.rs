//! The most similar documents of each: the largest cosines, exactly, by an inverted index.

use super::extract::{IDS, MATRIX};
use crate::base::write::TemporaryFile;
use crate::{Error, Result};
use rayon::prelude::*;
use safetensors::SafeTensors;
use serde_json::json;
use std::fs;
use std::path::Path;

pub(super) const NEIGHBOURS: &str = "neighbours.jsonl";
/// Rows that are compared before the next are written.
const ROWS: usize = 1024;

/// Writes `neighbours.jsonl` next to the matrix in `folder`: for each document, in order, its id and up to `k` others
/// with a cosine above 0, the most similar first, of equally similar ones the first.
///
/// # Errors
/// A matrix that cannot be read, a file that cannot be written.
pub(super) fn write_neighbours(folder: &Path, k: usize) -> Result<()> {
    let matrix = Matrix::read(folder)?;
    let ids_path = folder.join(IDS);
    let ids = fs::read(&ids_path).map_err(|error| Error::io(&ids_path, "read", &error))?;
    let ids: Vec<String> = serde_json::from_slice(&ids).map_err(|error| damaged(&ids_path, &error))?;
    let postings = matrix.transposed();
    let mut file = TemporaryFile::create(&folder.join(NEIGHBOURS))?;
    let rows: Vec<usize> = (0..matrix.n_rows()).collect();
    for rows in rows.chunks(ROWS) {
        let scratch = || (vec![0.0; matrix.n_rows()], Vec::new());
        let found =
            rows.par_iter().map_init(scratch, |(sums, touched), &row| matrix.nearest(&postings, row, k, sums, touched));
        for (&row, nearest) in rows.iter().zip(found.collect::<Vec<_>>()) {
            let nearest: Vec<_> = nearest.iter().map(|&(other, cosine)| json!([ids[other], cosine])).collect();
            file.write(format!("{}\n", json!({ "id": ids[row], "neighbours": nearest })).as_bytes())?;
        }
    }
    file.finish()?;
    Ok(())
}

/// A matrix in compressed sparse rows.
struct Matrix {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
    n_columns: usize,
}

impl Matrix {
    /// Reads the matrix, and makes its rows as long as 1.
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MATRIX);
        let bytes = fs::read(&path).map_err(|error| Error::io(&path, "read", &error))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&path, &error))?;
        let tensor = |name| tensors.tensor(name).map_err(|error| damaged(&path, &error));
        let starts = tensor("indptr")?.data().as_chunks().0.iter().map(|&start| i64::from_le_bytes(start) as usize);
        let columns = tensor("indices")?.data().as_chunks().0.iter().map(|&column| u32::from_le_bytes(column));
        let columns: Vec<u32> = columns.collect();
        let data = tensor("data")?;
        let values = match data.data().len() / columns.len().max(1) {
            4 => data.data().as_chunks().0.iter().map(|&value| f32::from_le_bytes(value).into()).collect(),
            _ => data.data().as_chunks().0.iter().map(|&value| f64::from_le_bytes(value)).collect(),
        };
        let n_columns = columns.iter().max().map_or(0, |&last| last as usize + 1);
        let mut matrix = Self { starts: starts.collect(), columns, values, n_columns };
        for row in matrix.starts.windows(2) {
            let values = &mut matrix.values[row[0]..row[1]];
            let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 0.0 {
                values.iter_mut().for_each(|value| *value /= length);
            }
        }
        Ok(matrix)
    }

    fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Columns and values of a row.
    fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.starts[row]..self.starts[row + 1];
        self.columns[range.clone()].iter().map(|&column| column as usize).zip(self.values[range].iter().copied())
    }

    /// Columns as rows: which rows have a value there.
    fn transposed(&self) -> Self {
        let mut starts = vec![0; self.n_columns + 1];
        self.columns.iter().for_each(|&column| starts[column as usize + 1] += 1);
        (0..self.n_columns).for_each(|column| starts[column + 1] += starts[column]);
        let mut next = starts.clone();
        let (mut columns, mut values) = (vec![0; self.columns.len()], vec![0.0; self.values.len()]);
        for row in 0..self.n_rows() {
            for (column, value) in self.row(row) {
                columns[next[column]] = row as u32;
                values[next[column]] = value;
                next[column] += 1;
            }
        }
        Self { starts, columns, values, n_columns: self.n_rows() }
    }

    /// The `k` rows with the largest cosines to `row`. `sums` is all 0, before and after.
    fn nearest(
        &self,
        postings: &Self,
        row: usize,
        k: usize,
        sums: &mut [f64],
        touched: &mut Vec<usize>,
    ) -> Vec<(usize, f64)> {
        touched.clear();
        for (column, value) in self.row(row) {
            for (other, other_value) in postings.row(column) {
                if sums[other] == 0.0 {
                    touched.push(other);
                }
                sums[other] += value * other_value;
            }
        }
        // a sum can come to 0 again on the way, and its row be noted twice
        let cosine = |&other: &usize| (other, std::mem::take(&mut sums[other]));
        let mut found: Vec<_> = touched.iter().map(cosine).filter(|&(other, sum)| other != row && sum > 0.0).collect();
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(k);
        found
    }
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::run(format!("{}: expected what was just written, got something else: {error}", path.display()))
}
