//! Instances of the five kinds, made and brought to where another one was.

use super::super::checked::Checked;
use super::super::instance::Instance;
use super::Source;
use trainyard_plugin::{Filter, Kind, Loss, Metric, PluginError, Result, TextMetric, Tokenizer};

/// One kind of plugin, as the policy needs it.
pub trait Revive: Sized {
    /// The instance, checked; an error when it is of another kind.
    fn check(source: &Source, instance: Instance) -> Result<Self>;

    /// Brings a new instance to where another one was.
    fn restore(&mut self, kept: &[u8]) -> Result<()>;
}

fn wrong_kind(culprit: &str, got: Kind, expected: Kind) -> PluginError {
    PluginError::internal(format!("{culprit}: is a {got}, expected a {expected}"))
}

/// Implements the trait for each kind; `restore` is its function that takes bytes, `begin` what is asked of a new
/// instance.
macro_rules! revive {
    ($($kind:ident: $restore:expr $(, begin $begin:expr)?;)+) => { $(
        impl Revive for Checked<dyn $kind> {
            fn check(source: &Source, instance: Instance) -> Result<Self> {
                let plugin = match instance {
                    Instance::$kind(plugin) => plugin,
                    other => return Err(wrong_kind(&source.culprit, other.kind(), Kind::$kind)),
                };
                let checked = Checked::new(source.culprit.clone(), source.config.limits.graph_nodes, plugin);
                $(
                    let begin: fn(Self, &Source) -> Result<Self> = $begin;
                    let checked = begin(checked, source)?;
                )?
                Ok(checked)
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
    Filter: |plugin, state| plugin.merge(state), begin |plugin, source| match source.measures {
        true => plugin.with_rules(),
        false => Ok(plugin),
    };
    // they describe themselves and keep nothing
    Loss: |_, _| Ok(());
    Metric: |_, _| Ok(());
    TextMetric: |plugin, state| plugin.merge(state);
}
