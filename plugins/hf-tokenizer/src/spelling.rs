//! The bytes of each token, derived from the tokenizer's decoder.
//!
//! The decoder itself works only for whole sequences: it drops the space before the first word, and replaces half a
//! character. Here every token is treated as if it were inside a text.

use std::collections::BTreeMap;
use tokenizers::{Decoder, DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};
use trainyard_plugin::{PluginError, Result};

/// One step from a token as it is written in the vocabulary to its bytes.
enum Step {
    /// Each character is a byte, in the alphabet of GPT-2 (Radford et al. 2019).
    ByteLevel(BTreeMap<char, u8>),
    /// `<0xNN>` is a byte, as SentencePiece writes it.
    ByteFallback,
    /// The character for a space, `▁` in SentencePiece.
    Space(char),
    /// The mark of a token inside a word, `##` in WordPiece.
    Prefix(String),
    /// The mark of the end of a word, `</w>`.
    Suffix(String),
    /// A replacement of the decoder's own.
    Replace(Box<DecoderWrapper>),
}

/// How the tokens of a tokenizer are spelled.
pub struct Spelling(Vec<Step>);

impl Spelling {
    /// Returns the spelling of a tokenizer's tokens.
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let mut steps = Vec::new();
        if has_byte_fallback(tokenizer.get_model()) {
            steps.push(Step::ByteFallback);
        }
        if let Some(decoder) = tokenizer.get_decoder() {
            add_decoder(decoder, &mut steps);
        }
        if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
            add_pre_tokenizer(pre_tokenizer, tokenizer.get_decoder().is_some(), &mut steps);
        }
        Self(steps)
    }

    /// Whether every token is written in the alphabet of GPT-2.
    pub fn is_byte_level(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::ByteLevel(_)))
    }

    /// Returns the bytes of a token inside a text.
    ///
    /// # Errors
    /// A replacement of the decoder fails.
    pub fn bytes(&self, token: String) -> Result<Vec<u8>> {
        let mut token = token;
        for step in &self.0 {
            match step {
                Step::ByteLevel(alphabet) => {
                    // a token in no such alphabet stands for itself, as in the crate's decoder
                    let bytes: Option<_> = token.chars().map(|char| alphabet.get(&char).copied()).collect();
                    return Ok(bytes.unwrap_or_else(|| token.into_bytes()));
                }
                Step::ByteFallback => {
                    if let Some(byte) = fallback_byte(&token) {
                        return Ok(vec![byte]);
                    }
                }
                Step::Space(char) => token = token.replace(*char, " "),
                Step::Prefix(prefix) => token = token.strip_prefix(prefix.as_str()).unwrap_or(&token).to_owned(),
                Step::Suffix(suffix) => token = token.replace(suffix.as_str(), " "),
                Step::Replace(decoder) => {
                    let replaced = decoder.decode_chain(vec![token]);
                    token = replaced.map_err(|error| PluginError::input(format!("decoder: {error}")))?.concat();
                }
            }
        }
        Ok(token.into_bytes())
    }
}

/// Adds a decoder's steps. `Fuse` joins and `Strip` trims whole texts, `CTC` drops repeated tokens: none of them
/// concerns a single token.
fn add_decoder(decoder: &DecoderWrapper, steps: &mut Vec<Step>) {
    match decoder {
        DecoderWrapper::Sequence(sequence) => {
            sequence.get_decoders().iter().for_each(|decoder| add_decoder(decoder, steps));
        }
        DecoderWrapper::ByteLevel(_) => steps.push(Step::ByteLevel(alphabet())),
        DecoderWrapper::ByteFallback(_) => steps.push(Step::ByteFallback),
        DecoderWrapper::Metaspace(metaspace) => steps.push(Step::Space(metaspace.get_replacement())),
        DecoderWrapper::WordPiece(word_piece) => steps.push(Step::Prefix(word_piece.prefix.clone())),
        DecoderWrapper::BPE(bpe) => steps.push(Step::Suffix(bpe.suffix.clone())),
        DecoderWrapper::Replace(_) => steps.push(Step::Replace(Box::new(decoder.clone()))),
        DecoderWrapper::Fuse(_) | DecoderWrapper::Strip(_) | DecoderWrapper::CTC(_) => {}
    }
}

/// Adds the steps of a pre-tokenizer, which shows how bytes or spaces were written if a file has no decoder.
fn add_pre_tokenizer(pre_tokenizer: &PreTokenizerWrapper, has_decoder: bool, steps: &mut Vec<Step>) {
    match pre_tokenizer {
        PreTokenizerWrapper::Sequence(sequence) => {
            sequence.as_ref().iter().for_each(|part| add_pre_tokenizer(part, has_decoder, steps));
        }
        PreTokenizerWrapper::ByteLevel(_) => steps.push(Step::ByteLevel(alphabet())),
        PreTokenizerWrapper::Metaspace(metaspace) if !has_decoder => {
            steps.push(Step::Space(metaspace.get_replacement()));
        }
        _ => {}
    }
}

/// Whether every byte of a text can be written, so that no text is unknown: the text is written in GPT-2's alphabet,
/// and the model has all of it.
pub fn writes_every_byte(tokenizer: &Tokenizer) -> bool {
    let pre_tokenizer = tokenizer.get_pre_tokenizer().is_some_and(is_pre_byte_level);
    let is_byte_level = pre_tokenizer || tokenizer.get_normalizer().is_some_and(is_normal_byte_level);
    let knows = |char: &char| tokenizer.get_model().token_to_id(char.encode_utf8(&mut [0; 4])).is_some();
    is_byte_level && alphabet().keys().all(knows)
}

fn is_pre_byte_level(pre_tokenizer: &PreTokenizerWrapper) -> bool {
    match pre_tokenizer {
        PreTokenizerWrapper::Sequence(sequence) => sequence.as_ref().iter().any(is_pre_byte_level),
        other => matches!(other, PreTokenizerWrapper::ByteLevel(_)),
    }
}

fn is_normal_byte_level(normalizer: &NormalizerWrapper) -> bool {
    match normalizer {
        NormalizerWrapper::Sequence(sequence) => sequence.as_ref().iter().any(is_normal_byte_level),
        other => matches!(other, NormalizerWrapper::ByteLevel(_)),
    }
}

fn has_byte_fallback(model: &ModelWrapper) -> bool {
    match model {
        ModelWrapper::BPE(bpe) => bpe.byte_fallback,
        ModelWrapper::Unigram(unigram) => unigram.byte_fallback(),
        ModelWrapper::WordPiece(_) | ModelWrapper::WordLevel(_) => false,
    }
}

/// Returns the byte of `<0xNN>`.
fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// Returns the alphabet: printable bytes of Latin-1 are themselves, the other 68 follow from U+0100 on.
fn alphabet() -> BTreeMap<char, u8> {
    let mut others = '\u{100}'..;
    let char_of = |byte: u8| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => Some(char::from(byte)),
        _ => others.next(),
    };
    let bytes = 0..=u8::MAX;
    bytes.clone().map(char_of).zip(bytes).filter_map(|(char, byte)| Some((char?, byte))).collect()
}
