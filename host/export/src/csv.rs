//! Tables of CSV from a log, one for each kind of record that has numbers.
//!
//! A table's header has all columns that a record has, in the order in which they were first seen. Names of objects
//! within a record are joined by dots: `validation.bits-per-byte`. Numbers are copied from the log, digit by digit; a
//! number that is not finite, which JSON has as `null`, is `NaN`, and what is not known is empty. Fields with a comma,
//! a quote or a line break are quoted as in RFC 4180; lines end in a line feed.

mod rows;

use crate::log::Log;
use crate::{Error, Result};
use rows::{Row, rows};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Kinds of records and their tables.
const TABLES: [(&str, &str); 4] =
    [("step", "steps.csv"), ("validation", "validations.csv"), ("watch", "watches.csv"), ("final", "final.csv")];

/// Writes the tables of the log `metrics` to the folder `dir`, which is made if it is missing: `steps.csv`,
/// `validations.csv`, `watches.csv` and `final.csv`, which has a row for each number of the final reports. Tables that
/// are there are replaced, and one without rows is not written. Returns what was written.
///
/// # Errors
/// A file that cannot be read or written, a line that is no object.
pub fn export(metrics: &Path, dir: &Path) -> Result<Vec<PathBuf>> {
    // first the columns, then the rows: a column may come late, and a log may be larger than the memory
    let mut columns: [Columns; TABLES.len()] = Default::default();
    let mut log = Log::open(metrics)?;
    let mut n_lines = 0_u64;
    while log.advance()? {
        n_lines += 1;
        for (table, row) in rows(log.line()).ok_or_else(|| log.damaged())? {
            row.iter().for_each(|(name, _)| columns[table].add(name));
        }
    }
    fs::create_dir_all(dir).map_err(|error| Error::io(dir, "create", &error))?;
    let mut tables = Vec::new();
    for ((_, file), columns) in TABLES.iter().zip(columns) {
        let has_rows = !columns.names.is_empty();
        tables.push(if has_rows { Some(Table::create(dir.join(file), columns)?) } else { None });
    }
    let mut log = Log::open(metrics)?;
    // a run may have added lines since
    for _ in 0..n_lines {
        if !log.advance()? {
            break;
        }
        for (table, row) in rows(log.line()).ok_or_else(|| log.damaged())? {
            tables[table].as_mut().map_or(Ok(()), |table| table.row(&row))?;
        }
    }
    tables.into_iter().flatten().map(Table::finish).collect()
}

/// The columns of a table.
#[derive(Debug, Default)]
struct Columns {
    names: Vec<String>,
    /// The place of each name.
    places: HashMap<String, usize>,
}

impl Columns {
    fn add(&mut self, name: &str) {
        if !self.places.contains_key(name) {
            self.places.insert(name.to_owned(), self.names.len());
            self.names.push(name.to_owned());
        }
    }
}

/// A table that is being written.
struct Table {
    path: PathBuf,
    file: BufWriter<File>,
    columns: Columns,
    line: String,
}

impl Table {
    fn create(path: PathBuf, columns: Columns) -> Result<Self> {
        let file = File::create(&path).map_err(|error| Error::io(&path, "create", &error))?;
        let mut table = Self { path, file: BufWriter::new(file), columns, line: String::new() };
        let mut header = String::new();
        line(&mut header, table.columns.names.iter().map(String::as_str));
        table.write(&header)?;
        Ok(table)
    }

    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        let mut fields = vec![""; self.columns.names.len()];
        for (name, cell) in row {
            if let Some(&place) = self.columns.places.get(&**name) {
                fields[place] = &cell.text;
            }
        }
        let mut text = std::mem::take(&mut self.line);
        text.clear();
        line(&mut text, fields.into_iter());
        let written = self.write(&text);
        self.line = text;
        written
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.file.write_all(text.as_bytes()).map_err(|error| unwritten(&self.path, &error))
    }

    fn finish(mut self) -> Result<PathBuf> {
        self.file.flush().map_err(|error| unwritten(&self.path, &error))?;
        Ok(self.path)
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::io(path, "write", error).followed_by("free space on its disk, or name another folder")
}

/// Adds a line of fields.
fn line<'f>(text: &mut String, fields: impl Iterator<Item = &'f str>) {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            text.push(',');
        }
        if field.contains(['"', ',', '\n', '\r']) {
            text.push('"');
            text.push_str(&field.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(field);
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests;
