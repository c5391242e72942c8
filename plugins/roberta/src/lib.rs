//! Model `roberta`: RoBERTa (Liu et al., arXiv 1907.11692) and its forms for many languages (XLM-R) and French
//! (CamemBERT): BERT with positions that begin behind the id of padding, and heads of their own. Parameters are named
//! and shaped as in transformers' `RobertaFor…`, whose `config.json` it reads.

mod config;

use trainyard_models::{activation, layers as parts, names, pooling, ranges};
use trainyard_plugin::network::{Attention, Init, Linear, Net, Network, Value};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `roberta`.
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
        /// row of the position table that the first position has
        first_position: u32 = 2u32,
        /// token types
        types: u32 = 1u32,
        /// share of activations set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// the same of attention's probabilities; -1 is dropout
        attention_dropout: f64 = -1.0,
        /// the same before a classifier; -1 is dropout
        classifier_dropout: f64 = -1.0,
        /// added to a norm's variance
        norm_epsilon: f64 = 1e-5,
        /// activation of the network, as config.json names it
        activation: String = "gelu",
        /// what logits are of: mlm (masked tokens), sequence or tokens (classes), none (products with token embeddings)
        head: String = "mlm",
        /// which state the class of a sequence is told from: first, mean, last or attention (a learned mean)
        pool: String = "first",
        /// whether the output layer of mlm is the token embedding
        tied: bool = true,
        /// number of classes; 0 is that of the data
        labels: u32 = 0u32,
        /// names of the classes, for config.json
        label_names: Vec<String> = [],
    }
}

/// The model.
pub struct Roberta(Settings);

impl Create for Roberta {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { layers, heads, width, hidden, context, types, labels, norm_epsilon, .. } = settings;
        ranges::layers("layers", layers)?;
        ranges::sizes(&[("heads", heads), ("width", width), ("types", types)])?;
        ranges::optional_sizes(&[("hidden", hidden), ("context", context), ("labels", labels)])?;
        ranges::optional_sizes(&[("first_position", settings.first_position)])?;
        ranges::divides("heads", heads, "width", width)?;
        ranges::rates(&[("dropout", settings.dropout)])?;
        ranges::optional_rate("attention_dropout", settings.attention_dropout)?;
        ranges::optional_rate("classifier_dropout", settings.classifier_dropout)?;
        ranges::positive(&[("norm_epsilon", norm_epsilon)])?;
        ranges::one_of("activation", &settings.activation, activation::NAMES)?;
        ranges::one_of("head", &settings.head, &["mlm", "sequence", "tokens", "none"])?;
        ranges::one_of("pool", &settings.pool, pooling::NAMES)?;
        Ok(Self(settings))
    }
}

impl Settings {
    fn hidden(&self) -> u32 {
        if self.hidden == 0 { self.width.saturating_mul(4) } else { self.hidden }
    }
}

impl Roberta {
    /// Logits of the last hidden states `x` `[row, width]`: `[row, vocab]`, `[sequence, labels]` or `[row, labels]`.
    fn head<'g>(&self, g: &'g Net, x: Value<'g>, sizes: &Sizes) -> Result<Value<'g>> {
        let Settings { width, heads, types, labels, tied, dropout, .. } = self.0;
        let dropout = ranges::rate_or(self.0.classifier_dropout, dropout);
        let classify = |name: &str, x: Value<'g>| {
            let labels = ranges::labels(labels, sizes.labels)?;
            Ok(g.linear(name, x.dropout(dropout), labels, Linear::BIAS))
        };
        match self.0.head.as_str() {
            "mlm" => {
                let h = g.linear("lm_head.dense", x, width, Linear::BIAS).gelu();
                let h = g.layer_norm("lm_head.layer_norm", h, self.0.norm_epsilon);
                let tables = ["lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"];
                Ok(parts::tied_head(g, tables[usize::from(tied)], "lm_head.bias", h, sizes.vocab))
            }
            "sequence" => {
                let x = pooling::pool(g, "classifier", &self.0.pool, x, (heads, types)).dropout(dropout);
                classify("classifier.out_proj", g.linear("classifier.dense", x, width, Linear::BIAS).tanh())
            }
            "tokens" => classify("classifier", x),
            _ => Ok(g.tied("roberta.embeddings.word_embeddings", x)),
        }
    }
}

impl Model for Roberta {
    /// Initialisation as BERT: normal with deviation 0.02, biases 0, norms 1.
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { layers, heads, width, first_position, types, dropout, norm_epsilon, .. } = self.0;
        let hidden = self.0.hidden();
        // a host that goes by max_position_embeddings counts all rows of the table
        let rows = self.0.context > 0 && sizes.context == self.0.context + first_position;
        let context = if rows { self.0.context } else { sizes.context };
        let positions = ranges::positions(self.0.context, context)?;
        let attention_dropout = ranges::rate_or(self.0.attention_dropout, dropout);
        let attention = Attention { dropout: attention_dropout, ..Attention::full(heads) };
        let g = Net::new();
        let mut x = g.scope("roberta.embeddings", || {
            let words = g.embedding("word_embeddings", g.ids(), sizes.vocab, width);
            let types = g.embedding("token_type_embeddings", g.token_types(), types, width);
            let (shape, first) = ([positions + first_position, width], first_position);
            let init = Init::Normal(0.02);
            let positions = g.embedding_with("position_embeddings", g.positions(), shape, first, init);
            g.layer_norm("LayerNorm", words + types + positions, norm_epsilon).dropout(dropout)
        });
        for layer in 0..layers {
            x = g.block(&format!("roberta.encoder.layer.{layer}"), || {
                let q = g.linear("attention.self.query", x, width, Linear::BIAS);
                let k = g.linear("attention.self.key", x, width, Linear::BIAS);
                let v = g.linear("attention.self.value", x, width, Linear::BIAS);
                let h = g.linear("attention.output.dense", q.attend(k, v, &attention), width, Linear::BIAS);
                let x = g.layer_norm("attention.output.LayerNorm", x + h.dropout(dropout), norm_epsilon);
                let h = activation::apply(&self.0.activation, g.linear("intermediate.dense", x, hidden, Linear::BIAS));
                let h = g.linear("output.dense", h, width, Linear::BIAS);
                g.layer_norm("output.LayerNorm", x + h.dropout(dropout), norm_epsilon)
            });
        }
        g.head("logits", self.head(&g, x, sizes)?);
        if self.0.head == "none" {
            g.head("hidden", x);
        }
        g.ignore(&["*embeddings.position_ids"]);
        g.ignore(&["roberta.pooler.*", "pooler.*"]);
        match (self.0.head.as_str(), self.0.tied) {
            ("mlm", true) => g.ignore(&["lm_head.decoder.*"]),
            ("mlm", false) => g.ignore(&["lm_head.decoder.bias"]),
            _ => g.ignore(&["lm_head.*"]),
        }
        let mut network = g.network()?;
        names::without_prefix(&mut network, "roberta.");
        Ok(network)
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        config::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        config::export(&self.0, sizes)
    }
}

export!(model "roberta" = Roberta, abilities = ["hf:roberta", "hf:trainyard_roberta", "hf:xlm-roberta", "hf:camembert"]);
