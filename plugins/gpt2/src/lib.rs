//! Model `gpt2`: GPT-2 (Radford et al. 2019), with learned positions, layer norms before each part, GELU and biases
//! everywhere. Parameters are named and shaped as in transformers' `GPT2LMHeadModel`, whose `config.json` it reads.

mod config;

use trainyard_models::{names, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `gpt2`.
    pub struct Settings {
        /// number of blocks, 1 to 10000
        layers: u32 = 4u32,
        /// attention heads per block; divides width
        heads: u32 = 4u32,
        /// size of a token's vector
        width: u32 = 256u32,
        /// size of the network's activated vector; 0 is 4 times width
        hidden: u32 = 0u32,
        /// positions that the model has; 0 is the context of the run
        context: u32 = 0u32,
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// the same of the sum of embeddings; -1 is dropout
        embedding_dropout: f64 = -1.0,
        /// the same of attention's probabilities; -1 is dropout
        attention_dropout: f64 = -1.0,
        /// whether the output layer is the token embedding
        tied: bool = true,
        /// added to a norm's variance
        norm_epsilon: f64 = 1e-5,
        /// form of the GELU: tanh or erf
        gelu: String = "tanh",
    }
}

/// The model.
pub struct Gpt2(Settings);

impl Create for Gpt2 {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { layers, heads, width, hidden, context, dropout, norm_epsilon, .. } = settings;
        ranges::layers("layers", layers)?;
        ranges::sizes(&[("heads", heads), ("width", width)])?;
        ranges::optional_sizes(&[("hidden", hidden), ("context", context)])?;
        ranges::divides("heads", heads, "width", width)?;
        ranges::rates(&[("dropout", dropout)])?;
        ranges::optional_rate("embedding_dropout", settings.embedding_dropout)?;
        ranges::optional_rate("attention_dropout", settings.attention_dropout)?;
        ranges::positive(&[("norm_epsilon", norm_epsilon)])?;
        ranges::one_of("gelu", &settings.gelu, &["tanh", "erf"])?;
        Ok(Self(settings))
    }
}

impl Settings {
    fn hidden(&self) -> u32 {
        if self.hidden == 0 { self.width.saturating_mul(4) } else { self.hidden }
    }
}

impl Model for Gpt2 {
    /// Initialisation as GPT-2: normal with deviation 0.02, projections onto the residual stream with
    /// 0.02 / √(2 · layers), biases 0, norms 1.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { layers, heads, width, dropout, norm_epsilon, .. } = self.0;
        let hidden = self.0.hidden();
        let positions = ranges::positions(self.0.context, sizes.context)?;
        let attention_dropout = ranges::rate_or(self.0.attention_dropout, dropout);
        let attention = Attention { dropout: attention_dropout, ..Attention::causal(heads) };
        let linear = Linear::BIAS.in_out();
        let residual = linear.init(Init::Normal(0.02 / (2.0 * f64::from(layers)).sqrt()));
        let g = Net::new();
        let tokens = g.embedding("transformer.wte", g.ids(), sizes.vocab, width);
        let positions = g.embedding("transformer.wpe", g.positions(), positions, width);
        let mut x = (tokens + positions).dropout(ranges::rate_or(self.0.embedding_dropout, dropout));
        for layer in 0..layers {
            x = g.block(&format!("transformer.h.{layer}"), || {
                let h = g.layer_norm("ln_1", x, norm_epsilon);
                let qkv = g.linear("attn.c_attn", h, 3 * width, linear);
                let [q, k, v] = [0, 1, 2].map(|part| qkv.slice(part * width, width));
                let h = q.attend(k, v, &attention);
                let x = x + g.linear("attn.c_proj", h, width, residual).dropout(dropout);
                let h = g.layer_norm("ln_2", x, norm_epsilon);
                let h = g.linear("mlp.c_fc", h, hidden, linear);
                let h = if self.0.gelu == "erf" { h.gelu() } else { h.gelu_tanh() };
                x + g.linear("mlp.c_proj", h, width, residual).dropout(dropout)
            });
        }
        let x = g.layer_norm("transformer.ln_f", x, norm_epsilon);
        g.head(
            "logits",
            match self.0.tied {
                true => g.tied("transformer.wte", x),
                false => g.linear("lm_head", x, sizes.vocab, Linear::PLAIN),
            },
        );
        // masks, and the head of a tied model that was stored all the same
        g.ignore(&["*.attn.bias", "*.attn.masked_bias"]);
        if self.0.tied {
            g.ignore(&["lm_head.weight"]);
        }
        let mut network = g.network()?;
        names::without_prefix(&mut network, "transformer.");
        Ok(network)
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        config::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        config::export(&self.0, sizes)
    }
}

export!(model "gpt2" = Gpt2, abilities = ["hf:gpt2"]);
