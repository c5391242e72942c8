//! Tokenizer `byte`: one token per byte, ids 0 to 255, and `<|endoftext|>` as id 256.
//! Every text is reversible and nothing needs training: the model is empty. This is the vocabulary of ByT5 (Xue et al.
//! 2022, arXiv 2105.13626) without its offset. No settings.

use trainyard_plugin::{
    Create, END_OF_TEXT, NoConfig, PluginError, Result, SpecialToken, TokenBatch, Tokenizer, Vocabulary,
};

/// The only token that is not a byte.
const END_OF_TEXT_ID: u32 = 256;

/// All bytes and the one special token.
const N_TOKENS: usize = 257;

/// The tokenizer.
pub struct ByteTokenizer {
    is_loaded: bool,
}

impl ByteTokenizer {
    fn check_loaded(&self) -> Result<()> {
        match self.is_loaded {
            true => Ok(()),
            false => Err(PluginError::state("no model, call load first")),
        }
    }
}

impl Create for ByteTokenizer {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self { is_loaded: false })
    }
}

impl Tokenizer for ByteTokenizer {
    fn observe(&mut self, _texts: &[&str]) -> Result<()> {
        Ok(())
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        if !model.is_empty() {
            return Err(PluginError::input(format!(
                "model has {} bytes, expected none: it belongs to another tokenizer",
                model.len()
            )));
        }
        self.is_loaded = true;
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.check_loaded()?;
        let mut tokens: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
        tokens.push(Vec::new());
        Ok(Vocabulary { tokens, specials: vec![SpecialToken { name: END_OF_TEXT.into(), id: END_OF_TEXT_ID }] })
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.check_loaded()?;
        let mut batch = TokenBatch::default();
        batch.ids.reserve(texts.iter().map(|text| text.len()).sum());
        for text in texts {
            batch.ids.extend(text.bytes().map(u32::from));
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        self.check_loaded()?;
        batch.check(batch.ends.len(), N_TOKENS).map_err(|error| PluginError::input(error.message))?;
        let bytes = |ids: &[u32]| ids.iter().filter_map(|&id| u8::try_from(id).ok()).collect();
        Ok(batch.sequences().map(bytes).collect())
    }
}

trainyard_plugin::export!(tokenizer "byte" = ByteTokenizer);

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::ErrorKind;

    fn loaded() -> ByteTokenizer {
        let mut tokenizer = ByteTokenizer::create(NoConfig).unwrap();
        tokenizer.load(&[]).unwrap();
        tokenizer
    }

    #[test]
    fn round_trip() {
        let texts = ["", "plain", "é\u{301} 中文 👩‍👩‍👧\0\u{feff}\r\n", "<|endoftext|>"];
        let batch = loaded().encode(&texts).unwrap();
        batch.check(texts.len(), 257).unwrap();
        assert_eq!(batch.ids.len(), texts.iter().map(|text| text.len()).sum::<usize>());
        let decoded = loaded().decode(&batch).unwrap();
        assert_eq!(decoded, texts.map(|text| text.as_bytes().to_vec()));
        assert_eq!(loaded().encode(&[]).unwrap(), TokenBatch::default());
    }

    #[test]
    fn special_token_decodes_to_nothing() {
        let batch = TokenBatch { ids: vec![104, 256, 105], ends: vec![3] };
        assert_eq!(loaded().decode(&batch).unwrap(), [b"hi"]);
        assert_eq!(loaded().vocabulary().unwrap().special(END_OF_TEXT), Some(256));
    }

    #[test]
    fn refuses() {
        let unknown = TokenBatch { ids: vec![257], ends: vec![1] };
        assert_eq!(loaded().decode(&unknown).unwrap_err().message, "id 257 is outside the vocabulary of 257");
        let mut fresh = ByteTokenizer::create(NoConfig).unwrap();
        assert_eq!(fresh.encode(&["a"]).unwrap_err().kind, ErrorKind::State);
        assert_eq!(fresh.load(b"x").unwrap_err().kind, ErrorKind::Input);
    }
}
