//! Model `t5`: T5 1.0 and 1.1, FLAN-T5 and mT5 (Raffel et al., arXiv 1910.10683): an encoder reads the source, a
//! decoder writes with a look at it; distances of positions are biases of attention. Parameters are named and shaped
//! as in transformers' `T5ForConditionalGeneration`, whose `config.json` it reads.

mod config;

use trainyard_models::{activation, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network, Value};
use trainyard_plugin::{Create, Model, PluginError, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `t5`.
    pub struct Settings {
        /// number of blocks of the encoder, 1 to 10000
        layers: u32 = 4u32,
        /// number of blocks of the decoder; 0 is layers
        decoder_layers: u32 = 0u32,
        /// attention heads per block
        heads: u32 = 4u32,
        /// size of a token's vector
        width: u32 = 256u32,
        /// size of a head; 0 is width / heads
        head_width: u32 = 0u32,
        /// size of the network's activated vector; 0 is 4 times width
        hidden: u32 = 0u32,
        /// buckets of distances, an even number from 4 on
        buckets: u32 = 32u32,
        /// distance from which on all are in one bucket
        max_distance: u32 = 128u32,
        /// activation of the network, as config.json names it; behind gated- the network has a gate
        feed_forward: String = "relu",
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// whether the output layer is the token embedding, on hidden states times 1 / √width
        tied: bool = true,
        /// added to a norm's mean square
        norm_epsilon: f64 = 1e-6,
        /// id that the decoder begins with, for config.json
        start_token: u32 = 0u32,
        /// id of padding, for config.json
        pad_token: u32 = 0u32,
    }
}

/// The model.
pub struct T5 {
    settings: Settings,
    /// Name of the activation.
    activation: String,
    gated: bool,
}

impl Create for T5 {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { layers, heads, width, head_width, buckets, max_distance, norm_epsilon, .. } = settings;
        ranges::layers("layers", layers)?;
        ranges::layers("decoder_layers", settings.decoder_layers())?;
        ranges::sizes(&[("heads", heads), ("width", width), ("buckets", buckets), ("max_distance", max_distance)])?;
        ranges::optional_sizes(&[("hidden", settings.hidden), ("head_width", head_width)])?;
        if head_width == 0 {
            ranges::divides("heads", heads, "width", width)?;
        }
        ranges::heads(heads, settings.head_width())?;
        if buckets < 4 || buckets % 2 != 0 || max_distance <= buckets / 2 {
            let message = format!("buckets: expected an even number from 4 to 2 · max_distance, got {buckets}");
            return Err(PluginError::config(message));
        }
        ranges::rates(&[("dropout", settings.dropout)])?;
        ranges::positive(&[("norm_epsilon", norm_epsilon)])?;
        let (gated, name) = match settings.feed_forward.strip_prefix("gated-") {
            Some(name) => (true, name),
            None => (false, settings.feed_forward.as_str()),
        };
        ranges::one_of("feed_forward", name, activation::NAMES)?;
        // transformers means the approximation here
        let name = if gated && name == "gelu" { "gelu_new" } else { name };
        Ok(Self { activation: name.to_owned(), gated, settings })
    }
}

impl Settings {
    fn decoder_layers(&self) -> u32 {
        if self.decoder_layers == 0 { self.layers } else { self.decoder_layers }
    }

    fn head_width(&self) -> u32 {
        if self.head_width == 0 { self.width / self.heads } else { self.head_width }
    }

    fn hidden(&self) -> u32 {
        if self.hidden == 0 { self.width.saturating_mul(4) } else { self.hidden }
    }
}

/// A linear layer whose weight begins normal with deviation 1 / √`fan`.
fn linear(fan: f64) -> Linear {
    Linear::PLAIN.init(Init::Normal(fan.powf(-0.5)))
}

impl T5 {
    /// `x` + attention `part` of its norm to `memory`, or to itself.
    fn attend<'g>(
        &self,
        g: &'g Net,
        [norm, part]: [&str; 2],
        x: Value<'g>,
        memory: Option<Value<'g>>,
        options: Attention<'g>,
    ) -> Value<'g> {
        let Settings { heads, width, dropout, norm_epsilon, .. } = self.settings;
        let (columns, wide) = (heads * self.settings.head_width(), f64::from(width));
        let h = g.rms_norm(norm, x, norm_epsilon);
        let memory = memory.unwrap_or(h);
        let q = g.linear(&format!("{part}.q"), h, columns, linear(wide * f64::from(self.settings.head_width())));
        let k = g.linear(&format!("{part}.k"), memory, columns, linear(wide));
        let v = g.linear(&format!("{part}.v"), memory, columns, linear(wide));
        let h = q.attend(k, v, &Attention { scale: Some(1.0), dropout, ..options });
        x + g.linear(&format!("{part}.o"), h, width, linear(columns.into())).dropout(dropout)
    }

    /// `x` + network `layer` of its norm.
    fn feed_forward<'g>(&self, g: &'g Net, layer: &str, x: Value<'g>) -> Value<'g> {
        let Settings { width, dropout, norm_epsilon, .. } = self.settings;
        let (hidden, linear_in) = (self.settings.hidden(), linear(width.into()));
        let h = g.rms_norm(&format!("{layer}.layer_norm"), x, norm_epsilon);
        let project = |name: &str| g.linear(&format!("{layer}.DenseReluDense.{name}"), h, hidden, linear_in);
        let h = match self.gated {
            true => activation::apply(&self.activation, project("wi_0")) * project("wi_1"),
            false => activation::apply(&self.activation, project("wi")),
        };
        let name = format!("{layer}.DenseReluDense.wo");
        x + g.linear(&name, h.dropout(dropout), width, linear(hidden.into())).dropout(dropout)
    }
}

impl Model for T5 {
    /// Initialisation as T5: normal, tokens with deviation 1, matrices with 1 / √(what they read), norms 1.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { layers, heads, width, buckets, max_distance, dropout, norm_epsilon, tied, .. } = self.settings;
        let g = Net::new();
        let shape = [sizes.vocab, width];
        let embed = |ids| g.embedding_with("shared", ids, shape, 0, Init::Normal(1.0)).dropout(dropout);
        let distances = |stack: &str, both| {
            let name = format!("{stack}.block.0.layer.0.SelfAttention.relative_attention_bias");
            Some(g.relative_bias(&name, heads, buckets, max_distance, both))
        };
        let of_self = ["layer.0.layer_norm", "layer.0.SelfAttention"];
        let mut source = embed(g.source_ids());
        let full = Attention { bias: distances("encoder", true), ..Attention::full(heads) };
        for layer in 0..layers {
            source = g.block(&format!("encoder.block.{layer}"), || {
                let x = self.attend(&g, of_self, source, None, full);
                self.feed_forward(&g, "layer.1", x)
            });
        }
        let source = g.rms_norm("encoder.final_layer_norm", source, norm_epsilon).dropout(dropout);
        let mut x = embed(g.ids());
        let causal = Attention { bias: distances("decoder", false), ..Attention::causal(heads) };
        for layer in 0..self.settings.decoder_layers() {
            x = g.block(&format!("decoder.block.{layer}"), || {
                let x = self.attend(&g, of_self, x, None, causal);
                let of_source = ["layer.1.layer_norm", "layer.1.EncDecAttention"];
                let x = self.attend(&g, of_source, x, Some(source), Attention::full(heads));
                self.feed_forward(&g, "layer.2", x)
            });
        }
        let x = g.rms_norm("decoder.final_layer_norm", x, norm_epsilon).dropout(dropout);
        g.head(
            "logits",
            match tied {
                true => g.tied("shared", x.scale(f64::from(width).powf(-0.5))),
                false => g.linear("lm_head", x, sizes.vocab, Linear::PLAIN.init(Init::Normal(1.0))),
            },
        );
        // the decoder's attention to the source has a table in old files, and none uses it
        g.ignore(&["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]);
        g.ignore(&["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"]);
        if tied {
            g.ignore(&["lm_head.weight"]);
        }
        g.network()
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        config::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        config::export(&self.settings, sizes)
    }
}

export!(model "t5" = T5, abilities = ["hf:t5", "hf:mt5"]);
