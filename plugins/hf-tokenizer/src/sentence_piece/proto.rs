//! The file of a model: a protobuf message, `sentencepiece_model.proto` of google/sentencepiece (Apache-2.0).

use trainyard_plugin::{PluginError, Result};

/// The fields of a model that are read.
#[derive(Debug, Default)]
pub struct Proto {
    /// Pieces by id.
    pub pieces: Vec<Piece>,
    /// 1: Unigram, 2: BPE, 3: words, 4: characters.
    pub model_type: u64,
    /// Whether unknown characters become bytes.
    pub byte_fallback: bool,
    /// Whether white space is after words instead of before them.
    pub space_is_suffix: bool,
    /// The id of the piece that ends a text; none if the model has no such piece.
    pub end_id: Option<u64>,
    /// The table of replacements; empty if nothing is replaced.
    pub charsmap: Vec<u8>,
    /// Whether a space is put before a text.
    pub adds_space: bool,
    /// Whether several spaces become one, and spaces around a text are removed.
    pub removes_spaces: bool,
    /// Whether spaces are written `▁`.
    pub escapes_spaces: bool,
}

/// One piece.
#[derive(Debug, Default)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Logarithm of its probability, or minus its rank.
    pub score: f32,
    /// Its kind.
    pub kind: Kind,
}

/// The kind of a piece.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Normal,
    /// The piece for text that cannot be written.
    Unknown,
    /// A piece that never occurs in text.
    Control,
    /// A piece that is found in text before anything else.
    UserDefined,
    /// A piece that is merged, but never in the result.
    Unused,
    /// `<0xNN>`
    Byte,
}

/// Whether a file begins like such a message: with a piece, a text of some bytes and a score.
pub fn is_here(bytes: &[u8]) -> bool {
    match bytes {
        [0x0a, length, 0x0a, piece, ..] => (*piece..0x80).contains(length) && *length <= piece.saturating_add(10),
        _ => false,
    }
}

/// Reads a file.
///
/// # Errors
/// A file that is not such a message, or is cut short.
pub fn read(bytes: &[u8]) -> Result<Proto> {
    let mut proto = Proto {
        model_type: 1,
        end_id: Some(2),
        adds_space: true,
        removes_spaces: true,
        escapes_spaces: true,
        ..Proto::default()
    };
    for field in Fields(bytes) {
        match field? {
            (1, Value::Bytes(piece)) => proto.pieces.push(read_piece(piece)?),
            (2, Value::Bytes(trainer)) => read_trainer(trainer, &mut proto)?,
            (3, Value::Bytes(normalizer)) => read_normalizer(normalizer, &mut proto)?,
            _ => {}
        }
    }
    Ok(proto)
}

fn read_piece(bytes: &[u8]) -> Result<Piece> {
    let mut piece = Piece::default();
    for field in Fields(bytes) {
        match field? {
            (1, Value::Bytes(text)) => {
                let text = str::from_utf8(text).map_err(|_| damaged("a piece is no UTF-8"))?;
                text.clone_into(&mut piece.text);
            }
            (2, Value::Fixed(bits)) => piece.score = f32::from_bits(bits),
            (3, Value::Number(kind)) => {
                piece.kind = match kind {
                    1 => Kind::Normal,
                    2 => Kind::Unknown,
                    3 => Kind::Control,
                    4 => Kind::UserDefined,
                    5 => Kind::Unused,
                    6 => Kind::Byte,
                    _ => return Err(damaged(format!("a piece of kind {kind}, expected 1 to 6"))),
                }
            }
            _ => {}
        }
    }
    match piece.score.is_nan() {
        true => Err(damaged(format!("the score of the piece {:?} is no number", piece.text))),
        false => Ok(piece),
    }
}

fn read_trainer(bytes: &[u8], proto: &mut Proto) -> Result<()> {
    for field in Fields(bytes) {
        match field? {
            (3, Value::Number(model_type)) => proto.model_type = model_type,
            (24, Value::Number(is)) => proto.space_is_suffix = is != 0,
            (35, Value::Number(is)) => proto.byte_fallback = is != 0,
            // -1, as 64 bits, where there is none
            (42, Value::Number(id)) => proto.end_id = Some(id).filter(|id| *id < 1 << 31),
            _ => {}
        }
    }
    Ok(())
}

fn read_normalizer(bytes: &[u8], proto: &mut Proto) -> Result<()> {
    for field in Fields(bytes) {
        match field? {
            (2, Value::Bytes(charsmap)) => proto.charsmap = charsmap.to_vec(),
            (3, Value::Number(is)) => proto.adds_space = is != 0,
            (4, Value::Number(is)) => proto.removes_spaces = is != 0,
            (5, Value::Number(is)) => proto.escapes_spaces = is != 0,
            _ => {}
        }
    }
    Ok(())
}

/// A field's value.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed(u32),
    Other,
}

/// The fields of a message, each with its number.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| damaged("it ends inside a field")))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Makes an error about a model's file.
pub fn damaged(why: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("model of SentencePiece: {why}"))
}
