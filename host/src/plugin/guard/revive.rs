//! Instances of the five kinds, made and brought to where another one was.

use super::super::checked::Checked;
use super::super::instance::Instance;
use super::super::limits::Limits;
use std::sync::Arc;
use trainyard_plugin::{Filter, Kind, Loss, Metric, PluginError, Result, TextMetric, Tokenizer};

/// One kind of plugin, as the policy needs it.
pub trait Revive: Sized {
    /// The instance, checked; an error when it is of another kind.
    fn check(culprit: Arc<str>, limits: Limits, instance: Instance) -> Result<Self>;

    /// Brings a new instance to where another one was.
    fn restore(&mut self, kept: &[u8]) -> Result<()>;
}

fn wrong_kind(culprit: &str, got: Kind, expected: Kind) -> PluginError {
    PluginError::internal(format!("{culprit}: is a {got}, expected a {expected}"))
}

/// Implements the trait for each kind; `restore` is its function that takes bytes.
macro_rules! revive {
    ($($kind:ident: $restore:expr;)+) => { $(
        impl Revive for Checked<dyn $kind> {
            fn check(culprit: Arc<str>, limits: Limits, instance: Instance) -> Result<Self> {
                match instance {
                    Instance::$kind(plugin) => Ok(Checked::new(culprit, limits.graph_nodes, plugin)),
                    other => Err(wrong_kind(&culprit, other.kind(), Kind::$kind)),
                }
            }

            fn restore(&mut self, kept: &[u8]) -> Result<()> {
                let restore: fn(&mut Self, &[u8]) -> Result<()> = $restore;
                restore(self, kept)
            }
        }
    )+ };
}

revive! {
    Tokenizer: |plugin, model| plugin.load(model);
    Filter: |plugin, state| plugin.merge(state);
    // they describe themselves and keep nothing
    Loss: |_, _| Ok(());
    Metric: |_, _| Ok(());
    TextMetric: |plugin, state| plugin.merge(state);
}
