//! A model that misbehaves in one function, as its setting says.

use std::cell::Cell;
use trainyard_misbehave::{misbehave, network, settings};
use trainyard_plugin::network::Network;
use trainyard_plugin::{Create, Model, Result, Setting, Sizes, config, export};

config! {
    /// Settings of `hostile-model`.
    pub struct Settings {
        /// what goes wrong, and in which function
        behaviour: String = "nothing",
    }
}

/// The model, and how often it was asked.
pub struct Hostile(String, Cell<u32>);

impl Create for Hostile {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        misbehave(&settings.behaviour, "create")?;
        Ok(Self(settings.behaviour, Cell::new(0)))
    }
}

impl Model for Hostile {
    fn describe(&self, sizes: &Sizes) -> Result<Network> {
        misbehave(&self.0, "describe")?;
        self.1.set(self.1.get() + 1);
        Ok(network(&self.0, sizes, self.1.get()))
    }

    fn import(&self, _config: &[Setting]) -> Result<Vec<Setting>> {
        misbehave(&self.0, "import-config")?;
        Ok(settings(&self.0))
    }

    fn export(&self, _sizes: &Sizes) -> Result<Vec<Setting>> {
        misbehave(&self.0, "export-config")?;
        Ok(settings(&self.0))
    }
}

export!(model "hostile-model" = Hostile);
