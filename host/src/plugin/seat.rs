//! Where an instance sits, and where it comes from: the two things that a backend implements.

use super::call::{Answer, Call};
use crate::Result;
use std::sync::Arc;
use trainyard_plugin::Setting;

/// One instance of a plugin, wherever it runs. Checks and policies are seats around another one.
pub trait Seat: Send {
    /// Calls a function of the instance.
    ///
    /// # Errors
    /// Whatever the plugin fails with, and functions that its kind does not have.
    fn call(&mut self, call: Call<'_>) -> trainyard_plugin::Result<Answer>;
}

/// A loaded plugin, which makes instances.
pub trait Backend: Send + Sync {
    /// What the plugin runs as: `builtin`, `wasm` or `native`.
    fn name(&self) -> &'static str;

    /// Makes an instance. Nothing that it answers is checked, and its errors name no culprit.
    ///
    /// # Errors
    /// Settings that the plugin refuses, and whatever else keeps it from making an instance.
    fn seat(&self, settings: &[Setting]) -> trainyard_plugin::Result<Box<dyn Seat>>;

    /// The same plugin for other settings, where the backend holds settings itself.
    ///
    /// # Errors
    /// Settings that cannot be passed on.
    fn with_settings(&self, _settings: &toml::Table) -> Result<Option<Arc<dyn Backend>>> {
        Ok(None)
    }
}
