//! Model `mistral`: Mistral (Jiang et al., arXiv 2310.06825), a Llama whose positions may attend to a window of those
//! before them. Parameters are named and shaped as in transformers' `MistralForCausalLM`, whose `config.json` it reads.

mod config;

use trainyard_models::{Scaling, activation, names, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network, Rotary, Span};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `mistral`.
    pub struct Settings {
        /// number of blocks, 1 to 10000
        layers: u32 = 4u32,
        /// attention heads per block
        heads: u32 = 4u32,
        /// heads of keys and values, a divisor of heads; 0 is heads
        kv_heads: u32 = 0u32,
        /// size of a token's vector
        width: u32 = 256u32,
        /// size of a head; 0 is width / heads
        head_width: u32 = 0u32,
        /// size of the network's activated vector; 0 is 8/3 of width, rounded up to a multiple of 32
        hidden: u32 = 0u32,
        /// positions that the model has; 0 is the context of the run
        context: u32 = 0u32,
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// the same of attention's probabilities; -1 is dropout
        attention_dropout: f64 = -1.0,
        /// whether the output layer is the token embedding
        tied: bool = true,
        /// added to a norm's mean square
        norm_epsilon: f64 = 1e-5,
        /// base of the rotary angles
        rope_theta: f64 = 10000.0,
        /// scaling of the rotary angles as in config.json, such as "linear factor=2"; nothing is none
        rope_scaling: String = "",
        /// positions that a position attends to, itself among them; 0 is all before it
        window: u32 = 0u32,
        /// activation of the network's gate, as config.json names it
        activation: String = "silu",
    }
}

/// The model.
pub struct Mistral {
    settings: Settings,
    scaling: Scaling,
}

impl Create for Mistral {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { heads, width, norm_epsilon, rope_theta, .. } = settings;
        ranges::layers("layers", settings.layers)?;
        ranges::sizes(&[("heads", heads), ("width", width)])?;
        let optional = [("hidden", settings.hidden), ("context", settings.context), ("window", settings.window)];
        ranges::optional_sizes(&[("head_width", settings.head_width)])?;
        ranges::optional_sizes(&optional)?;
        if settings.head_width == 0 {
            ranges::divides("heads", heads, "width", width)?;
        }
        ranges::divides("kv_heads", settings.kv_heads(), "heads", heads)?;
        ranges::even_head(settings.head_width())?;
        ranges::heads(heads, settings.head_width())?;
        ranges::rates(&[("dropout", settings.dropout)])?;
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

    fn head_width(&self) -> u32 {
        if self.head_width == 0 { self.width / self.heads } else { self.head_width }
    }

    /// Three matrices of the default size hold as many numbers as GPT-2's two.
    fn hidden(&self) -> u32 {
        if self.hidden == 0 { (self.width * 8).div_ceil(3).next_multiple_of(32) } else { self.hidden }
    }
}

impl Model for Mistral {
    /// Initialisation as `gpt2`: normal with deviation 0.02, projections onto the residual stream with
    /// 0.02 / √(2 · layers), biases 0, norms 1.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { layers, heads, width, dropout, norm_epsilon, rope_theta, .. } = self.settings;
        let (kv_heads, d, hidden) = (self.settings.kv_heads(), self.settings.head_width(), self.settings.hidden());
        let positions = ranges::positions(self.settings.context, sizes.context)?;
        let rotary = self.scaling.apply(Rotary::new(d, rope_theta), positions, sizes.context)?;
        let attention_dropout = ranges::rate_or(self.settings.attention_dropout, dropout);
        let span = match self.settings.window {
            0 => Span::Causal,
            // its config.json always has a window; one over all positions is none
            window if window >= positions => Span::Causal,
            window => Span::Window(window),
        };
        let attention = Attention { kv_heads, span, dropout: attention_dropout, ..Attention::causal(heads) };
        let residual = Linear::PLAIN.init(Init::Normal(0.02 / (2.0 * f64::from(layers)).sqrt()));
        let g = Net::new();
        let mut x = g.embedding("model.embed_tokens", g.ids(), sizes.vocab, width).dropout(dropout);
        for layer in 0..layers {
            x = g.block(&format!("model.layers.{layer}"), || {
                let h = g.rms_norm("input_layernorm", x, norm_epsilon);
                let q = g.linear("self_attn.q_proj", h, heads * d, Linear::PLAIN).rotary(&rotary);
                let k = g.linear("self_attn.k_proj", h, kv_heads * d, Linear::PLAIN).rotary(&rotary);
                let v = g.linear("self_attn.v_proj", h, kv_heads * d, Linear::PLAIN);
                let h = q.attend(k, v, &attention);
                let x = x + g.linear("self_attn.o_proj", h, width, residual).dropout(dropout);
                let h = g.rms_norm("post_attention_layernorm", x, norm_epsilon);
                let gate =
                    activation::apply(&self.settings.activation, g.linear("mlp.gate_proj", h, hidden, Linear::PLAIN));
                let h = gate * g.linear("mlp.up_proj", h, hidden, Linear::PLAIN);
                x + g.linear("mlp.down_proj", h, width, residual).dropout(dropout)
            });
        }
        let x = g.rms_norm("model.norm", x, norm_epsilon);
        g.head(
            "logits",
            match self.settings.tied {
                true => g.tied("model.embed_tokens", x),
                false => g.linear("lm_head", x, sizes.vocab, Linear::PLAIN),
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

export!(model "mistral" = Mistral, abilities = ["hf:mistral"]);
