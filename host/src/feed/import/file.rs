//! One file of tokens, read piece by piece.

use super::megatron;
use crate::corpus::{TokenFormat, open_counted};
use crate::{Error, Result};
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// llm.c's header: 256 numbers of 4 bytes, of which three mean something.
const LLMC_HEADER_BYTES: u64 = 1024;
/// Its first number, its version and the bytes per token that they stand for: GPT-2 and Llama 3.
const LLMC_FORMS: [(u32, u32, usize); 2] = [(20_240_520, 1, 2), (20_240_801, 7, 4)];
/// Tokens that are read at once.
const PIECE_TOKENS: u64 = 1 << 16;

/// How a token is written, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    pub bytes: usize,
    /// Whether a set highest bit means a negative number.
    pub signed: bool,
}

/// Neighbouring tokens of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Where they are in the file.
    pub bytes: Range<u64>,
    /// Whether a document ends after them.
    pub ends: bool,
}

/// Tokens of a file in order.
pub(super) struct TokenFile {
    path: PathBuf,
    reader: BufReader<File>,
    width: Width,
    /// Still to be read.
    runs: std::vec::IntoIter<Run>,
    /// What is left of the run under way.
    run: Run,
    /// Where the reader stands.
    at: u64,
    buffer: Vec<u8>,
}

impl TokenFile {
    /// Opens a file of tokens and checks its form and its length.
    ///
    /// # Errors
    /// A missing file, one of another form, one that was cut off.
    pub fn open(path: &Path, format: Option<TokenFormat>) -> Result<Self> {
        let (file, n_bytes) = open_counted(path)?;
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut first = [0; 12];
        let n_first = n_bytes.min(12) as usize;
        reader.read_exact(&mut first[..n_first]).map_err(|error| Error::io(path, "read", &error))?;
        let index = path.with_extension("idx");
        let is_llmc = n_first == 12 && LLMC_FORMS.iter().any(|(magic, ..)| magic.to_le_bytes() == first[..4]);
        let format = format.unwrap_or(match (index.exists(), is_llmc) {
            (true, _) => TokenFormat::Megatron,
            (false, true) => TokenFormat::Llmc,
            (false, false) => TokenFormat::NanoGpt,
        });
        let (width, runs) = match format {
            TokenFormat::Megatron => megatron::read_index(&index, path, n_bytes)?,
            TokenFormat::Llmc => llmc(path, first, n_bytes)?,
            TokenFormat::NanoGpt => (Width { bytes: 2, signed: false }, vec![Run { bytes: 0..n_bytes, ends: true }]),
        };
        let is_whole = |run: &Range<u64>| (run.end - run.start).is_multiple_of(width.bytes as u64);
        if let Some(Run { bytes: run, .. }) = runs.iter().find(|run| !is_whole(&run.bytes)) {
            return Err(Error::run(format!(
                "{}: expected tokens of {} bytes each, got {} bytes from byte {} on: cut off, or of another form; set data.tokens.format",
                path.display(),
                width.bytes,
                run.end - run.start,
                run.start
            )));
        }
        let buffer = Vec::new();
        let run = Run { bytes: 0..0, ends: false };
        Ok(Self { path: path.into(), reader, width, runs: runs.into_iter(), run, at: n_first as u64, buffer })
    }

    /// Fills `tokens` with the next ones, none of which is `n_vocabulary` or more, and says whether a document ends
    /// after them; none at the end of the file.
    ///
    /// # Errors
    /// A token outside the vocabulary, a file that cannot be read.
    pub fn next(&mut self, n_vocabulary: u32, tokens: &mut Vec<u32>) -> Result<Option<bool>> {
        tokens.clear();
        if self.run.bytes.is_empty() {
            let Some(run) = self.runs.next() else { return Ok(None) };
            self.run = run;
        }
        let start = self.run.bytes.start;
        let end = self.run.bytes.end.min(start + PIECE_TOKENS * self.width.bytes as u64);
        self.run.bytes.start = end;
        self.buffer.resize((end - start) as usize, 0);
        let seek = self.reader.seek_relative(start.wrapping_sub(self.at) as i64);
        let read = seek.and_then(|()| self.reader.read_exact(&mut self.buffer));
        read.map_err(|error| Error::io(&self.path, &format!("read at byte {start}"), &error))?;
        self.at = end;
        for (index, bytes) in self.buffer.chunks_exact(self.width.bytes).enumerate() {
            match token(bytes, self.width).filter(|&id| id < n_vocabulary) {
                Some(id) => tokens.push(id),
                None => return Err(self.outside(start + (index * self.width.bytes) as u64, bytes, n_vocabulary)),
            }
        }
        Ok(Some(self.run.ends && self.run.bytes.is_empty()))
    }

    fn outside(&self, at: u64, bytes: &[u8], n_vocabulary: u32) -> Error {
        let hex: String = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
        Error::run(format!(
            "{}: byte {at}: token 0x{hex} is outside the tokenizer's vocabulary of {n_vocabulary}; set tokenizer.plugin and tokenizer.model to those of the file, and data.tokens.format if it is of another form",
            self.path.display()
        ))
    }
}

/// None for a number that is no id.
fn token(bytes: &[u8], width: Width) -> Option<u32> {
    if width.signed && bytes.last()? & 0x80 != 0 {
        return None;
    }
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    u32::try_from(u64::from_le_bytes(wide)).ok()
}

fn llmc(path: &Path, first: [u8; 12], n_bytes: u64) -> Result<(Width, Vec<Run>)> {
    let number = |at: usize| u32::from_le_bytes([first[at], first[at + 1], first[at + 2], first[at + 3]]);
    let [magic, version, n_tokens] = [0, 4, 8].map(number);
    let bad = |message: String| Error::run(format!("{}: {message}", path.display()));
    let form = LLMC_FORMS.iter().find(|(known, at_version, _)| (*known, *at_version) == (magic, version));
    let Some(&(.., bytes)) = form else {
        let known: Vec<_> = LLMC_FORMS.iter().map(|(magic, version, _)| format!("{magic} {version}")).collect();
        let known = known.join(" or ");
        return Err(bad(format!("expected a header that begins with {known}, got {magic} {version}")));
    };
    let expected = LLMC_HEADER_BYTES + u64::from(n_tokens) * bytes as u64;
    if n_bytes != expected {
        let what = format!("the header says {n_tokens} tokens, which is {expected} bytes, got {n_bytes}");
        return Err(bad(format!("{what}: cut off or altered; write the file again")));
    }
    Ok((Width { bytes, signed: false }, vec![Run { bytes: LLMC_HEADER_BYTES..n_bytes, ends: true }]))
}
