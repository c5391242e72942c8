//! Tokenizer `{{name}}`: one token per byte, ids 0 to 255, and `<|endoftext|>` as id 256.

use trainyard_plugin::{
    Create, END_OF_TEXT, NoConfig, PluginError, Result, SpecialToken, TokenBatch, Tokenizer, Vocabulary, export,
};

/// The tokenizer. It needs no training: its model is empty.
pub struct Plugin {
    is_loaded: bool,
}

impl Create for Plugin {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self { is_loaded: false })
    }
}

impl Plugin {
    fn check_loaded(&self) -> Result<()> {
        match self.is_loaded {
            true => Ok(()),
            false => Err(PluginError::state("no model, call load first")),
        }
    }
}

impl Tokenizer for Plugin {
    fn observe(&mut self, _texts: &[&str]) -> Result<()> {
        Ok(())
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        if !model.is_empty() {
            return Err(PluginError::input(format!("model has {} bytes, expected none", model.len())));
        }
        self.is_loaded = true;
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.check_loaded()?;
        let mut tokens: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
        tokens.push(Vec::new()); // a special token has no bytes
        Ok(Vocabulary { tokens, specials: vec![SpecialToken { name: END_OF_TEXT.into(), id: 256 }] })
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.check_loaded()?;
        let mut batch = TokenBatch::default();
        for text in texts {
            batch.ids.extend(text.bytes().map(u32::from));
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        self.check_loaded()?;
        batch.check(batch.ends.len(), 257).map_err(|error| PluginError::input(error.message))?;
        let bytes = |ids: &[u32]| ids.iter().filter_map(|&id| u8::try_from(id).ok()).collect();
        Ok(batch.sequences().map(bytes).collect())
    }
}

export!(tokenizer "{{name}}" = Plugin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_gives_the_text_back() {
        let mut tokenizer = Plugin::create(NoConfig).unwrap();
        tokenizer.load(&[]).unwrap();
        let batch = tokenizer.encode(&["naïve", ""]).unwrap();
        assert_eq!(tokenizer.decode(&batch).unwrap(), ["naïve".as_bytes(), b""]);
    }

    #[test]
    fn nothing_works_before_load() {
        let error = Plugin::create(NoConfig).unwrap().encode(&["a"]).unwrap_err();
        assert_eq!(error.message, "no model, call load first");
    }
}
