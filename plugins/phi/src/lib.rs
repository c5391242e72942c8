//! Model `phi`: Phi 1 to 2 (arXiv 2306.11644), whose attention and network read the same norm side by side, and whose
//! heads are turned in part. Parameters are named and shaped as in transformers' `PhiForCausalLM`, whose `config.json`
//! it reads.

mod config;

use trainyard_models::{Scaling, activation, layers as parts, names, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network, Rotary};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `phi`.
    pub struct Settings {
        /// number of blocks, 1 to 10000
        layers: u32 = 4u32,
        /// attention heads per block; divides width
        heads: u32 = 4u32,
        /// heads of keys and values, a divisor of heads; 0 is heads
        kv_heads: u32 = 0u32,
        /// size of a token's vector
        width: u32 = 256u32,
        /// size of the network's activated vector; 0 is 4 times width
        hidden: u32 = 0u32,
        /// positions that the model has; 0 is the context of the run
        context: u32 = 0u32,
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// the same of the embeddings; -1 is dropout
        embedding_dropout: f64 = -1.0,
        /// the same of attention's probabilities; -1 is dropout
        attention_dropout: f64 = -1.0,
        /// whether the output layer is the token embedding
        tied: bool = false,
        /// added to a norm's variance
        norm_epsilon: f64 = 1e-5,
        /// base of the rotary angles
        rope_theta: f64 = 10000.0,
        /// scaling of the rotary angles as in config.json, such as "linear factor=2"; nothing is none
        rope_scaling: String = "",
        /// share of a head that is turned, above 0 and at most 1
        rotary_share: f64 = 0.5,
        /// whether queries and keys are normalised head by head
        head_norms: bool = false,
        /// activation of the network, as config.json names it
        activation: String = "gelu_new",
    }
}

/// The model.
pub struct Phi {
    settings: Settings,
    scaling: Scaling,
}

impl Create for Phi {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { heads, width, norm_epsilon, rope_theta, .. } = settings;
        ranges::layers("layers", settings.layers)?;
        ranges::sizes(&[("heads", heads), ("width", width)])?;
        ranges::optional_sizes(&[("hidden", settings.hidden), ("context", settings.context)])?;
        ranges::divides("heads", heads, "width", width)?;
        ranges::divides("kv_heads", settings.kv_heads(), "heads", heads)?;
        ranges::rotary_share(settings.rotary_share, width / heads)?;
        ranges::rates(&[("dropout", settings.dropout)])?;
        ranges::optional_rate("embedding_dropout", settings.embedding_dropout)?;
        ranges::optional_rate("attention_dropout", settings.attention_dropout)?;
        ranges::positive(&[("norm_epsilon", norm_epsilon), ("rope_theta", rope_theta)])?;
        ranges::one_of("activation", &settings.activation, activation::NAMES)?;
        Ok(Self { scaling: settings.rope_scaling.parse()?, settings })
    }
}

impl Settings {
    fn kv_heads(&self) -> u32 {
        if self.kv_heads == 0 { self.heads } else { self.kv_heads }
    }

    fn hidden(&self) -> u32 {
        if self.hidden == 0 { self.width.saturating_mul(4) } else { self.hidden }
    }
}

impl Model for Phi {
    /// Initialisation as `gpt2`.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { layers, heads, width, dropout, norm_epsilon, head_norms, .. } = self.settings;
        let (kv_heads, d, hidden) = (self.settings.kv_heads(), width / heads, self.settings.hidden());
        let positions = ranges::positions(self.settings.context, sizes.context)?;
        let turned = ranges::rotary_share(self.settings.rotary_share, d)?;
        let rotary = Rotary::new(d, self.settings.rope_theta).partial(turned);
        let rotary = self.scaling.apply(rotary, positions, sizes.context)?;
        let attention_dropout = ranges::rate_or(self.settings.attention_dropout, dropout);
        let attention = Attention { kv_heads, dropout: attention_dropout, ..Attention::causal(heads) };
        let residual = Linear::BIAS.init(Init::Normal(0.02 / (2.0 * f64::from(layers)).sqrt()));
        let g = Net::new();
        let x = g.embedding("model.embed_tokens", g.ids(), sizes.vocab, width);
        let mut x = x.dropout(ranges::rate_or(self.settings.embedding_dropout, dropout));
        for layer in 0..layers {
            x = g.block(&format!("model.layers.{layer}"), || {
                let h = g.layer_norm("input_layernorm", x, norm_epsilon);
                let q = g.linear("self_attn.q_proj", h, width, Linear::BIAS);
                let k = g.linear("self_attn.k_proj", h, kv_heads * d, Linear::BIAS);
                let v = g.linear("self_attn.v_proj", h, kv_heads * d, Linear::BIAS);
                let norm = |name, x| if head_norms { parts::head_norm(&g, name, x, norm_epsilon, d) } else { x };
                let (q, k) = (norm("self_attn.q_layernorm", q), norm("self_attn.k_layernorm", k));
                let a = q.rotary(&rotary).attend(k.rotary(&rotary), v, &attention);
                let a = g.linear("self_attn.dense", a, width, residual).dropout(dropout);
                let h = activation::apply(&self.settings.activation, g.linear("mlp.fc1", h, hidden, Linear::BIAS));
                x + a + g.linear("mlp.fc2", h, width, residual).dropout(dropout)
            });
        }
        let x = g.layer_norm("model.final_layernorm", x, norm_epsilon);
        g.head(
            "logits",
            match self.settings.tied {
                true => parts::tied_head(&g, "model.embed_tokens.weight", "lm_head.bias", x, sizes.vocab),
                false => g.linear("lm_head", x, sizes.vocab, Linear::BIAS),
            },
        );
        g.ignore(&["*.rotary_emb.inv_freq"]);
        if self.settings.tied {
            g.ignore(&["lm_head.weight"]);
        }
        let mut network = g.network()?;
        names::without_prefix(&mut network, "model.");
        Ok(network)
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        config::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        config::export(&self.settings, &self.scaling, sizes)
    }
}

export!(model "phi" = Phi, abilities = ["hf:phi"]);
