//! Whether a `.json` file that was found in a folder holds documents: datasets come with JSON files that describe them.

use super::json::Fields;
use super::source::SourceFile;
use super::values::ValueCutter;
use crate::corpus::SourceConfig;
use std::io;
use std::sync::Arc;

/// Values that are looked at.
const LOOKED_AT: usize = 16;

/// Whether one of the file's first values is an object with the source's text field. A file that cannot be read counts
/// as one that does: reading it says what is wrong.
pub(super) fn holds_documents(file: &SourceFile, source: &SourceConfig) -> bool {
    first_values(file, source).unwrap_or(true)
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
