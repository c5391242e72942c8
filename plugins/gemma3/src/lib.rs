//! Model `gemma3`: Gemma 3 (arXiv 2503.19786), the part that reads text: as Gemma 2 with norms of queries and keys
//! instead of bounds, and rotary bases of their own for layers with a window. Parameters are named and shaped as in
//! transformers' `Gemma3ForCausalLM`, whose `config.json` it reads; norms multiply by 1 + weight.

mod config;

use trainyard_models::{Scaling, activation, kinds, names, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network, Rotary, Span};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `gemma3`.
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
        /// positions that a position attends to in layers with a window, itself among them
        window: u32 = 128u32,
        /// for each layer full_attention or sliding_attention; nothing is a window in all but every sixth
        layer_types: Vec<String> = [],
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// the same of attention's probabilities; -1 is dropout
        attention_dropout: f64 = -1.0,
        /// whether the output layer is the token embedding
        tied: bool = true,
        /// added to a norm's mean square
        norm_epsilon: f64 = 1e-6,
        /// base of the rotary angles in layers without a window
        rope_theta: f64 = 1000000.0,
        /// scaling of these angles as in config.json, such as "linear factor=8"; nothing is none
        rope_scaling: String = "",
        /// base of the rotary angles in layers with a window
        window_rope_theta: f64 = 10000.0,
        /// scaling of these angles
        window_rope_scaling: String = "",
        /// what scores are multiplied by is 1 / √ of this number; 0 is the size of a head
        score_scalar: f64 = 0.0,
        /// bound of logits, cap · tanh(logit / cap); 0 is none
        logit_cap: f64 = 0.0,
        /// whether the projections of attention have biases
        attention_bias: bool = false,
        /// activation of the network's gate, as config.json names it
        activation: String = "gelu_pytorch_tanh",
    }
}

/// The model.
pub struct Gemma3 {
    settings: Settings,
    /// Scalings of layers without a window and with one.
    scalings: [Scaling; 2],
    /// Whether each layer attends to a window.
    windows: Vec<bool>,
}

impl Create for Gemma3 {
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
        ranges::positive(&[("window_rope_theta", settings.window_rope_theta)])?;
        ranges::one_of("activation", &settings.activation, activation::NAMES)?;
        let or_none = [("score_scalar", settings.score_scalar), ("logit_cap", settings.logit_cap)];
        or_none.iter().filter(|(_, value)| *value != 0.0).try_for_each(|pair| ranges::positive(&[*pair]))?;
        let windows = kinds::windows(&settings.layer_types, settings.layers, |layer| (layer + 1) % 6 != 0)?;
        if windows.contains(&true) {
            ranges::sizes(&[("window", window)])?;
        }
        let scalings = [settings.rope_scaling.parse()?, settings.window_rope_scaling.parse()?];
        Ok(Self { scalings, windows, settings })
    }
}

impl Settings {
    fn kv_heads(&self) -> u32 {
        if self.kv_heads == 0 { self.heads } else { self.kv_heads }
    }

    fn head_width(&self) -> u32 {
        if self.head_width == 0 { self.width / self.heads } else { self.head_width }
    }

    fn score_scalar(&self) -> f64 {
        if self.score_scalar == 0.0 { self.head_width().into() } else { self.score_scalar }
    }

    fn hidden(&self) -> u32 {
        if self.hidden == 0 { (self.width * 8).div_ceil(3).next_multiple_of(32) } else { self.hidden }
    }
}

impl Model for Gemma3 {
    /// Initialisation as `llama`, norms 0.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { layers, heads, width, window, dropout, norm_epsilon, rope_theta, .. } = self.settings;
        let (kv_heads, d, hidden) = (self.settings.kv_heads(), self.settings.head_width(), self.settings.hidden());
        let positions = ranges::positions(self.settings.context, sizes.context)?;
        let rotary = |theta, scaling: &Scaling| scaling.apply(Rotary::new(d, theta), positions, sizes.context);
        let full_rotary = rotary(rope_theta, &self.scalings[0])?;
        let window_rotary = rotary(self.settings.window_rope_theta, &self.scalings[1])?;
        let attention_dropout = ranges::rate_or(self.settings.attention_dropout, dropout);
        let linear = Linear::biased(self.settings.attention_bias);
        let scale = Some(self.settings.score_scalar().powf(-0.5));
        let residual = Linear::PLAIN.init(Init::Normal(0.02 / (2.0 * f64::from(layers)).sqrt()));
        let g = Net::new();
        let norm = |name: &str, x| g.rms_norm_with(name, x, norm_epsilon, width, 1.0);
        let x = g.embedding("model.embed_tokens", g.ids(), sizes.vocab, width);
        // the factor is float32 in transformers, whatever the weights are
        let mut x = x.scale(f64::from(f64::from(width).sqrt() as f32)).dropout(dropout);
        for (layer, windowed) in self.windows.iter().enumerate() {
            let (span, rotary) = match windowed {
                true => (Span::Window(window), &window_rotary),
                false => (Span::Causal, &full_rotary),
            };
            let attention = Attention { kv_heads, span, scale, ..Attention::causal(heads) };
            let attention = Attention { dropout: attention_dropout, ..attention };
            x = g.block(&format!("model.layers.{layer}"), || {
                let h = norm("input_layernorm", x);
                let q = g.linear("self_attn.q_proj", h, heads * d, linear);
                let q = g.rms_norm_with("self_attn.q_norm", q, norm_epsilon, d, 1.0).rotary(rotary);
                let k = g.linear("self_attn.k_proj", h, kv_heads * d, linear);
                let k = g.rms_norm_with("self_attn.k_norm", k, norm_epsilon, d, 1.0).rotary(rotary);
                let v = g.linear("self_attn.v_proj", h, kv_heads * d, linear);
                let h = q.attend(k, v, &attention);
                let h = g.linear("self_attn.o_proj", h, width, linear.init(residual.init));
                let x = x + norm("post_attention_layernorm", h).dropout(dropout);
                let h = norm("pre_feedforward_layernorm", x);
                let gate = g.linear("mlp.gate_proj", h, hidden, Linear::PLAIN);
                let up = g.linear("mlp.up_proj", h, hidden, Linear::PLAIN);
                let h = activation::apply(&self.settings.activation, gate) * up;
                let h = g.linear("mlp.down_proj", h, width, residual);
                x + norm("post_feedforward_layernorm", h).dropout(dropout)
            });
        }
        let x = norm("model.norm", x);
        let logits = match self.settings.tied {
            true => g.tied("model.embed_tokens", x),
            false => g.linear("lm_head", x, sizes.vocab, Linear::PLAIN),
        };
        let cap = self.settings.logit_cap;
        g.head("logits", if cap > 0.0 { logits.soft_cap(cap) } else { logits });
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
        config::export(&self.settings, &self.scalings, &self.windows, sizes)
    }
}

export!(model "gemma3" = Gemma3, abilities = ["hf:gemma3_text"]);
