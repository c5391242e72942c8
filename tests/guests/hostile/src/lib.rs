//! A tokenizer of 256 bytes that misbehaves in one function, as its setting says: one file serves every test.

use trainyard_misbehave::misbehave;
use trainyard_plugin::{Create, Result, SpecialToken, TokenBatch, Tokenizer, Vocabulary, config, export};

config! {
    /// Settings of `hostile`.
    pub struct Settings {
        /// what goes wrong, and in which function
        behaviour: String = "nothing",
    }
}

/// The tokenizer.
pub struct Hostile(String);

impl Create for Hostile {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        misbehave(&settings.behaviour, "create")?;
        Ok(Self(settings.behaviour))
    }
}

impl Tokenizer for Hostile {
    fn observe(&mut self, _texts: &[&str]) -> Result<()> {
        misbehave(&self.0, "observe")
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        misbehave(&self.0, "train")?;
        Ok(match self.0.as_str() {
            "large-model" => vec![7; 20 << 20],
            "huge-model" => vec![7; 300 << 20],
            _ => Vec::new(),
        })
    }

    fn load(&mut self, _model: &[u8]) -> Result<()> {
        misbehave(&self.0, "load")
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        misbehave(&self.0, "vocabulary")?;
        let mut vocabulary = Vocabulary { tokens: (0..=255).map(|byte| vec![byte]).collect(), specials: Vec::new() };
        let special = |name: &str, id| SpecialToken { name: name.into(), id };
        match self.0.as_str() {
            "no-tokens" => vocabulary.tokens.clear(),
            "many-tokens" => vocabulary.tokens = vec![Vec::new(); (1 << 20) + 1],
            "special-outside" => vocabulary.specials.push(special("<|x|>", 256)),
            "special-with-bytes" => vocabulary.specials.push(special("<|x|>", 65)),
            "special-name" => vocabulary.specials.push(special("\u{1b}[2J", 0)),
            "special-twice" => {
                vocabulary.tokens.extend([Vec::new(), Vec::new()]);
                vocabulary.specials.extend([special("<|x|>", 256), special("<|x|>", 257)]);
            }
            _ => {}
        }
        Ok(vocabulary)
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        misbehave(&self.0, "encode")?;
        let mut batch = TokenBatch::default();
        for text in texts {
            batch.ids.extend(text.bytes().map(u32::from));
            batch.end_sequence()?;
        }
        match self.0.as_str() {
            "too-few" => drop(batch.ends.pop()),
            "too-many" => batch.ends.extend(batch.ends.last().copied()),
            "id-outside" => batch.ids[0] = 256,
            "id-largest" => batch.ids[0] = u32::MAX,
            "falling-ends" => batch.ends.reverse(),
            "end-missing" => batch.ids.push(0),
            "end-outside" => *batch.ends.last_mut().expect("two texts") = u32::MAX,
            _ => {}
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        misbehave(&self.0, "decode")?;
        match self.0.as_str() {
            "decode-too-many" => Ok(vec![Vec::new(); batch.ends.len() + 1]),
            _ => Ok(batch.sequences().map(|ids| ids.iter().map(|&id| id as u8).collect()).collect()),
        }
    }
}

export!(tokenizer "hostile" = Hostile);
