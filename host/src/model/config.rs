//! `[model]` of a run's config.

use crate::Result;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::ops::Bound;
use trainyard_plugin::network::Network;
use trainyard_plugin::{Create, Model, Sizes};

/// `[model]`: the shape of the network.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ModelConfig {
    /// `kind`, and what only that kind has.
    #[serde(flatten)]
    pub architecture: Architecture,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads per block; must divide `width`.
    pub heads: usize,
    /// Size of a token's vector.
    pub width: usize,
    /// Size of the network's activated vector: 4 times `width` for GPT, 8/3 of `width` rounded up to a multiple of 32
    /// for Llama.
    pub hidden: usize,
    /// Longest sequence, in tokens.
    pub context: usize,
    /// Share of activations set to zero while training, 0 to below 1.
    pub dropout: f64,
    /// Whether the output layer is the token embedding.
    pub tied: bool,
    /// Added to a norm's variance or mean square.
    pub norm_epsilon: f64,
}

/// The architecture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Architecture {
    /// GPT-2: learned positions, layer norm, GELU, biases.
    Gpt {
        /// Form of the GELU.
        gelu: Gelu,
    },
    /// Llama: rotary positions, RMS norm, SwiGLU, grouped-query attention, no biases.
    Llama {
        /// Heads of keys and values; must divide `heads`, each serves `heads / kv_heads` heads of queries.
        kv_heads: usize,
        /// Base of the rotary angles.
        rope_theta: f64,
    },
}

/// How the distribution function Φ of the normal distribution is computed in GELU, x Φ(x).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gelu {
    /// Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2: GPT-2's, PyTorch's `approximate="tanh"`.
    Tanh,
    /// Φ(x) = (1 + erf(x/√2)) / 2.
    Erf,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Gpt,
    Llama,
}

/// More than any model has: with it, sizes can be multiplied before they are compared with the memory that there is.
const SIZE_MAX: i64 = 1 << 24;
/// The same of blocks, each of which takes some kilobytes before it has a number.
const LAYERS_MAX: i64 = 10_000;

const KINDS: [(&str, Kind); 2] = [("gpt", Kind::Gpt), ("llama", Kind::Llama)];
const GELUS: [(&str, Gelu); 2] = [("tanh", Gelu::Tanh), ("erf", Gelu::Erf)];

impl ModelConfig {
    /// What `[model]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let kind = section.choice("kind", &KINDS, Kind::Gpt);
        let (heads, width) = (section.integer("heads", 1..=SIZE_MAX, 4), section.integer("width", 1..=SIZE_MAX, 256));
        let config = Self {
            architecture: Architecture::read(section, kind, heads),
            layers: section.integer("layers", 1..=LAYERS_MAX, 4),
            heads,
            width,
            hidden: section.integer("hidden", 1..=SIZE_MAX, default_hidden(kind, width)),
            context: section.integer("context", 1..=SIZE_MAX, 256),
            dropout: section.number("dropout", 0.0..1.0, 0.0),
            tied: section.boolean("tied", true),
            norm_epsilon: section.number("norm_epsilon", (Bound::Excluded(0.0), Bound::Unbounded), 1e-5),
        };
        config.check(section);
        config
    }

    fn check(&self, section: &Section<'_>) {
        let Self { heads, width, .. } = *self;
        if !width.is_multiple_of(heads) {
            let message = format!("expected a divisor of model.width, which is {width}, got {heads}");
            return section.conflict(&["heads", "width"], message);
        }
        let Architecture::Llama { kv_heads, .. } = self.architecture else { return };
        if !heads.is_multiple_of(kv_heads) {
            let message = format!("expected a divisor of model.heads, which is {heads}, got {kv_heads}");
            section.conflict(&["kv_heads", "heads"], message);
        }
        if !(width / heads).is_multiple_of(2) {
            let message = format!(
                "rotary positions turn pairs: expected an even width per head, got {width} / {heads} = {}",
                width / heads
            );
            section.conflict(&["width", "heads"], message);
        }
    }

    /// The network for a vocabulary of `vocab` tokens.
    ///
    /// # Errors
    /// Sizes that no network can have.
    pub fn network(&self, vocab: usize) -> Result<Network> {
        Ok(self.model()?.describe(&self.sizes(vocab))?)
    }

    /// `config.json` for Hugging Face transformers; `end_of_text` is the id of that token.
    ///
    /// # Errors
    /// Settings that `config.json` cannot say.
    pub fn hugging_face(&self, vocab: usize, end_of_text: Option<u32>) -> Result<serde_json::Value> {
        let mut json = serde_json::Map::new();
        for setting in self.model()?.export(&self.sizes(vocab))? {
            json.insert(setting.key, value(setting.value));
        }
        for key in ["bos_token_id", "eos_token_id"] {
            json.insert(key.into(), end_of_text.into());
        }
        Ok(json.into())
    }

    fn sizes(&self, vocab: usize) -> Sizes {
        Sizes::new(small(vocab), small(self.context))
    }

    fn model(&self) -> Result<Box<dyn Model>> {
        let [layers, heads, width, hidden] = [self.layers, self.heads, self.width, self.hidden].map(small);
        let Self { dropout, tied, norm_epsilon, .. } = *self;
        Ok(match self.architecture {
            Architecture::Gpt { gelu } => {
                let gelu = if gelu == Gelu::Erf { "erf" } else { "tanh" }.to_owned();
                let defaults = trainyard_gpt2::Settings::default();
                let settings = trainyard_gpt2::Settings {
                    layers,
                    heads,
                    width,
                    hidden,
                    dropout,
                    tied,
                    norm_epsilon,
                    gelu,
                    ..defaults
                };
                Box::new(trainyard_gpt2::Gpt2::create(settings)?)
            }
            Architecture::Llama { kv_heads, rope_theta } => {
                let kv_heads = small(kv_heads);
                let defaults = trainyard_llama::Settings::default();
                let settings = trainyard_llama::Settings {
                    layers,
                    heads,
                    width,
                    hidden,
                    dropout,
                    tied,
                    norm_epsilon,
                    kv_heads,
                    rope_theta,
                    ..defaults
                };
                Box::new(trainyard_llama::Llama::create(settings)?)
            }
        })
    }
}

fn small(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn value(value: trainyard_plugin::Value) -> serde_json::Value {
    use trainyard_plugin::Value;
    match value {
        Value::Boolean(value) => value.into(),
        Value::Integer(value) => value.into(),
        Value::Number(value) => value.into(),
        Value::Text(value) => value.into(),
        Value::Numbers(values) => values.into(),
        Value::Texts(values) => values.into(),
    }
}

impl Architecture {
    fn read(section: &mut Section<'_>, kind: Kind, heads: usize) -> Self {
        match kind {
            Kind::Gpt => {
                for key in ["kv_heads", "rope_theta"] {
                    section.misplaced(key, "belongs to kind = \"llama\", this model is \"gpt\"");
                }
                Self::Gpt { gelu: section.choice("gelu", &GELUS, Gelu::Tanh) }
            }
            Kind::Llama => {
                section.misplaced("gelu", "belongs to kind = \"gpt\", this model is \"llama\"");
                Self::Llama {
                    kv_heads: section.integer("kv_heads", 1..=SIZE_MAX, heads),
                    rope_theta: section.number("rope_theta", 1.0.., 10_000.0),
                }
            }
        }
    }
}

fn default_hidden(kind: Kind, width: usize) -> usize {
    match kind {
        Kind::Gpt => width.saturating_mul(4),
        // Three matrices of this size hold as many numbers as GPT's two.
        Kind::Llama => width.saturating_mul(8).div_ceil(3).next_multiple_of(32),
    }
}
