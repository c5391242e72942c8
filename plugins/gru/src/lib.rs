//! Model `gru`: gated recurrent units (Cho et al., arXiv 1406.1078), in one direction or both, as a
//! language model or with a head for classes. Parameters are named and shaped as those of PyTorch's module `rnn`, next
//! to `embedding` and `head`; the description is [`Settings::describe`].

use trainyard_models::recurrent::Settings;
use trainyard_plugin::network::{Network, Recurrent};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, export};

/// The model.
pub struct Gru(Settings);

impl Create for Gru {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        settings.check(Recurrent::Gru)?;
        Ok(Self(settings))
    }
}

impl Model for Gru {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        self.0.describe(Recurrent::Gru, sizes)
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        Settings::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        self.0.export("gru", sizes)
    }
}

export!(model "gru" = Gru, abilities = ["hf:gru"]);
