//! Model `features`: classifiers that do not see the order of words, the honest baseline beside an encoder. They read a
//! bag of words (with `task.weights = "tf-idf"` weighted so that rare words count more), or the mean of word vectors as
//! fastText does (Joulin et al., arXiv 1607.01759), and tell classes apart by a linear layer, or by a small network
//! (Iyyer et al. 2015, deep averaging network).
//!
//! A linear classifier of a bag has the weights `classifier.weight` `[classes, features]` and nothing else than its
//! bias: those of logistic regression. It begins at 0.

use trainyard_models::{Export, Import, ranges};
use trainyard_plugin::network::{Init, Linear, Net, Network, Pool};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `features`.
    pub struct Settings {
        /// what a text is read as: bag (weighted counts of its tokens) or mean (the mean of the tokens' vectors)
        reads: String = "bag",
        /// size of the tokens' vectors and of hidden layers
        width: u32 = 64u32,
        /// hidden layers; 0 is a linear classifier
        layers: u32 = 0u32,
        /// share of what each layer reads set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// number of classes; 0 is that of the data
        labels: u32 = 0u32,
        /// names of the classes, for config.json
        label_names: Vec<String> = Vec::new(),
    }
}

/// The model.
pub struct Features(Settings);

impl Create for Features {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        ranges::one_of("reads", &settings.reads, &READS)?;
        ranges::sizes(&[("width", settings.width)])?;
        if settings.layers > 0 {
            ranges::layers("layers", settings.layers)?;
        }
        ranges::rates(&[("dropout", settings.dropout)])?;
        Ok(Self(settings))
    }
}

const READS: [&str; 2] = ["bag", "mean"];

/// Within 1/√n, as PyTorch's linear layers begin.
fn uniform(n: u32) -> Init {
    Init::Uniform(1.0 / f64::from(n.max(1)).sqrt())
}

impl Model for Features {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { width, layers, dropout, .. } = self.0;
        // a task without classes tells tokens apart
        let columns = match (self.0.labels, sizes.labels) {
            (0, 0) => sizes.vocab,
            (labels, of_data) => ranges::labels(labels, of_data)?,
        };
        let g = Net::new();
        let is_bag = self.0.reads == "bag";
        let mut x = match is_bag {
            true => g.bag(g.ids(), sizes.vocab),
            false => {
                let shape = [sizes.vocab, width];
                // nearly 0 where scores are linear in them: a token that training never saw says nothing
                let init = if layers == 0 { Init::Normal(1e-3) } else { uniform(width) };
                g.embedding_with("embedding", g.ids(), shape, 0, init).pool(Pool::Mean)
            }
        };
        for layer in 0..layers {
            // texts have few of all words: weights as small as the number of words asks for would leave nothing
            let init = if is_bag && layer == 0 { Init::Normal(0.1) } else { uniform(width) };
            x = g.linear(&format!("hidden.{layer}"), x.dropout(dropout), width, Linear::BIAS.init(init)).relu();
        }
        let init = if is_bag && layers == 0 { Init::Zeros } else { uniform(width) };
        g.head("logits", g.linear("classifier", x.dropout(dropout), columns, Linear::BIAS.init(init)));
        g.network()
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        let mut import = Import::new(config);
        import.integers(&[("hidden_size", "width", 64), ("num_hidden_layers", "layers", 0)])?;
        import.numbers(&[("dropout", "dropout", 0.0)])?;
        import.text("reads", "reads", "bag", &READS)?;
        // it is no architecture of transformers: without names there are no classes, where transformers would have two
        if config.iter().any(|setting| setting.key.starts_with("id2label.")) {
            import.labels();
        }
        import.architecture(&["TrainyardFeatures"])?;
        import.finish(&[])
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        let Settings { width, layers, dropout, .. } = self.0;
        let labels = if self.0.labels == 0 { sizes.labels } else { self.0.labels };
        Ok(Export::new("features", "TrainyardFeatures")
            .integers(&[("vocab_size", sizes.vocab), ("hidden_size", width), ("num_hidden_layers", layers)])
            .number("dropout", dropout)
            .text("reads", &self.0.reads)
            .labels(&self.0.label_names, labels)
            .finish())
    }
}

export!(model "features" = Features, abilities = ["hf:features"]);
