//! Model `autoencoder`: a recurrent encoder reads a sequence into one narrow vector, and a recurrent decoder writes the
//! sequence from it, each token with a look at the tokens before. With `reads = "source"` the two texts may differ: an
//! autoencoder that takes noise away reads the damaged one. Parameters are named and shaped as those of PyTorch's
//! modules.

use trainyard_models::recurrent::Cell;
use trainyard_models::{Export, Import, ranges};
use trainyard_plugin::network::{Init, Linear, Net, Network, Pool, Recurrent};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `autoencoder`.
    pub struct Settings {
        /// what encoder and decoder are: gru, lstm or rnn
        cell: String = "gru",
        /// size of a token's vector; 0 is width
        embedding: u32 = 0u32,
        /// size of the states of encoder and decoder
        width: u32 = 256u32,
        /// size of the vector that a sequence becomes
        latent: u32 = 64u32,
        /// share of token vectors set to zero while training, at least 0 and below 1
        dropout: f64 = 0.0,
        /// what the encoder reads: row (the text that is written) or source (another text)
        reads: String = "row",
    }
}

/// The model.
pub struct Autoencoder(Settings);

impl Create for Autoencoder {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        ranges::one_of("cell", &settings.cell, &["gru", "lstm", "rnn"])?;
        ranges::sizes(&[("width", settings.width), ("latent", settings.latent)])?;
        ranges::optional_sizes(&[("embedding", settings.embedding)])?;
        ranges::rates(&[("dropout", settings.dropout)])?;
        ranges::one_of("reads", &settings.reads, &["row", "source"])?;
        Ok(Self(settings))
    }
}

impl Settings {
    fn embedding(&self) -> u32 {
        if self.embedding == 0 { self.width } else { self.embedding }
    }

    fn cell(&self) -> Cell<'static> {
        let kind = match self.cell.as_str() {
            "lstm" => Recurrent::Lstm,
            "rnn" => Recurrent::Rnn,
            _ => Recurrent::Gru,
        };
        Cell { kind, state: self.width, activation: "tanh" }
    }
}

impl Model for Autoencoder {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        let Settings { latent, dropout, .. } = self.0;
        let (cell, shape) = (self.0.cell(), [sizes.vocab, self.0.embedding()]);
        let uniform = Init::Uniform(0.1);
        let g = Net::new();
        let embed = |ids| g.embedding_with("embedding", ids, shape, 0, uniform).dropout(dropout);
        let x = embed(g.ids());
        let read = if self.0.reads == "source" { embed(g.source_ids()) } else { x };
        let end = cell.read(&g, "encoder", read, "l0", false).pool(Pool::Last);
        let vector = g.linear("to_latent", end, latent, Linear::BIAS.init(uniform)).tanh();
        g.head("latent", vector);
        let h = cell.read(&g, "decoder", g.concat(&[x, vector.expand()]), "l0", false);
        g.head("logits", g.linear("head", h, sizes.vocab, Linear::BIAS.init(uniform)));
        g.network()
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        let mut import = Import::new(config);
        import.integers(&[
            ("embedding_size", "embedding", 0),
            ("hidden_size", "width", 256),
            ("latent_size", "latent", 64),
        ])?;
        import.numbers(&[("dropout", "dropout", 0.0)])?;
        import.text("cell", "cell", "gru", &["gru", "lstm", "rnn"])?;
        import.text("reads", "reads", "row", &["row", "source"])?;
        import.architecture(&["TrainyardAutoencoder"])?;
        import.finish(&[])
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        let Settings { width, latent, dropout, .. } = self.0;
        Ok(Export::new("autoencoder", "TrainyardAutoencoder")
            .integers(&[
                ("vocab_size", sizes.vocab),
                ("embedding_size", self.0.embedding()),
                ("hidden_size", width),
                ("latent_size", latent),
            ])
            .number("dropout", dropout)
            .text("cell", &self.0.cell)
            .text("reads", &self.0.reads)
            .finish())
    }
}

export!(model "autoencoder" = Autoencoder, abilities = ["hf:autoencoder"]);
