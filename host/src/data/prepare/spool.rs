//! Documents on disk between two passes over them, so that memory never holds a corpus.
//!
//! A record is, little-endian, the source's number (u16), the lengths of id (u32), metadata (u32) and text (u64), then
//! these three.

use crate::data::read::Document;
use crate::{Error, Result};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Documents per call of a plugin.
const BATCH_DOCUMENTS: usize = 256;
/// Bytes of text per call of a plugin; one document may be longer.
const BATCH_BYTES: usize = 1 << 20;

/// An unnamed file of documents: written once, then read any number of times, gone when dropped.
pub(crate) struct Spool {
    writer: BufWriter<File>,
    folder: PathBuf,
    pub n_documents: u64,
}

impl Spool {
    pub fn new(folder: &Path) -> Result<Self> {
        let file =
            tempfile::tempfile_in(folder).map_err(|error| Error::io(folder, "make a temporary file in", &error))?;
        Ok(Self { writer: BufWriter::new(file), folder: folder.into(), n_documents: 0 })
    }

    pub fn push(&mut self, document: &Document) -> Result<()> {
        self.n_documents += 1;
        self.write(document).map_err(|error| Error::io(&self.folder, "write a temporary file in", &error))
    }

    fn write(&mut self, document: &Document) -> io::Result<()> {
        let Document { id, source, text, metadata } = document;
        let metadata = metadata.as_deref().unwrap_or_default();
        self.writer.write_all(&source.to_le_bytes())?;
        for part in [id.as_str(), metadata] {
            self.writer.write_all(&u32::try_from(part.len()).map_err(io::Error::other)?.to_le_bytes())?;
        }
        self.writer.write_all(&(text.len() as u64).to_le_bytes())?;
        [id.as_str(), metadata, text].iter().try_for_each(|part| self.writer.write_all(part.as_bytes()))
    }

    /// All documents, in the order of writing.
    pub fn documents(&mut self) -> Result<impl Iterator<Item = Result<Document>>> {
        let cannot_read = |error| Error::io(&self.folder, "read a temporary file in", &error);
        self.writer.flush().map_err(cannot_read)?;
        let mut file = self.writer.get_ref();
        file.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
        let mut reader = BufReader::with_capacity(1 << 18, file);
        Ok((0..self.n_documents).map(move |_| read(&mut reader).map_err(cannot_read)))
    }
}

fn read(reader: &mut impl Read) -> io::Result<Document> {
    let (mut source, mut id_bytes, mut metadata_bytes, mut text_bytes) = ([0; 2], [0; 4], [0; 4], [0; 8]);
    reader.read_exact(&mut source)?;
    reader.read_exact(&mut id_bytes)?;
    reader.read_exact(&mut metadata_bytes)?;
    reader.read_exact(&mut text_bytes)?;
    let mut string = |n_bytes: u64| {
        let mut bytes = vec![0; usize::try_from(n_bytes).map_err(io::Error::other)?];
        reader.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    };
    let id = string(u32::from_le_bytes(id_bytes).into())?;
    let metadata = Some(string(u32::from_le_bytes(metadata_bytes).into())?).filter(|metadata| !metadata.is_empty());
    let text = string(u64::from_le_bytes(text_bytes))?;
    Ok(Document { id, source: u16::from_le_bytes(source), text, metadata })
}

/// Groups documents into batches for a plugin: what a call costs is shared, what it holds is bounded.
pub fn batches<I>(mut documents: I) -> impl Iterator<Item = Result<Vec<Document>>>
where
    I: Iterator<Item = Result<Document>>,
{
    std::iter::from_fn(move || {
        let (mut batch, mut n_bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_DOCUMENTS && n_bytes < BATCH_BYTES {
            match documents.next() {
                Some(Ok(document)) => {
                    n_bytes += document.text.len();
                    batch.push(document);
                }
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    })
}

/// The texts of a batch, as plugins take them.
pub fn texts(batch: &[Document]) -> Vec<&str> {
    batch.iter().map(|document| document.text.as_str()).collect()
}
