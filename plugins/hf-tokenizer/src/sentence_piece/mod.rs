//! SentencePiece models (`.model` files; Kudo and Richardson 2018, arXiv 1808.06226): Unigram and BPE, with the same
//! ids as the library.

mod cut;
mod normal;
mod proto;
mod trie;

pub use proto::is_here;

use cut::Pieces;
use normal::{Normalizer, SPACE};
use proto::{Kind, Proto, damaged};
use trainyard_plugin::{END_OF_TEXT, PluginError, Result, SpecialToken, Vocabulary};

/// A model that was read.
pub struct SentencePiece {
    normalizer: Normalizer,
    pieces: Pieces,
    is_unigram: bool,
    unknown: u32,
    /// The ids of bytes, if unknown characters become bytes.
    bytes: Option<[u32; 256]>,
    vocabulary: Vocabulary,
}

impl SentencePiece {
    /// Reads a file; `end_of_text` names the token that ends a document, if it is not empty.
    ///
    /// # Errors
    /// A damaged file, a model of words or characters, or a vocabulary that lacks that token.
    pub fn new(model: &[u8], end_of_text: &str) -> Result<Self> {
        let proto = proto::read(model)?;
        let is_unigram = match proto.model_type {
            1 => true,
            2 => false,
            other => {
                let cure = "convert it with transformers to a tokenizer.json";
                return Err(damaged(format!("its type is {other}, expected 1 (Unigram) or 2 (BPE): {cure}")));
            }
        };
        let id_of = |kind: Kind| proto.pieces.iter().position(|piece| piece.kind == kind);
        let unknown = id_of(Kind::Unknown).ok_or_else(|| damaged("no piece stands for what is unknown"))?;
        let mut vocabulary = vocabulary(&proto)?;
        name_end_of_text(&mut vocabulary, &proto, end_of_text)?;
        Ok(Self {
            normalizer: Normalizer::new(&proto)?,
            pieces: Pieces::new(&proto.pieces),
            is_unigram,
            unknown: unknown as u32,
            bytes: if proto.byte_fallback { Some(byte_ids(&proto)?) } else { None },
            vocabulary,
        })
    }

    /// Returns all tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Appends the ids of a text.
    pub fn encode(&self, text: &str, out: &mut Vec<u32>) {
        let text = self.normalizer.normal(text);
        let parts = match self.is_unigram {
            true => self.pieces.likeliest(&text),
            false => self.pieces.merged(&text, &self.normalizer.user_defined),
        };
        let (mut at, mut is_behind_unknown) = (0, false);
        for (length, id) in parts {
            match (id, &self.bytes) {
                (Some(id), _) => out.push(id),
                (None, Some(bytes)) => out.extend(text[at..at + length].bytes().map(|byte| bytes[usize::from(byte)])),
                // several unknown characters are one
                (None, None) if is_behind_unknown => {}
                (None, None) => out.push(self.unknown),
            }
            is_behind_unknown = id.is_none();
            at += length;
        }
    }

    /// Returns the bytes of a sequence, whose ids are below the size of the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Vec<u8> {
        let mut bytes: Vec<u8> = ids.iter().flat_map(|&id| &self.vocabulary.tokens[id as usize]).copied().collect();
        if self.normalizer.begins_with_space() && bytes.first() == Some(&b' ') {
            bytes.remove(0);
        }
        bytes
    }
}

fn vocabulary(proto: &Proto) -> Result<Vocabulary> {
    if proto.pieces.len() > crate::loaded::MAX_TOKENS as usize {
        let (n, max) = (proto.pieces.len(), crate::loaded::MAX_TOKENS);
        return Err(damaged(format!("{n} pieces, expected at most {max}")));
    }
    let mut vocabulary = Vocabulary::default();
    for (piece, id) in proto.pieces.iter().zip(0..) {
        vocabulary.tokens.push(match piece.kind {
            Kind::Control | Kind::Unknown => Vec::new(),
            Kind::Byte => vec![byte(&piece.text)?],
            Kind::Normal | Kind::UserDefined | Kind::Unused => piece.text.replace(SPACE, " ").into_bytes(),
        });
        if piece.kind == Kind::Control {
            vocabulary.specials.push(SpecialToken { name: piece.text.clone(), id });
        }
    }
    Ok(vocabulary)
}

fn name_end_of_text(vocabulary: &mut Vocabulary, proto: &Proto, chosen: &str) -> Result<()> {
    if !chosen.is_empty() {
        return vocabulary.set_end_of_text(chosen);
    }
    let own = vocabulary.special(END_OF_TEXT).is_some();
    let declared = proto.end_id.and_then(|id| vocabulary.specials.iter().find(|special| u64::from(special.id) == id));
    match declared.filter(|_| !own).map(|special| special.name.clone()) {
        Some(name) => vocabulary.set_end_of_text(&name),
        None => {
            vocabulary.name_end_of_text();
            Ok(())
        }
    }
}

fn byte(piece: &str) -> Result<u8> {
    let digits = piece.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>')).filter(|digits| digits.len() == 2);
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.ok_or_else(|| damaged(format!("expected a byte such as <0x0A>, got {piece:?}")))
}

fn byte_ids(proto: &Proto) -> Result<[u32; 256]> {
    let mut ids = [None; 256];
    for (piece, id) in proto.pieces.iter().zip(0..).filter(|(piece, _)| piece.kind == Kind::Byte) {
        ids[usize::from(byte(&piece.text)?)] = Some(id);
    }
    let mut found = [0; 256];
    for (byte, (id, found)) in ids.iter().zip(&mut found).enumerate() {
        *found = id.ok_or_else(|| -> PluginError { damaged(format!("no piece stands for the byte 0x{byte:02x}")) })?;
    }
    Ok(found)
}
