//! Documents, one after the other, out of the files of a corpus. Memory holds one document at a time, never a file.

use super::cut::{Boundary, Cutter, Piece};
use super::source::{Format, SourceFile, list};
use crate::data::{DataConfig, InvalidUtf8, SourceConfig};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

/// One text of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Unique in the corpus and independent of the other files; the split is a function of it.
    pub id: String,
    /// Index in `DataConfig::source`.
    pub source: u16,
    /// Never only white space.
    pub text: String,
    /// The fields that the source keeps, as one JSON object.
    pub metadata: Option<String>,
}

/// All documents of the config's sources, in order. Ids are unique.
pub fn documents(config: &DataConfig) -> Result<impl Iterator<Item = Result<Document>>> {
    Documents::new(config, list(config)?)
}

/// What reading met.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadCounts {
    /// All documents, also those counted below.
    pub documents: u64,
    pub empty: u64,
    pub invalid_utf8_replaced: u64,
    pub invalid_utf8_dropped: u64,
}

/// All documents of `files`, in order.
pub(crate) struct Documents<'a> {
    sources: &'a [SourceConfig],
    /// Per source: where its text files are cut.
    boundaries: Vec<Boundary>,
    files: Vec<SourceFile>,
    next_file: usize,
    cutter: Option<Cutter>,
    /// Hash of every id → file and number of its document. 128 bits, so that equal hashes mean equal ids.
    seen: HashMap<u128, (usize, u64)>,
    pub counts: ReadCounts,
}

impl<'a> Documents<'a> {
    pub fn new(config: &'a DataConfig, files: Vec<SourceFile>) -> Result<Self> {
        let boundaries = config
            .source
            .iter()
            .enumerate()
            .map(|(index, source)| Boundary::new(source, index))
            .collect::<Result<_>>()?;
        Ok(Self {
            sources: &config.source,
            boundaries,
            files,
            next_file: 0,
            cutter: None,
            seen: HashMap::new(),
            counts: ReadCounts::default(),
        })
    }

    fn read(&mut self) -> Result<Option<Document>> {
        loop {
            let Some(cutter) = &mut self.cutter else {
                let Some(file) = self.files.get(self.next_file) else { return Ok(None) };
                let boundary = match file.format {
                    Format::Text => self.boundaries[file.source].clone(),
                    Format::JsonLines => Boundary::EveryLine,
                };
                self.cutter = Some(Cutter::open(file, boundary).map_err(|error| cannot_read(file, &error))?);
                self.next_file += 1;
                continue;
            };
            let index = self.next_file - 1;
            let file = &self.files[index];
            let Some(piece) = cutter.next().map_err(|error| cannot_read(file, &error))? else {
                if cutter.offset() == 0 {
                    empty_file(file)?;
                }
                self.cutter = None;
                continue;
            };
            let number = piece.number;
            if let Some(document) = parse(file, &self.sources[file.source], piece, &mut self.counts)? {
                self.check_unique(&document.id, index, number)?;
                return Ok(Some(document));
            }
        }
    }

    fn check_unique(&mut self, id: &str, file: usize, number: u64) -> Result<()> {
        match self.seen.entry(xxhash_rust::xxh3::xxh3_128(id.as_bytes())) {
            Entry::Vacant(entry) => {
                entry.insert((file, number));
                Ok(())
            }
            Entry::Occupied(entry) => {
                let (first_file, first_number) = *entry.get();
                Err(Error::run(format!(
                    "document id {id:?} occurs twice, in {} and {}; make ids unique, or name another data.source.id_field",
                    place(&self.files[first_file], first_number),
                    place(&self.files[file], number)
                )))
            }
        }
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn parse(file: &SourceFile, source: &SourceConfig, piece: Piece, counts: &mut ReadCounts) -> Result<Option<Document>> {
    let number = piece.number;
    if file.format == Format::JsonLines && piece.bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    counts.documents += 1;
    let Some(text) = decode(file, source.invalid_utf8, piece, counts)? else { return Ok(None) };
    let document = match file.format {
        Format::Text => {
            Document { id: format!("{}#{number}", file.name), source: file.source_number(), text, metadata: None }
        }
        Format::JsonLines => parse_line(source, file.source_number(), &text, || format!("{}:{number}", file.name))
            .map_err(|reason| Error::run(format!("{}:{number}: {reason}", file.path.display())))?,
    };
    if document.text.trim().is_empty() {
        counts.empty += 1;
        return Ok(None);
    }
    Ok(Some(document))
}

fn decode(file: &SourceFile, policy: InvalidUtf8, piece: Piece, counts: &mut ReadCounts) -> Result<Option<String>> {
    let error = match String::from_utf8(piece.bytes) {
        Ok(text) => return Ok(Some(text)),
        Err(error) => error,
    };
    match policy {
        InvalidUtf8::Error => Err(Error::run(format!(
            "{}: invalid utf-8 at byte {} of the unpacked text; mend the file, or set data.source.invalid_utf8 to \"replace\" or \"drop\"",
            file.path.display(),
            piece.offset + error.utf8_error().valid_up_to() as u64
        ))),
        InvalidUtf8::Replace => {
            counts.invalid_utf8_replaced += 1;
            Ok(Some(String::from_utf8_lossy(error.as_bytes()).into_owned()))
        }
        InvalidUtf8::Drop => {
            counts.invalid_utf8_dropped += 1;
            Ok(None)
        }
    }
}

fn parse_line(
    source: &SourceConfig,
    source_number: u16,
    line: &str,
    default_id: impl FnOnce() -> String,
) -> std::result::Result<Document, String> {
    let field = &source.text_field;
    let mut object: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| format!("expected one JSON object with the field {field:?} per line: {}", one_line(&error)))?;
    let text = match object.remove(field) {
        Some(Value::String(text)) => text,
        Some(other) => return Err(format!("field {field:?}: expected text, got {}", json_type(&other))),
        None => {
            let fields = object.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(format!("no field {field:?}, set data.source.text_field to one of: {fields}"));
        }
    };
    let id = match object.remove(&source.id_field) {
        None | Some(Value::Null) => default_id(),
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        Some(other) => {
            return Err(format!("field {:?}: expected text or a number, got {}", source.id_field, json_type(&other)));
        }
    };
    let kept = source.metadata.iter().filter_map(|name| Some((name.clone(), object.remove(name)?)));
    let kept: Map<String, Value> = kept.collect();
    let metadata = (!kept.is_empty()).then(|| Value::Object(kept).to_string());
    Ok(Document { id, source: source_number, text, metadata })
}

/// The parser counts lines within the one line it was given.
fn one_line(error: &serde_json::Error) -> String {
    let (message, column) = (error.to_string(), error.column());
    let place = format!(" at line {} column {column}", error.line());
    format!("{} in column {column}", message.strip_suffix(&place).unwrap_or(&message))
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A named file without text is a mistake; in a folder it is only odd.
fn empty_file(file: &SourceFile) -> Result<()> {
    if file.named {
        return Err(Error::run(format!(
            "{}: the file is empty, expected text; name another data.source.path",
            file.path.display()
        )));
    }
    tracing::warn!("{}: the file is empty", file.path.display());
    Ok(())
}

fn cannot_read(file: &SourceFile, error: &io::Error) -> Error {
    let verb = if file.is_packed() { "unpack (damaged, or not what its name says)" } else { "read" };
    Error::io(&file.path, verb, error)
}

fn place(file: &SourceFile, number: u64) -> String {
    match file.format {
        Format::Text => format!("{} (document {number})", file.path.display()),
        Format::JsonLines => format!("{}:{number}", file.path.display()),
    }
}
