//! Model `rnn`: a simple recurrent network (Elman 1990), h = tanh(W x + U h + b), in one direction or both, as a
//! language model or with a head for classes. Parameters are named and shaped as those of PyTorch's module `rnn`, next
//! to `embedding` and `head`; the description is [`Settings::describe`].

use trainyard_models::recurrent::Settings;
use trainyard_plugin::network::{Network, Recurrent};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, export};

/// The model.
pub struct Rnn(Settings);

impl Create for Rnn {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        settings.check(Recurrent::Rnn)?;
        Ok(Self(settings))
    }
}

impl Model for Rnn {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        self.0.describe(Recurrent::Rnn, sizes)
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        Settings::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        self.0.export("rnn", sizes)
    }
}

export!(model "rnn" = Rnn, abilities = ["hf:rnn"]);
