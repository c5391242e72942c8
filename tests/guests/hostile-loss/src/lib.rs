//! A loss that misbehaves in one function, as its setting says.

use trainyard_misbehave::{graph, misbehave};
use trainyard_plugin::{Create, Graph, Loss, Result, config, export};

config! {
    /// Settings of `hostile-loss`.
    pub struct Settings {
        /// what goes wrong, and in which function
        behaviour: String = "nothing",
    }
}

/// The loss.
pub struct Hostile(String);

impl Create for Hostile {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        misbehave(&settings.behaviour, "create")?;
        Ok(Self(settings.behaviour))
    }
}

impl Loss for Hostile {
    fn describe(&self) -> Result<Graph> {
        misbehave(&self.0, "describe")?;
        Ok(graph(&self.0))
    }
}

export!(loss "hostile-loss" = Hostile);
