//! `[model]` with the key `kind`: the spelling from before models were plugins. It means a built-in with settings.

use crate::plugin::PluginConfig;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::ops::Bound;

/// `[model]`: the network: a plugin with its settings, or with `kind` one of two built-in networks.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct KindConfig {
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
pub(super) const SIZE_MAX: i64 = 1 << 24;
/// The same of blocks, each of which takes some kilobytes before it has a number.
const LAYERS_MAX: i64 = 10_000;

/// Largest width in predictions of memory, and most numbers of one parameter of its network.
const WIDTH_MAX: usize = 1 << 18;
const ELEMENTS_MAX: usize = 1 << 38;

const KINDS: [(&str, Kind); 2] = [("gpt", Kind::Gpt), ("llama", Kind::Llama)];
const GELUS: [(&str, Gelu); 2] = [("tanh", Gelu::Tanh), ("erf", Gelu::Erf)];

impl KindConfig {
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

    /// The built-in that this is, with its settings.
    pub(super) fn plugin(&self) -> PluginConfig {
        let mut settings = toml::Table::new();
        for (key, size) in
            [("layers", self.layers), ("heads", self.heads), ("width", self.width), ("hidden", self.hidden)]
        {
            settings.insert(key.into(), integer(size));
        }
        settings.insert("dropout".into(), self.dropout.into());
        settings.insert("tied".into(), self.tied.into());
        settings.insert("norm_epsilon".into(), self.norm_epsilon.into());
        let name = match self.architecture {
            Architecture::Gpt { gelu } => {
                settings.insert("gelu".into(), if gelu == Gelu::Erf { "erf" } else { "tanh" }.into());
                "gpt2"
            }
            Architecture::Llama { kv_heads, rope_theta } => {
                settings.insert("kv_heads".into(), integer(kv_heads));
                settings.insert("rope_theta".into(), rope_theta.into());
                "llama"
            }
        };
        PluginConfig { config: settings, ..PluginConfig::new(name) }
    }

    /// The model with sizes whose products can be computed. Larger ones need more memory than there is in any case.
    pub(super) fn bounded(&self) -> Self {
        let width = self.width.min(WIDTH_MAX);
        let within = |size: usize| size.min(ELEMENTS_MAX / width);
        let mut bounded = Self { width, hidden: within(self.hidden), context: within(self.context), ..self.clone() };
        if width < self.width {
            bounded.set_width(width);
        }
        bounded
    }

    /// Sets a size by its key in the config. Another width keeps the number of heads if that is possible.
    pub(super) fn set(&mut self, key: &str, value: usize) {
        match key {
            "layers" => self.layers = value,
            "hidden" => self.hidden = value,
            "width" => {
                // the proportions of the network stay
                self.hidden = (self.hidden as f64 * value as f64 / self.width as f64).ceil() as usize;
                self.set_width(value);
            }
            _ => {}
        }
    }

    fn set_width(&mut self, width: usize) {
        self.width = width;
        if !width.is_multiple_of(self.heads) || !(width / self.heads).is_multiple_of(2) {
            self.heads = 1;
            if let Architecture::Llama { kv_heads, .. } = &mut self.architecture {
                *kv_heads = 1;
            }
        }
    }
}

fn integer(size: usize) -> toml::Value {
    i64::try_from(size).unwrap_or(i64::MAX).into()
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
