//! Model `embeddings`: static vectors of tokens, as word2vec has them (Mikolov et al., arXiv 1301.3781 and 1310.4546).
//! Each token has a vector for being read (`input.weight` `[vocab, width]`) and one for being asked about
//! (`output.weight` `[vocab, width]`). The logit of a token that is asked about, at any place of a sequence, is the
//! product of its output vector with the mean of the input vectors of the sequence.
//!
//! `sum.weight` `[1, width]` is all 1: it sums the columns of the product, and is not to be trained. Without a task its
//! rows are as many as tokens, as the head of any model has.

use trainyard_models::{Export, ranges};
use trainyard_plugin::network::{Init, Linear, Net, Network, Pool};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `embeddings`.
    pub struct Settings {
        /// numbers of a vector
        width: u32 = 100u32,
    }
}

/// The model.
pub struct Embeddings(Settings);

/// Output vectors begin within this. word2vec begins with 0, at which input vectors have no gradient in the first step.
const NEARLY_ZERO: f64 = 1e-6;

impl Create for Embeddings {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        ranges::sizes(&[("width", settings.width)])?;
        Ok(Self(settings))
    }
}

impl Model for Embeddings {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let shape = [sizes.vocab, self.0.width];
        let g = Net::new();
        let init = Init::Uniform(0.5 / f64::from(self.0.width));
        let read = g.embedding_with("input", g.ids(), shape, 0, init).pool(Pool::Mean).expand();
        let asked = g.embedding_with("output", g.token_types(), shape, 0, Init::Uniform(NEARLY_ZERO));
        // a task without candidates tells tokens apart
        let columns = if sizes.labels == 0 { sizes.vocab } else { sizes.labels };
        g.head("logits", g.linear("sum", read * asked, columns, Linear::PLAIN.init(Init::Ones)));
        g.network()
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        Ok(Export::new("embeddings", "TrainyardEmbeddings")
            .integers(&[("vocab_size", sizes.vocab), ("hidden_size", self.0.width)])
            .finish())
    }
}

export!(model "embeddings" = Embeddings);
