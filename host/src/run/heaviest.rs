//! The key of a config that makes a run too large: the one whose ordinary value would save the most memory.

use super::memory::Memory;
use super::network::{DataSizes, ModelConfig};
use super::plugins::VOCAB_SIZE;
use crate::ops::Device;
use crate::run::RunConfig;
use crate::{Error, Result};

/// Values that fit nearly everywhere: the defaults of the config, and an ordinary vocabulary.
const ORDINARY: [(Size, usize); 6] = [
    (Size::Batch, 16),
    (Size::Context, 256),
    (Size::Width, 256),
    (Size::Hidden, 1024),
    (Size::Layers, 4),
    (Size::Vocabulary, 8192),
];

/// A key that saves less than this share of the memory is not mentioned.
const WORTH: f64 = 0.1;

/// The most keys that a message names.
const NAMED: usize = 3;

/// A key that affects how much memory a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Batch,
    Context,
    Width,
    Hidden,
    Layers,
    Vocabulary,
}

impl Size {
    /// The key of a size of the model.
    fn of_model(self) -> Option<&'static str> {
        match self {
            Self::Context => Some("context"),
            Self::Width => Some("width"),
            Self::Hidden => Some("hidden"),
            Self::Layers => Some("layers"),
            Self::Batch | Self::Vocabulary => None,
        }
    }

    /// The size; none where the config does not say it.
    fn of(self, config: &RunConfig, sizes: DataSizes) -> Option<usize> {
        match self {
            Self::Batch => Some(config.train.batch),
            Self::Vocabulary => Some(sizes.vocab),
            size => config.model.size(size.of_model()?),
        }
    }

    /// Place in the config.
    fn key(self, config: &RunConfig) -> String {
        match self.of_model() {
            Some(key) => config.model.place(key),
            None if self == Self::Batch => "train.batch".into(),
            None if config.tokenizer.model.is_some() => "tokenizer.model".into(),
            None => format!("tokenizer.config.{VOCAB_SIZE}"),
        }
    }

    /// Returns the config and the sizes with `value` in this place.
    fn set(self, config: &RunConfig, sizes: DataSizes, value: usize) -> (RunConfig, DataSizes) {
        let mut config = config.clone();
        match self.of_model() {
            Some(key) => config.model.set(key, value),
            None if self == Self::Batch => config.train.batch = value,
            None => return (config, DataSizes { vocab: value, ..sizes }),
        }
        (config, sizes)
    }
}

/// Returns the sizes that are larger than ordinary and what an ordinary one would save, the largest saving first.
fn savings(config: &RunConfig, sizes: DataSizes, device: &Device, total: f64) -> Result<Vec<(Size, f64)>> {
    let mut savings = Vec::new();
    for (size, ordinary) in ORDINARY {
        if size.of(config, sizes).is_none_or(|value| value <= ordinary) {
            continue;
        }
        let (smaller, sizes) = size.set(config, sizes, ordinary);
        let saved = match (Memory::of(&smaller, sizes, device), &config.model) {
            (Ok(memory), _) => total - memory.total(),
            // a plugin may refuse the size for others that depend on it
            (Err(_), ModelConfig::Plugin(_)) => continue,
            (Err(error), _) => return Err(error),
        };
        if saved >= WORTH * total {
            savings.push((size, saved));
        }
    }
    savings.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(savings)
}

/// Returns the error for a run that needs `memory` when `available` bytes are free; it begins with the key that matters
/// most.
pub(crate) fn too_large(
    memory: &Memory,
    config: &RunConfig,
    data: DataSizes,
    device: &Device,
    available: f64,
) -> Result<Error> {
    let mut sizes: Vec<_> =
        savings(config, data, device, memory.total())?.into_iter().map(|(size, _)| size).take(NAMED).collect();
    let mostly_activations = memory.activations > memory.parameters + memory.optimizer + memory.loss;
    if sizes.is_empty() {
        // Nothing is unusual: the machine is small.
        sizes = match mostly_activations {
            true => vec![Size::Batch, Size::Context],
            false => vec![Size::Width, Size::Layers],
        };
    }
    let now = |size: &Size| match size.of(config, data) {
        Some(value) => format!("{} (now {value})", size.key(config)),
        None => size.key(config),
    };
    let lower = sizes.iter().map(now).collect::<Vec<_>>().join(" or ");
    let first = sizes.first().map_or_else(String::new, |size| size.key(config));
    let mut again = config.clone();
    again.train.recompute = true;
    let fits = Memory::of(&again, data, device)?.total() <= available;
    let recompute = if fits && !memory.recompute { ", or set train.recompute = true" } else { "" };
    let message = format!("{first}: {}; lower {lower}{recompute}", memory.needs(available));
    Ok(Error::usage(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIBIBYTE: f64 = (1u64 << 30) as f64;

    fn message(settings: &[&str], vocab: usize) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.toml");
        std::fs::write(&path, "[[data.source]]\npath = 'x.txt'\n[tokenizer]\nplugin = 'byte'\n").expect("writable");
        let settings: Vec<_> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let config = RunConfig::load(&path, &settings).expect("a good config");
        let memory = Memory::of(&config, vocab, &Device::Cpu).expect("a size");
        assert!(memory.total() > GIBIBYTE, "{memory:?}");
        too_large(&memory, &config, vocab.into(), &Device::Cpu, GIBIBYTE).expect("a size").to_string()
    }

    #[test]
    fn the_key_that_matters_is_named_first() {
        let cases = [
            (vec!["train.batch=100000"], 256, "train.batch"),
            (vec!["model.context=1000000"], 256, "model.context"),
            (vec!["model.width=65536"], 256, "model.width"),
            (vec!["model.hidden=16777216"], 256, "model.hidden"),
            (vec!["model.layers=10000"], 256, "model.layers"),
            (vec![], 16_000_000, "tokenizer.config.vocab_size"),
            // several are large: the one that saves most
            (vec!["train.batch=2000", "model.layers=5"], 256, "train.batch"),
            (vec!["train.batch=17", "model.layers=5000"], 256, "model.layers"),
        ];
        for (settings, vocab, key) in cases {
            let message = message(&settings, vocab);
            assert!(message.starts_with(&format!("{key}: this run needs about ")), "{message}");
            assert!(message.contains(&format!("; lower {key} (now ")), "{message}");
        }
    }

    #[test]
    fn sizes_beyond_all_machines_are_refused_in_no_time() {
        // the most that each key takes
        let sizes = [
            ("train.batch", i64::MAX),
            ("model.context", 1 << 24),
            ("model.hidden", 1 << 24),
            ("model.layers", 10_000),
            ("model.width", 1 << 24),
        ];
        for (key, most) in sizes {
            let message = message(&[&format!("{key}={most}")], 256);
            assert!(message.starts_with(&format!("{key}: ")), "{message}");
        }
    }
}
