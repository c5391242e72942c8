//! Whether a `.json`, `.csv` or `.tsv` file that was found in a folder holds documents: datasets come with such files
//! that describe them.

use super::json::Fields;
use super::source::SourceFile;
use super::table::Table;
use super::values::ValueCutter;
use crate::corpus::{Format, SourceConfig};
use std::io;
use std::sync::Arc;

/// Values that are looked at.
const LOOKED_AT: usize = 16;

/// Whether one of a JSON file's first values is an object with the source's text field, or a table has a column of that
/// name. A file that cannot be read counts as one that does: reading it says what is wrong. Files of other kinds hold
/// documents.
pub(super) fn holds_documents(file: &SourceFile, source: &SourceConfig) -> bool {
    match file.format {
        Format::Json => first_values(file, source).unwrap_or(true),
        Format::Csv | Format::Tsv => match Table::open(file, source, &Arc::default()) {
            Ok(table) => table.names().is_empty() || table.names().contains(&source.text_field),
            Err(_) => true,
        },
        _ => true,
    }
}

fn first_values(file: &SourceFile, source: &SourceConfig) -> io::Result<bool> {
    let mut values = ValueCutter::open(file, source, &Arc::default())?;
    for _ in 0..LOOKED_AT {
        let Some(piece) = values.next()? else { break };
        let mut fields = Fields::new(&piece.bytes);
        while let Ok(Some((name, _))) = fields.next() {
            if name.is(&source.text_field) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
