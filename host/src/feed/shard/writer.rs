//! Writing of a shard.

use super::planes::{MOST, Per, Plane};
use super::{FORMAT_PLAIN, FORMAT_PLANES, HEADER_BYTES, MAGIC, NO_TOKEN, Shard, ShardInfo};
use crate::base::write::TemporaryFile;
use crate::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Bytes of a plane that are copied at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Writes a shard, one document after the other; the file appears under its name when it is finished.
pub struct ShardWriter {
    file: TemporaryFile,
    info: ShardInfo,
    token_bytes: usize,
    hash: Box<Xxh3>,
    buffer: Vec<u8>,
    n_tokens: u64,
    ends: Vec<u64>,
    planes: Vec<PlaneWriter>,
}

impl ShardWriter {
    /// Begins the file that will be called `path`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path, info: ShardInfo) -> Result<Self> {
        Self::with_planes(path, info, &[])
    }

    /// Begins a file with planes beside the tokens. Without any it is of format 1.
    ///
    /// # Errors
    /// A file that cannot be written, more planes than a shard holds, a name that cannot be one or occurs twice.
    pub fn with_planes(path: &Path, info: ShardInfo, planes: &[Plane]) -> Result<Self> {
        planes.iter().try_for_each(Plane::check)?;
        let twice = (1..planes.len()).find(|&index| planes[..index].iter().any(|one| one.name == planes[index].name));
        if planes.len() > MOST || twice.is_some() {
            let names: Vec<_> = planes.iter().map(|plane| plane.name).collect();
            let message = format!("expected at most {MOST} planes of different names, got {}", names.join(", "));
            return Err(Error::run(format!("{}: {message}", path.display())));
        }
        let mut file = TemporaryFile::create(path)?;
        // The counts are known at the end, so the header's place is kept and filled then.
        file.write(&[0; HEADER_BYTES])?;
        let token_bytes = if info.n_vocabulary <= 1 << 16 { 2 } else { 4 };
        let (hash, buffer) = (Box::new(Xxh3::new()), Vec::new());
        let mut writer =
            Self { file, info, token_bytes, hash, buffer, n_tokens: 0, ends: Vec::new(), planes: Vec::new() };
        for &plane in planes {
            writer.planes.push(PlaneWriter::create(plane, path)?);
        }
        if let Some(id) = info.end_of_text {
            writer.append(&[id])?;
            writer.per_token(&[0.0])?;
        }
        Ok(writer)
    }

    /// Appends one document and, when there is one, the end of text.
    ///
    /// # Errors
    /// An id outside the vocabulary, a full disk.
    pub fn push(&mut self, document: &[u32]) -> Result<()> {
        self.append(document)?;
        self.end_document()
    }

    /// Appends one document with its numbers of each plane, in the order of the planes: one of the document, or one per
    /// token and one more of the end of text, which is left out where there is none.
    ///
    /// # Errors
    /// As [`ShardWriter::push`]; more or fewer numbers, one that is none of the plane's type.
    pub fn push_with(&mut self, document: &[u32], numbers: &[&[f64]]) -> Result<()> {
        let (n_planes, n_given) = (self.planes.len(), numbers.len());
        if n_planes != n_given {
            return Err(self.fault(format!("expected the numbers of {n_planes} planes, got {n_given}")));
        }
        let ends = usize::from(self.info.end_of_text.is_some());
        for (index, numbers) in numbers.iter().enumerate() {
            let plane = &mut self.planes[index];
            let (expected, kept) = match plane.plane.per {
                Per::Document => (1, 1),
                Per::Token => (document.len() + 1, document.len() + ends),
            };
            if numbers.len() != expected {
                let (what, got) = (plane.plane.text(), numbers.len());
                return Err(self.fault(format!("plane {what}: expected {expected} numbers of a document, got {got}")));
            }
            plane.push(&numbers[..kept])?;
        }
        self.push(document)
    }

    /// Gives the planes that have a number per token these.
    fn per_token(&mut self, numbers: &[f64]) -> Result<()> {
        let mut planes = self.planes.iter_mut().filter(|plane| plane.plane.per == Per::Token);
        planes.try_for_each(|plane| plane.push(numbers))
    }

    fn fault(&self, what: String) -> Error {
        Error::run(format!("{}: {what}", self.file.path().display()))
    }

    /// Ends the document that was appended, with the end of text when there is one.
    ///
    /// # Errors
    /// A full disk.
    pub fn end_document(&mut self) -> Result<()> {
        if let Some(id) = self.info.end_of_text {
            self.append(&[id])?;
        }
        self.ends.push(self.n_tokens);
        Ok(())
    }

    /// What the tokens mean.
    pub fn info(&self) -> &ShardInfo {
        &self.info
    }

    /// Number of tokens so far, ends of text included.
    pub fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// Appends a part of a document.
    ///
    /// # Errors
    /// An id outside the vocabulary, a full disk.
    pub fn append(&mut self, tokens: &[u32]) -> Result<()> {
        if let Some(id) = tokens.iter().find(|&&id| id >= self.info.n_vocabulary) {
            return Err(Error::plugin(format!(
                "tokenizer: id {id} is outside the vocabulary of {}; fix the plugin",
                self.info.n_vocabulary
            )));
        }
        self.buffer.clear();
        for id in tokens {
            self.buffer.extend_from_slice(&id.to_le_bytes()[..self.token_bytes]);
        }
        self.n_tokens += tokens.len() as u64;
        self.write_buffer()
    }

    fn write_buffer(&mut self) -> Result<()> {
        self.hash.update(&self.buffer);
        self.file.write(&self.buffer)
    }

    /// Completes the file, makes it durable, gives it its name, and opens it.
    ///
    /// # Errors
    /// A full disk, documents without their numbers of a plane.
    pub fn finish(mut self) -> Result<Shard> {
        self.buffer.clear();
        self.pad(self.n_tokens * self.token_bytes as u64);
        for end in &self.ends {
            self.buffer.extend_from_slice(&end.to_le_bytes());
        }
        self.write_buffer()?;
        let n_planes = self.planes.len();
        self.write_planes()?;
        let header = self.header(n_planes);
        self.hash.update(&header);
        self.file.write(&self.hash.digest128().to_le_bytes())?;
        self.file.write_at_start(&header)?;
        Shard::open(&self.file.finish()?)
    }

    fn write_planes(&mut self) -> Result<()> {
        let planes = std::mem::take(&mut self.planes);
        self.buffer.clear();
        for plane in &planes {
            let expected = plane.plane.per.count(self.n_tokens, self.ends.len() as u64);
            if plane.n != expected {
                let (what, got) = (plane.plane.text(), plane.n);
                return Err(self.fault(format!("plane {what}: expected {expected} numbers, got {got}")));
            }
            self.buffer.extend_from_slice(&plane.plane.entry(plane.n, plane.hash.digest128()));
        }
        self.write_buffer()?;
        for plane in planes {
            let n_bytes = plane.n * plane.plane.number.bytes() as u64;
            let mut numbers = plane.read()?;
            loop {
                self.buffer.resize(BUFFER_BYTES, 0);
                let n = numbers.read(&mut self.buffer);
                let n = n.map_err(|error| Error::io(self.file.path(), "read a temporary file of", &error))?;
                self.buffer.truncate(n);
                if n == 0 {
                    break;
                }
                self.write_buffer()?;
            }
            self.pad(n_bytes);
            self.write_buffer()?;
        }
        Ok(())
    }

    /// Fills the buffer, which is empty, with the zeros that follow `n_bytes`.
    fn pad(&mut self, n_bytes: u64) {
        self.buffer.resize((n_bytes.next_multiple_of(8) - n_bytes) as usize, 0);
    }

    fn header(&self, n_planes: usize) -> [u8; HEADER_BYTES] {
        let format = if n_planes == 0 { FORMAT_PLAIN } else { FORMAT_PLANES };
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&format.to_le_bytes());
        header[12..16].copy_from_slice(&(self.token_bytes as u32).to_le_bytes());
        header[16..24].copy_from_slice(&self.n_tokens.to_le_bytes());
        header[24..32].copy_from_slice(&(self.ends.len() as u64).to_le_bytes());
        header[32..36].copy_from_slice(&self.info.n_vocabulary.to_le_bytes());
        header[36..40].copy_from_slice(&self.info.end_of_text.unwrap_or(NO_TOKEN).to_le_bytes());
        header[40..72].copy_from_slice(&self.info.tokenizer);
        header[72..104].copy_from_slice(&self.info.source);
        header[104..108].copy_from_slice(&(n_planes as u32).to_le_bytes());
        header
    }
}

/// A plane's numbers on their way, in a temporary file: they follow all tokens.
struct PlaneWriter {
    plane: Plane,
    file: BufWriter<File>,
    /// The shard, for messages.
    path: PathBuf,
    hash: Box<Xxh3>,
    buffer: Vec<u8>,
    n: u64,
}

impl PlaneWriter {
    fn create(plane: Plane, path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::tempfile_in(folder).map_err(|error| Error::io(folder, "create a file in", &error))?;
        let (file, hash) = (BufWriter::with_capacity(BUFFER_BYTES, file), Box::new(Xxh3::new()));
        Ok(Self { plane, file, path: path.into(), hash, buffer: Vec::new(), n: 0 })
    }

    fn push(&mut self, numbers: &[f64]) -> Result<()> {
        self.buffer.clear();
        if let Err(number) = self.plane.number.write(numbers, &mut self.buffer) {
            let (path, what) = (self.path.display(), self.plane.text());
            return Err(Error::run(format!("{path}: plane {what}: {number} is no number of its type")));
        }
        self.n += numbers.len() as u64;
        self.hash.update(&self.buffer);
        let written = self.file.write_all(&self.buffer);
        written.map_err(|error| Error::io(&self.path, "write a temporary file of", &error))
    }

    /// All numbers, from the start.
    fn read(self) -> Result<File> {
        let cannot_read = |error| Error::io(&self.path, "read a temporary file of", &error);
        let mut file = self.file.into_inner().map_err(|error| cannot_read(error.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
        Ok(file)
    }
}
