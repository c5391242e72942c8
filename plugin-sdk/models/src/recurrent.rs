//! Recurrent language models and encoders: what `rnn`, `gru` and `lstm` share.

use crate::{Export, Import, layers, ranges};
use trainyard_plugin::network::{Init, Linear, Net, Network, Pool, Recurrent, Value};
use trainyard_plugin::{Result, Setting, Sizes, Value as Constant};

trainyard_plugin::config! {
    /// Settings of a recurrent model.
    pub struct Settings {
        /// number of layers, 1 to 10000
        layers: u32 = 2u32,
        /// size of a token's vector; 0 is width
        embedding: u32 = 0u32,
        /// size of a layer's state
        width: u32 = 256u32,
        /// share of what a layer reads, and of the last one's result, set to zero while training, from 0 to below 1
        dropout: f64 = 0.0,
        /// whether the output layer is the token embedding
        tied: bool = false,
        /// whether each layer also reads from the end; the model then fills blanks or classifies
        bidirectional: bool = false,
        /// activation of rnn: tanh or relu
        activation: String = "tanh",
        /// what logits are of: lm (tokens of the vocabulary), sequence or tokens (classes)
        head: String = "lm",
        /// number of classes; 0 is that of the data
        labels: u32 = 0u32,
        /// names of the classes, for config.json
        label_names: Vec<String> = [],
    }
}

/// Beginning of embeddings and output layers, as in PyTorch's example of a language model.
const UNIFORM: Init = Init::Uniform(0.1);

impl Settings {
    /// Refuses settings out of their ranges.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self, kind: Recurrent) -> Result<()> {
        ranges::layers("layers", self.layers)?;
        ranges::sizes(&[("width", self.width)])?;
        ranges::optional_sizes(&[("embedding", self.embedding), ("labels", self.labels)])?;
        ranges::rates(&[("dropout", self.dropout)])?;
        let activations: &[&str] = if kind == Recurrent::Rnn { &["tanh", "relu"] } else { &["tanh"] };
        ranges::one_of("activation", &self.activation, activations)?;
        ranges::one_of("head", &self.head, &["lm", "sequence", "tokens"])?;
        match self.tied && self.embedding() != self.columns() {
            true => {
                let expected = format!("{}, the columns of the last layer, as tied is true", self.columns());
                ranges::wrong("embedding", &expected, self.embedding())
            }
            false => Ok(()),
        }
    }

    fn embedding(&self) -> u32 {
        if self.embedding == 0 { self.width } else { self.embedding }
    }

    /// Columns of what a layer gives.
    fn columns(&self) -> u32 {
        if self.bidirectional { 2 * self.width } else { self.width }
    }

    /// The network.
    ///
    /// # Errors
    /// A head for classes whose number is not known.
    pub fn describe(&self, kind: Recurrent, sizes: &Sizes) -> Result<Network> {
        let g = Net::new();
        let shape = [sizes.vocab, self.embedding()];
        let mut x = g.embedding_with("embedding", g.ids(), shape, 0, UNIFORM);
        let mut directions = [x; 2];
        for layer in 0..self.layers {
            let input = x.dropout(self.dropout);
            let read = |suffix: &str, reverse| {
                let cell = Cell { kind, state: self.width, activation: &self.activation };
                cell.read(&g, "rnn", input, &format!("l{layer}{suffix}"), reverse)
            };
            directions[0] = read("", false);
            x = directions[0];
            if self.bidirectional {
                directions[1] = read("_reverse", true);
                // a head for sequences reads the two ends of the last layer, and not its rows
                if layer + 1 < self.layers || self.head != "sequence" {
                    x = g.concat(&directions);
                }
            }
        }
        let head = Linear::BIAS.init(UNIFORM);
        let logits = match self.head.as_str() {
            "lm" if self.tied => {
                layers::tied_head(&g, "embedding.weight", "head.bias", x.dropout(self.dropout), sizes.vocab)
            }
            "lm" => g.linear("head", x.dropout(self.dropout), sizes.vocab, head),
            "tokens" => g.linear("head", x.dropout(self.dropout), ranges::labels(self.labels, sizes.labels)?, head),
            _ => {
                // each direction's state after the whole text
                let end = match self.bidirectional {
                    true => g.concat(&[directions[0].pool(Pool::Last), directions[1].pool(Pool::First)]),
                    false => x.pool(Pool::Last),
                };
                g.linear("head", end.dropout(self.dropout), ranges::labels(self.labels, sizes.labels)?, head)
            }
        };
        g.head("logits", logits);
        g.network()
    }

    /// Settings from a `config.json` that [`Settings::export`] wrote.
    ///
    /// # Errors
    /// Keys that are not known.
    pub fn import(config: &[Setting]) -> Result<Vec<Setting>> {
        let mut import = Import::new(config);
        import.integers(&[
            ("num_hidden_layers", "layers", 2),
            ("embedding_size", "embedding", 0),
            ("hidden_size", "width", 256),
        ])?;
        import.numbers(&[("dropout", "dropout", 0.0)])?;
        import.flags(&[("tie_word_embeddings", "tied", false), ("bidirectional", "bidirectional", false)])?;
        import.text("hidden_act", "activation", "tanh", &["tanh", "relu"])?;
        import.text("head", "head", "lm", &["lm", "sequence", "tokens"])?;
        if import.keys().text("head")?.is_some_and(|head| head != "lm") {
            import.labels();
        }
        import.architecture(&["TrainyardRecurrent"])?;
        import.finish(&[])
    }

    /// A `config.json` of this project's own: transformers has no recurrent models.
    ///
    /// # Errors
    /// A head for classes whose number is not known.
    pub fn export(&self, model_type: &str, sizes: &Sizes) -> Result<Vec<Setting>> {
        let export = Export::new(model_type, "TrainyardRecurrent")
            .integers(&[
                ("vocab_size", sizes.vocab),
                ("num_hidden_layers", self.layers),
                ("embedding_size", self.embedding()),
                ("hidden_size", self.width),
            ])
            .number("dropout", self.dropout)
            .flag("tie_word_embeddings", self.tied)
            .flag("bidirectional", self.bidirectional)
            .text("hidden_act", &self.activation)
            .text("head", &self.head);
        Ok(match self.head.as_str() {
            "lm" => export.finish(),
            _ => export.labels(&self.label_names, ranges::labels(self.labels, sizes.labels)?).finish(),
        })
    }
}

/// A recurrent layer, with the parameters of PyTorch's.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    /// What it is.
    pub kind: Recurrent,
    /// Size of its state.
    pub state: u32,
    /// Activation of [`Recurrent::Rnn`]: `tanh` or `relu`.
    pub activation: &'a str,
}

impl Cell<'_> {
    /// `[space, state]`: the state after each token, read from the end in reverse; the parameters are
    /// `name.weight_ih_SUFFIX` and so on.
    #[track_caller]
    pub fn read<'g>(&self, g: &'g Net, name: &str, x: Value<'g>, suffix: &str, reverse: bool) -> Value<'g> {
        if self.kind != Recurrent::Rnn || self.activation == "tanh" {
            return g.recurrent(self.kind, name, x, self.state, suffix, reverse);
        }
        let init = Init::Uniform(1.0 / f64::from(self.state).sqrt());
        let [by_input, by_state, biases] = [vec![self.state, x.columns()], vec![self.state; 2], vec![self.state]];
        let parts = [("weight_ih", &by_input), ("weight_hh", &by_state), ("bias_ih", &biases), ("bias_hh", &biases)];
        let parameters = parts.map(|(part, shape)| g.parameter(&format!("{name}.{part}_{suffix}"), shape, init));
        let attributes = vec![
            Setting { key: "reverse".into(), value: Constant::Boolean(reverse) },
            Setting { key: "activation".into(), value: Constant::Text(self.activation.into()) },
        ];
        g.push("rnn", name, &[x], &parameters, attributes)
    }
}
