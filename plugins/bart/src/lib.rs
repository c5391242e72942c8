//! Model `bart`: BART (Lewis et al., arXiv 1910.13461): an encoder reads the source, a decoder writes with a look at
//! it; norms after each part and learned positions, the first of which has row 2 of their table. Parameters are named
//! and shaped as in transformers' `BartForConditionalGeneration`, whose `config.json` it reads.

mod config;

use trainyard_models::{activation, layers as parts, names, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network, Value};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `bart`.
    pub struct Settings {
        /// number of blocks of the encoder, 1 to 10000
        layers: u32 = 4u32,
        /// number of blocks of the decoder; 0 is layers
        decoder_layers: u32 = 0u32,
        /// attention heads per block of the encoder; divides width
        heads: u32 = 4u32,
        /// attention heads per block of the decoder; 0 is heads
        decoder_heads: u32 = 0u32,
        /// size of a token's vector
        width: u32 = 256u32,
        /// size of the encoder's activated vectors; 0 is 4 times width
        hidden: u32 = 0u32,
        /// size of the decoder's activated vectors; 0 is hidden
        decoder_hidden: u32 = 0u32,
        /// positions that the model has; 0 is the context of the run
        context: u32 = 0u32,
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// the same of attention's probabilities; -1 is dropout
        attention_dropout: f64 = -1.0,
        /// the same of activated vectors
        activation_dropout: f64 = 0.0,
        /// whether token embeddings are multiplied by √width
        scale_embedding: bool = false,
        /// whether the output layer is the token embedding
        tied: bool = true,
        /// activation of the networks, as config.json names it
        activation: String = "gelu",
        /// id that the decoder begins with, for config.json
        start_token: u32 = 2u32,
        /// id of padding, for config.json
        pad_token: u32 = 1u32,
    }
}

/// Row of the position table that the first position has.
const FIRST_POSITION: u32 = 2;
const EPSILON: f64 = 1e-5;

/// The model.
pub struct Bart(Settings);

impl Create for Bart {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { layers, heads, width, dropout, activation_dropout, .. } = settings;
        ranges::layers("layers", layers)?;
        ranges::layers("decoder_layers", settings.decoder_layers())?;
        ranges::sizes(&[("heads", heads), ("width", width)])?;
        let optional = [("hidden", settings.hidden), ("decoder_hidden", settings.decoder_hidden)];
        ranges::optional_sizes(&[optional[0], optional[1], ("context", settings.context)])?;
        ranges::divides("heads", heads, "width", width)?;
        ranges::divides("decoder_heads", settings.decoder_heads(), "width", width)?;
        ranges::rates(&[("dropout", dropout), ("activation_dropout", activation_dropout)])?;
        ranges::optional_rate("attention_dropout", settings.attention_dropout)?;
        ranges::one_of("activation", &settings.activation, activation::NAMES)?;
        Ok(Self(settings))
    }
}

impl Settings {
    fn decoder_layers(&self) -> u32 {
        if self.decoder_layers == 0 { self.layers } else { self.decoder_layers }
    }

    fn decoder_heads(&self) -> u32 {
        if self.decoder_heads == 0 { self.heads } else { self.decoder_heads }
    }

    fn hidden(&self) -> u32 {
        if self.hidden == 0 { self.width.saturating_mul(4) } else { self.hidden }
    }

    fn decoder_hidden(&self) -> u32 {
        if self.decoder_hidden == 0 { self.hidden() } else { self.decoder_hidden }
    }
}

impl Bart {
    /// Tokens and positions, normalised, before the blocks of `stack`.
    fn embed<'g>(&self, g: &'g Net, stack: &str, [ids, index]: [Value<'g>; 2], [vocab, n]: [u32; 2]) -> Value<'g> {
        let Settings { width, dropout, scale_embedding, .. } = self.0;
        let tokens = g.embedding("model.shared", ids, vocab, width);
        let tokens = if scale_embedding { tokens.scale(f64::from(width).sqrt()) } else { tokens };
        let (name, shape) = (format!("{stack}.embed_positions"), [n + FIRST_POSITION, width]);
        let positions = g.embedding_with(&name, index, shape, FIRST_POSITION, Init::Normal(0.02));
        g.layer_norm(&format!("{stack}.layernorm_embedding"), tokens + positions, EPSILON).dropout(dropout)
    }

    /// Norm of `x` + attention `part` to `memory`.
    fn attend<'g>(&self, g: &'g Net, part: &str, [x, memory]: [Value<'g>; 2], of: Attention<'g>) -> Value<'g> {
        let Settings { width, dropout, .. } = self.0;
        let linear = |name: &str, x| g.linear(&format!("{part}.{name}"), x, width, Linear::BIAS);
        let attention = Attention { dropout: ranges::rate_or(self.0.attention_dropout, dropout), ..of };
        let h = linear("q_proj", x).attend(linear("k_proj", memory), linear("v_proj", memory), &attention);
        g.layer_norm(&format!("{part}_layer_norm"), x + linear("out_proj", h).dropout(dropout), EPSILON)
    }

    /// Norm of `x` + network.
    fn feed_forward<'g>(&self, g: &'g Net, x: Value<'g>, hidden: u32) -> Value<'g> {
        let h = activation::apply(&self.0.activation, g.linear("fc1", x, hidden, Linear::BIAS));
        let h = g.linear("fc2", h.dropout(self.0.activation_dropout), self.0.width, Linear::BIAS);
        g.layer_norm("final_layer_norm", x + h.dropout(self.0.dropout), EPSILON)
    }
}

impl Model for Bart {
    /// Initialisation as BART: normal with deviation 0.02, biases 0, norms 1.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let [heads, decoder_heads] = [self.0.heads, self.0.decoder_heads()];
        let tables = [sizes.vocab, ranges::positions(self.0.context, sizes.context)?];
        let g = Net::new();
        let mut source = self.embed(&g, "model.encoder", [g.source_ids(), g.source_positions()], tables);
        for layer in 0..self.0.layers {
            source = g.block(&format!("model.encoder.layers.{layer}"), || {
                let x = self.attend(&g, "self_attn", [source, source], Attention::full(heads));
                self.feed_forward(&g, x, self.0.hidden())
            });
        }
        let mut x = self.embed(&g, "model.decoder", [g.ids(), g.positions()], tables);
        for layer in 0..self.0.decoder_layers() {
            x = g.block(&format!("model.decoder.layers.{layer}"), || {
                let x = self.attend(&g, "self_attn", [x, x], Attention::causal(decoder_heads));
                let x = self.attend(&g, "encoder_attn", [x, source], Attention::full(decoder_heads));
                self.feed_forward(&g, x, self.0.decoder_hidden())
            });
        }
        let table = if self.0.tied { "model.shared.weight" } else { "lm_head.weight" };
        let bias = ("final_logits_bias", &[1, sizes.vocab][..]);
        g.head("logits", parts::tied_head_with(&g, table, bias, x, sizes.vocab));
        g.ignore(&["model.*coder.embed_tokens.weight", "model.*coder.version", "*coder.embed_tokens.weight"]);
        if self.0.tied {
            g.ignore(&["lm_head.weight"]);
        }
        let mut network = g.network()?;
        // a row of its own, which is no matrix
        network.parameters.iter_mut().filter(|p| p.name == "final_logits_bias").for_each(|p| p.decay = false);
        names::without_prefix(&mut network, "model.");
        Ok(network)
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        config::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        config::export(&self.0, sizes)
    }
}

export!(model "bart" = Bart, abilities = ["hf:bart"]);
