//! A tokenizer of 256 bytes that misbehaves in one function, as its setting says: one file serves every test.

use std::hint::black_box;
use trainyard_plugin::{Create, PluginError, Result, SpecialToken, TokenBatch, Tokenizer, Vocabulary, config, export};

config! {
    /// Settings of `hostile`.
    pub struct Settings {
        /// what goes wrong
        behaviour: String = "nothing",
    }
}

/// The tokenizer.
pub struct Hostile(String);

impl Create for Hostile {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        match settings.behaviour.as_str() {
            "spin-in-create" => spin(),
            "panic-in-create" => panic!("create has failed\nin two lines"),
            _ => {}
        }
        Ok(Self(settings.behaviour))
    }
}

impl Tokenizer for Hostile {
    fn observe(&mut self, _texts: &[&str]) -> Result<()> {
        match self.0.as_str() {
            "long-error" => Err(PluginError::input("x\u{7}\n".repeat(100_000))),
            _ => Ok(()),
        }
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn load(&mut self, _model: &[u8]) -> Result<()> {
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        let mut vocabulary = Vocabulary { tokens: (0..=255).map(|byte| vec![byte]).collect(), specials: Vec::new() };
        match self.0.as_str() {
            "no-tokens" => vocabulary.tokens.clear(),
            "many-tokens" => vocabulary.tokens = vec![Vec::new(); (1 << 20) + 1],
            "special-outside" => vocabulary.specials.push(SpecialToken { name: "<|x|>".into(), id: 256 }),
            "special-name" => vocabulary.specials.push(SpecialToken { name: "\u{1b}[2J".into(), id: 0 }),
            _ => {}
        }
        Ok(vocabulary)
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let mut batch = TokenBatch::default();
        for text in texts {
            batch.ids.extend(text.bytes().map(u32::from));
            batch.end_sequence()?;
        }
        match self.0.as_str() {
            "spin" => spin(),
            "allocate" => allocate(),
            "recurse" => recurse(0),
            "panic" => panic!("index {} is out of range", texts.len()),
            "too-few" => drop(batch.ends.pop()),
            "id-outside" => batch.ids[0] = 256,
            "falling-ends" => batch.ends.reverse(),
            "end-missing" => batch.ids.push(0),
            _ => {}
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        match self.0.as_str() {
            "decode-too-many" => Ok(vec![Vec::new(); batch.ends.len() + 1]),
            _ => Ok(batch.sequences().map(|ids| ids.iter().map(|&id| id as u8).collect()).collect()),
        }
    }
}

fn spin() {
    let mut n = 0u64;
    while black_box(n) < u64::MAX {
        n += 1;
    }
}

fn allocate() {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1u8; 1 << 20]));
    }
}

fn recurse(depth: u64) {
    let frame = black_box([depth; 64]);
    if black_box(frame[0]) < u64::MAX {
        recurse(depth + 1);
    }
    black_box(frame);
}

export!(tokenizer "hostile" = Hostile);
