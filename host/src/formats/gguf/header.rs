//! The header of a GGUF file, checked before candle allocates for what it says: counts, lengths, types, shapes and
//! places of tensors.

use super::types::{self, Type};
use crate::{Error, Result};
use std::collections::HashSet;
use std::io::{self, Read};

/// Bytes of the largest header that is read. One with 256,000 tokens and their merges takes 15 MB.
const MAX_HEADER: u64 = 256 << 20;
/// The largest number of tensors, and of metadata.
const MAX_ENTRIES: u64 = 1 << 17;
/// The largest number of elements of all arrays: candle keeps each in 32 bytes.
const MAX_ELEMENTS: u64 = 1 << 23;
/// Bytes of the longest name of a tensor or a metadata key.
const MAX_NAME: u64 = 1 << 10;
/// Bytes of the longest text.
const MAX_TEXT: u64 = 16 << 20;
const MAX_ALIGNMENT: u64 = 1 << 20;
const MAX_DIMENSIONS: u32 = 4;

const TEXT: u32 = 8;
const ARRAY: u32 = 9;
const BOOL: u32 = 7;
const U32: u32 = 4;

/// A tensor as the header declares it, checked: it lies inside the file and on no other.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its name in the file.
    pub name: String,
    /// Its size, rows first as in Hugging Face's files.
    pub shape: Vec<usize>,
    /// The type of its numbers, one that candle reads.
    pub kind: &'static Type,
    /// Its place behind the start of the data, in bytes.
    offset: u64,
    bytes: u64,
}

/// Checks the header of a file of `length` bytes; `reader` is at its start. Returns the tensors in the file's order.
///
/// # Errors
/// Anything that is no GGUF file of version 2 or 3, is cut off or lies; types of tensors that are not read; a part of a
/// split file.
pub fn check(reader: impl Read, length: u64) -> Result<Vec<Declared>> {
    let mut scan = Scan { reader, at: 0, length, n_elements: 0 };
    let (n_tensors, n_metadata) = counts(&mut scan)?;
    let alignment = metadata(&mut scan, n_metadata)?;
    let mut tensors = Vec::new();
    let mut names = HashSet::new();
    for index in 0..n_tensors {
        let tensor = tensor(&mut scan, alignment).map_err(|error| error.context(format_args!("tensor {index}")))?;
        if !names.insert(tensor.name.clone()) {
            return Err(bad(format!("tensor {:?} is there twice", tensor.name)));
        }
        tensors.push(tensor);
    }
    places(&tensors, scan.at.next_multiple_of(alignment), length)?;
    Ok(tensors)
}

fn bad(message: impl Into<String>) -> Error {
    Error::run(message)
}

/// Reads magic, version and the numbers of tensors and metadata.
fn counts<R: Read>(scan: &mut Scan<R>) -> Result<(u64, u64)> {
    if scan.length < 4 || scan.take::<4>("magic")? != *b"GGUF" {
        return Err(bad("is no GGUF file: it does not begin with \"GGUF\""));
    }
    match scan.u32("version")? {
        2 | 3 => {}
        version if version.swap_bytes() < 16 => {
            return Err(bad("is a GGUF file of a big-endian machine, expected a little-endian one: convert it again"));
        }
        version => {
            return Err(bad(format!(
                "is a GGUF file of version {version}, expected 2 or 3: convert it again with llama.cpp"
            )));
        }
    }
    let n_tensors = scan.count("tensors", MAX_ENTRIES)?;
    Ok((n_tensors, scan.count("metadata", MAX_ENTRIES)?))
}

/// Checks all metadata; returns the alignment of tensors.
fn metadata<R: Read>(scan: &mut Scan<R>, n: u64) -> Result<u64> {
    let mut keys = HashSet::new();
    let mut alignment = 32;
    for index in 0..n {
        let key = scan.name(&format!("key of metadata {index}"))?;
        let kind = scan.u32(&key)?;
        if key == "general.alignment" {
            alignment = read_alignment(scan, kind)?;
        } else if key == "split.count" {
            refuse_split(scan, kind)?;
        } else {
            value(scan, kind, &key)?;
        }
        if !keys.insert(key.clone()) {
            return Err(bad(format!("metadata {key:?} is there twice")));
        }
    }
    Ok(alignment)
}

fn read_alignment<R: Read>(scan: &mut Scan<R>, kind: u32) -> Result<u64> {
    let what = "general.alignment";
    if kind != U32 {
        return Err(bad(format!("{what}: expected a number of 32 bits, got type {kind}")));
    }
    let alignment = u64::from(scan.u32(what)?);
    match alignment.is_power_of_two() && alignment <= MAX_ALIGNMENT {
        true => Ok(alignment),
        false => Err(bad(format!("{what}: expected a power of two up to {MAX_ALIGNMENT}, got {alignment}"))),
    }
}

fn refuse_split<R: Read>(scan: &mut Scan<R>, kind: u32) -> Result<()> {
    let number = match size_of(kind) {
        Some(size) => scan.number(size, "split.count")?,
        None => return value(scan, kind, "split.count"),
    };
    match number {
        0 | 1 => Ok(()),
        n => Err(bad(format!("is one of {n} parts, expected a whole file: join them with llama-gguf-split --merge"))),
    }
}

/// Checks and skips one value.
fn value<R: Read>(scan: &mut Scan<R>, kind: u32, key: &str) -> Result<()> {
    match kind {
        TEXT => scan.skip_text(key),
        BOOL => scan.bools(1, key),
        ARRAY => {
            let kind = scan.u32(key)?;
            let n = scan.u64(key)?;
            scan.n_elements = scan.n_elements.saturating_add(n);
            if scan.n_elements > MAX_ELEMENTS {
                return Err(bad(format!("{key}: {n} elements, expected at most {MAX_ELEMENTS} in all arrays")));
            }
            match kind {
                TEXT => (0..n).try_for_each(|_| scan.skip_text(key)),
                BOOL => scan.bools(n, key),
                _ => {
                    let size = size_of(kind)
                        .ok_or_else(|| bad(format!("{key}: expected an array of texts or numbers, got type {kind}")))?;
                    scan.skip(n.saturating_mul(size), key)
                }
            }
        }
        _ => match size_of(kind) {
            Some(size) => scan.skip(size, key),
            None => Err(bad(format!("{key}: no metadata has type {kind}"))),
        },
    }
}

/// Bytes of a number of that type.
fn size_of(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 => Some(1),
        2 | 3 => Some(2),
        U32 | 5 | 6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Reads what the header says of one tensor.
fn tensor<R: Read>(scan: &mut Scan<R>, alignment: u64) -> Result<Declared> {
    let name = scan.name("name")?;
    let whose = format!("{name:?}");
    let n_dimensions = scan.u32(&whose)?;
    if !(1..=MAX_DIMENSIONS).contains(&n_dimensions) {
        return Err(bad(format!("{whose}: expected 1 to {MAX_DIMENSIONS} dimensions, got {n_dimensions}")));
    }
    let mut sizes = Vec::new();
    for _ in 0..n_dimensions {
        sizes.push(scan.u64(&whose)?);
    }
    let id = scan.u32(&whose)?;
    let kind = types::by_id(id).ok_or_else(|| bad(format!("{whose}: no type of tensors has number {id}")))?;
    if kind.kind.is_none() {
        let (name, known) = (kind.name, types::readable());
        let cure = "convert the file to one of them, such as Q8_0, with llama-quantize";
        return Err(bad(format!("{whose}: tensors of type {name} are not read, expected one of {known}: {cure}")));
    }
    let offset = scan.u64(&whose)?;
    if offset % alignment != 0 {
        return Err(bad(format!("{whose}: expected a place that is a multiple of {alignment}, got {offset}")));
    }
    let n = sizes.iter().try_fold(1_u64, |n, size| n.checked_mul(*size)).filter(|n| *n > 0 && n / 4 <= scan.length);
    // no type that is read takes less than 2.6 bits a number
    let n = n.ok_or_else(|| bad(format!("{whose}: a size of {sizes:?} is more than a file of its length can hold")))?;
    if sizes[0] % kind.block != 0 {
        let (name, block) = (kind.name, kind.block);
        return Err(bad(format!("{whose}: a row of {name} has whole blocks of {block} numbers, got {}", sizes[0])));
    }
    let bytes = n / kind.block * kind.bytes;
    let shape: Option<Vec<usize>> = sizes.iter().rev().map(|size| usize::try_from(*size).ok()).collect();
    let shape = shape.ok_or_else(|| bad(format!("{whose}: a size of {sizes:?} is too large for this machine")))?;
    Ok(Declared { name, shape, kind, offset, bytes })
}

/// Checks that all tensors are in the file and none is on another.
fn places(tensors: &[Declared], start: u64, length: u64) -> Result<()> {
    let mut sorted: Vec<&Declared> = tensors.iter().collect();
    sorted.sort_unstable_by_key(|tensor| tensor.offset);
    let mut before: Option<(&Declared, u64)> = None;
    for tensor in sorted {
        let name = &tensor.name;
        if let Some((other, end)) = before
            && tensor.offset < end
        {
            return Err(bad(format!("tensor {name:?} lies on {:?}", other.name)));
        }
        let end = tensor.offset.checked_add(tensor.bytes);
        let last = end.and_then(|end| end.checked_add(start)).filter(|last| *last <= length);
        match (end, last) {
            (Some(end), Some(_)) => before = Some((tensor, end)),
            _ => {
                let (bytes, at) = (tensor.bytes, start.saturating_add(tensor.offset));
                return Err(bad(format!(
                    "is cut off: tensor {name:?} has {bytes} bytes from byte {at} on, the file has {length} bytes"
                )));
            }
        }
    }
    Ok(())
}

/// A reader that knows how much is left.
struct Scan<R> {
    reader: R,
    at: u64,
    length: u64,
    /// Elements of all arrays so far.
    n_elements: u64,
}

impl<R: Read> Scan<R> {
    /// Makes sure that the next `n` bytes may be read.
    fn need(&mut self, n: u64, what: &str) -> Result<()> {
        let end = self.at.saturating_add(n);
        if end > self.length {
            let (at, length) = (self.at, self.length);
            return Err(bad(format!(
                "is cut off: {what} takes {n} bytes from byte {at} on, the file has {length} bytes"
            )));
        }
        if end > MAX_HEADER {
            return Err(bad(format!("{what}: the header is longer than {} MiB", MAX_HEADER >> 20)));
        }
        self.at = end;
        Ok(())
    }

    fn take<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        self.need(N as u64, what)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| unreadable(what, &error))?;
        Ok(bytes)
    }

    fn skip(&mut self, n: u64, what: &str) -> Result<()> {
        self.need(n, what)?;
        let copied = io::copy(&mut self.reader.by_ref().take(n), &mut io::sink());
        match copied.map_err(|error| unreadable(what, &error))? {
            copied if copied == n => Ok(()),
            _ => Err(bad(format!("is cut off in {what}"))),
        }
    }

    fn u32(&mut self, what: &str) -> Result<u32> {
        self.take(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64> {
        self.take(what).map(u64::from_le_bytes)
    }

    /// Reads a whole number of `size` bytes.
    fn number(&mut self, size: u64, what: &str) -> Result<u64> {
        let mut number = 0;
        for place in 0..size {
            let [byte] = self.take::<1>(what)?;
            number |= u64::from(byte) << (8 * place);
        }
        Ok(number)
    }

    fn count(&mut self, what: &str, max: u64) -> Result<u64> {
        match self.u64(what)? {
            n if n <= max => Ok(n),
            n => Err(bad(format!("has {n} {what}, expected at most {max}"))),
        }
    }

    fn name(&mut self, what: &str) -> Result<String> {
        let n = self.u64(what)?;
        if n == 0 || n > MAX_NAME {
            return Err(bad(format!("{what}: expected 1 to {MAX_NAME} bytes, got {n}")));
        }
        self.need(n, what)?;
        let mut bytes = Vec::new();
        self.reader.by_ref().take(n).read_to_end(&mut bytes).map_err(|error| unreadable(what, &error))?;
        match String::from_utf8(bytes) {
            Ok(name) if !name.contains('\0') && name.len() as u64 == n => Ok(name),
            _ => Err(bad(format!("{what}: expected text in UTF-8 without zero bytes"))),
        }
    }

    fn skip_text(&mut self, what: &str) -> Result<()> {
        match self.u64(what)? {
            n if n <= MAX_TEXT => self.skip(n, what),
            n => Err(bad(format!("{what}: a text of {n} bytes, expected at most {MAX_TEXT}"))),
        }
    }

    fn bools(&mut self, n: u64, what: &str) -> Result<()> {
        for _ in 0..n {
            match self.take::<1>(what)? {
                [0 | 1] => {}
                [byte] => return Err(bad(format!("{what}: expected true (1) or false (0), got {byte}"))),
            }
        }
        Ok(())
    }
}

fn unreadable(what: &str, error: &io::Error) -> Error {
    bad(format!("cannot read {what}: {error}"))
}
