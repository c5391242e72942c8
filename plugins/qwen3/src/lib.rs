//! Model `qwen3`: Qwen 3 (arXiv 2505.09388), a Llama whose queries and keys are normalised head by head before they are
//! turned. Parameters are named and shaped as in transformers' `Qwen3ForCausalLM`, whose `config.json` it reads.

mod config;

use trainyard_models::{Scaling, activation, kinds, names, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network, Rotary, Span};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `qwen3`.
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
        /// positions that a position attends to in layers with a window, itself among them; 0 is no window anywhere
        window: u32 = 0u32,
        /// for each layer full_attention or sliding_attention; nothing is full_attention everywhere
        layer_types: Vec<String> = [],
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// the same of attention's probabilities; -1 is dropout
        attention_dropout: f64 = -1.0,
        /// whether the output layer is the token embedding
        tied: bool = true,
        /// added to a norm's mean square
        norm_epsilon: f64 = 1e-6,
        /// base of the rotary angles
        rope_theta: f64 = 1000000.0,
        /// scaling of the rotary angles as in config.json, such as "yarn factor=4"; nothing is none
        rope_scaling: String = "",
        /// whether the projections of attention have biases
        attention_bias: bool = false,
        /// activation of the network's gate, as config.json names it
        activation: String = "silu",
    }
}

/// The model.
pub struct Qwen3 {
    settings: Settings,
    scaling: Scaling,
    /// Whether each layer attends to a window.
    windows: Vec<bool>,
}

impl Create for Qwen3 {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { heads, width, hidden, context, window, norm_epsilon, rope_theta, .. } = settings;
        ranges::layers("layers", settings.layers)?;
        ranges::sizes(&[("heads", heads), ("width", width)])?;
        ranges::optional_sizes(&[("hidden", hidden), ("context", context), ("window", window)])?;
        ranges::optional_sizes(&[("head_width", settings.head_width)])?;
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
        let windows = kinds::windows(&settings.layer_types, settings.layers, |_| false)?;
        if windows.contains(&true) {
            ranges::sizes(&[("window", window)])?;
        }
        Ok(Self { scaling: settings.rope_scaling.parse()?, windows, settings })
    }
}

impl Settings {
    fn kv_heads(&self) -> u32 {
        if self.kv_heads == 0 { self.heads } else { self.kv_heads }
    }

    fn head_width(&self) -> u32 {
        if self.head_width == 0 { self.width / self.heads } else { self.head_width }
    }

    fn hidden(&self) -> u32 {
        if self.hidden == 0 { (self.width * 8).div_ceil(3).next_multiple_of(32) } else { self.hidden }
    }
}

impl Model for Qwen3 {
    /// Initialisation as `llama`.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { layers, heads, width, window, dropout, norm_epsilon, rope_theta, .. } = self.settings;
        let (kv_heads, d, hidden) = (self.settings.kv_heads(), self.settings.head_width(), self.settings.hidden());
        let positions = ranges::positions(self.settings.context, sizes.context)?;
        let rotary = self.scaling.apply(Rotary::new(d, rope_theta), positions, sizes.context)?;
        let attention_dropout = ranges::rate_or(self.settings.attention_dropout, dropout);
        let linear = Linear::biased(self.settings.attention_bias);
        let residual = Linear::PLAIN.init(Init::Normal(0.02 / (2.0 * f64::from(layers)).sqrt()));
        let g = Net::new();
        let mut x = g.embedding("model.embed_tokens", g.ids(), sizes.vocab, width).dropout(dropout);
        for (layer, windowed) in self.windows.iter().enumerate() {
            let span = if *windowed { Span::Window(window) } else { Span::Causal };
            let attention = Attention { kv_heads, span, dropout: attention_dropout, ..Attention::causal(heads) };
            x = g.block(&format!("model.layers.{layer}"), || {
                let h = g.rms_norm("input_layernorm", x, norm_epsilon);
                let q = g.linear("self_attn.q_proj", h, heads * d, linear);
                let q = g.rms_norm_with("self_attn.q_norm", q, norm_epsilon, d, 0.0).rotary(&rotary);
                let k = g.linear("self_attn.k_proj", h, kv_heads * d, linear);
                let k = g.rms_norm_with("self_attn.k_norm", k, norm_epsilon, d, 0.0).rotary(&rotary);
                let v = g.linear("self_attn.v_proj", h, kv_heads * d, linear);
                let h = q.attend(k, v, &attention);
                let x = x + g.linear("self_attn.o_proj", h, width, linear.init(residual.init)).dropout(dropout);
                let h = g.rms_norm("post_attention_layernorm", x, norm_epsilon);
                let gate = g.linear("mlp.gate_proj", h, hidden, Linear::PLAIN);
                let up = g.linear("mlp.up_proj", h, hidden, Linear::PLAIN);
                let h = activation::apply(&self.settings.activation, gate) * up;
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
        config::export(&self.settings, &self.scaling, &self.windows, sizes)
    }
}

export!(model "qwen3" = Qwen3, abilities = ["hf:qwen3"]);
