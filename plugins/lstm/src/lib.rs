//! Model `lstm`: long short-term memory (Hochreiter and Schmidhuber 1997), in one direction or both, as a
//! language model or with a head for classes. Parameters are named and shaped as those of PyTorch's module `rnn`, next
//! to `embedding` and `head`; the description is [`Settings::describe`].

use trainyard_models::recurrent::Settings;
use trainyard_plugin::network::{Network, Recurrent};
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, export};

/// The model.
pub struct Lstm(Settings);

impl Create for Lstm {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        settings.check(Recurrent::Lstm)?;
        Ok(Self(settings))
    }
}

impl Model for Lstm {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        self.0.describe(Recurrent::Lstm, sizes)
    }

    fn import(&self, config: &[Setting]) -> Result<Vec<Setting>> {
        Settings::import(config)
    }

    fn export(&self, sizes: &Sizes) -> Result<Vec<Setting>> {
        self.0.export("lstm", sizes)
    }
}

export!(model "lstm" = Lstm, abilities = ["hf:lstm"]);
