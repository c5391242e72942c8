//! Pages of a Parquet file whose headers are checked before the library makes room for what they promise.
//!
//! The library takes as much memory as a header says that its page unpacks to: two gigabytes for a file of a kilobyte.
//! Headers are structs of Thrift's compact protocol (`doc/specs/thrift-compact-protocol.md` of apache/thrift).

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes that a page may unpack to whatever it is packed to; writers make pages of about one megabyte.
const ALWAYS: u64 = 64 << 20;

/// What a larger page may unpack to per packed byte. Texts pack to a tenth, a sequence of one byte by gzip to a
/// thousandth.
const PER_BYTE: u64 = 1000;

/// Structs inside each other in a header.
const DEPTH: u32 = 16;

/// Length of what ends a file: that of the metadata, and a mark.
const FOOTER: u64 = 8;

/// A Parquet file.
pub(super) struct Pages(pub File);

/// A reader of the file from `start`, where the header of a page is or the footer. Nothing is read of it where the
/// library has the header already.
pub(super) struct Header {
    reader: BufReader<File>,
    start: u64,
    is_checked: bool,
}

impl Length for Pages {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for Pages {
    type T = Header;

    fn get_read(&self, start: u64) -> Result<Header> {
        let is_footer = start + FOOTER >= self.len();
        Ok(Header { reader: self.0.get_read(start)?, start, is_checked: is_footer })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

impl Read for Header {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if !self.is_checked {
            let [unpacked, packed] = sizes(&mut self.reader)?;
            if unpacked > ALWAYS && unpacked / PER_BYTE > packed {
                return Err(damaged(&format!(
                    "{packed} bytes unpack to {unpacked}, at most {PER_BYTE} times as much is read"
                )));
            }
            self.reader.seek(SeekFrom::Start(self.start))?;
            self.is_checked = true;
        }
        self.reader.read(bytes)
    }
}

/// What a field of a header is.
enum Kind {
    Bool,
    Number,
    Bytes,
    Struct(&'static [Kind]),
}

/// The fields of a page's header, the first of which has number 1, as `parquet.thrift` of
/// [the format](https://github.com/apache/parquet-format) has them. The library believes this table whatever types a
/// file names, so that a file which names others would be read in two ways.
const PAGE: &[Kind] = {
    use Kind::{Bool, Bytes, Number, Struct};
    const STATISTICS: Kind = Struct(&[Bytes, Bytes, Number, Number, Bytes, Bytes, Bool, Bool, Number]);
    const DATA: Kind = Struct(&[Number, Number, Number, Number, STATISTICS]);
    const INDEX: Kind = Struct(&[]);
    const DICTIONARY: Kind = Struct(&[Number, Number, Bool]);
    const DATA_V2: Kind = Struct(&[Number, Number, Number, Number, Number, Number, Bool, STATISTICS]);
    &[Number, Number, Number, Number, DATA, INDEX, DICTIONARY, DATA_V2]
};

/// Bytes of a page unpacked and packed: fields 2 and 3 of its header, of which the last that stands there counts.
fn sizes(header: &mut impl Read) -> io::Result<[u64; 2]> {
    let mut sizes = [0; 2];
    let mut id = 0;
    while let Some(kind) = field(header, &mut id)? {
        match id {
            // 32 bits of it, as the library reads it, which refuses what is negative
            2 | 3 if matches!(kind, 4..=6) => sizes[id as usize - 2] = (zigzag(header)? as i32).max(0) as u64,
            _ => value(header, kind, PAGE, id, DEPTH)?,
        }
    }
    Ok(sizes)
}

/// The type of the next field, whose number `id` becomes; none at the end of the struct.
fn field(bytes: &mut impl Read, id: &mut i64) -> io::Result<Option<u8>> {
    let first = byte(bytes)?;
    *id = match first >> 4 {
        _ if first & 0xf == 0 => return Ok(None),
        0 => i64::from(zigzag(bytes)? as i16),
        delta => *id + i64::from(delta),
    };
    Ok(Some(first & 0xf))
}

/// Passes over the value of field `id` of a struct with such `fields`; one with a number that the table does not have
/// may be what it likes.
fn value(bytes: &mut impl Read, kind: u8, fields: &[Kind], id: i64, depth: u32) -> io::Result<()> {
    let expected = usize::try_from(id - 1).ok().and_then(|index| fields.get(index));
    match (kind, expected) {
        // its type is its value
        (1 | 2, None | Some(Kind::Bool)) => Ok(()),
        (3, None) => pass(bytes, 1),
        (4..=6, None | Some(Kind::Number)) => varint(bytes).map(drop),
        (7, None) => pass(bytes, 8),
        (8, None | Some(Kind::Bytes)) => {
            let length = varint(bytes)?;
            pass(bytes, length)
        }
        (12, None) => fields_of(bytes, &[], depth),
        (12, Some(Kind::Struct(fields))) => fields_of(bytes, fields, depth),
        _ => Err(damaged("a field of another type than the format has")),
    }
}

/// Passes over a struct.
fn fields_of(bytes: &mut impl Read, fields: &[Kind], depth: u32) -> io::Result<()> {
    let depth = depth.checked_sub(1).ok_or_else(|| damaged("too many structs inside each other"))?;
    let mut id = 0;
    while let Some(kind) = field(bytes, &mut id)? {
        value(bytes, kind, fields, id, depth)?;
    }
    Ok(())
}

fn pass(bytes: &mut impl Read, length: u64) -> io::Result<()> {
    match io::copy(&mut bytes.take(length), &mut io::sink())? == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn byte(bytes: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    bytes.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// A number whose lowest bit is its sign.
fn zigzag(bytes: &mut impl Read) -> io::Result<i64> {
    let number = varint(bytes)?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

/// A number of seven bits a byte, the lowest first.
fn varint(bytes: &mut impl Read) -> io::Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = byte(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(damaged("a number of more than ten bytes"))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the header of a page: {what}"))
}
