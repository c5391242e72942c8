//! The identity of a run: what its result depends on, and whether a checkpoint still belongs to it.
//!
//! The identity is derived: it is every key of the resolved config with its value, except those that [`classes`]
//! declares free, and with the contents of files in place of their paths. A key that is new in the config is part of
//! the identity without a line here.

mod changes;
mod classes;
mod keys;
mod legacy;

pub use changes::{Change, Changes};
pub use classes::{Class, class};
pub use keys::{Keys, keys};

use super::plugins::RunPlugins;
use crate::run::RunConfig;
use crate::{Error, Result};
use changes::{NOTHING, check_places};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that a run's result depends on. It is saved in every checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunIdentity(Form);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    /// Every key of the config that is not free.
    Derived { keys: Keys },
    /// One line per place, in checkpoints that were saved before the identity was derived.
    Legacy(BTreeMap<String, String>),
}

impl RunIdentity {
    /// Computes the identity of a run with this config, these plugins, and source files with this digest.
    ///
    /// # Errors
    /// A file whose content is part of the identity and that cannot be read.
    pub fn new(config: &RunConfig, plugins: &RunPlugins, source_digest: &str) -> Result<Self> {
        let mut keys = keys::identifying(config)?;
        keys.extend(keys::contents(config)?);
        keys.extend(plugins.files(config));
        keys.insert(keys::SOURCES.to_owned(), source_digest.to_owned());
        Ok(Self(Form::Derived { keys }))
    }

    /// Takes from `saved`, the identity of the checkpoint that a run resumes from, what is no longer there to be seen.
    pub fn keep_start(&mut self, saved: &Self) {
        if let (Form::Derived { keys }, Some(saved)) = (&mut self.0, saved.keys())
            && let (Some(now), Some(then)) = (keys.get_mut(keys::START), saved.get(keys::START))
            && now == keys::GONE
        {
            then.clone_into(now);
        }
    }

    fn keys(&self) -> Option<&Keys> {
        match &self.0 {
            Form::Derived { keys } => Some(keys),
            Form::Legacy(_) => None,
        }
    }
}

/// Compares a run with the checkpoint that it resumes from. A key that the checkpoint does not know counts unless it
/// has its default. `recorded` is the config in the run's folder, for checkpoints from before the derived identity.
///
/// # Errors
/// A change that is not in `allowed` (the error names its place and the override), or a place in `allowed` that does
/// not exist.
pub fn compare(
    (config, plugins, identity): (&RunConfig, &RunPlugins, &RunIdentity),
    saved: &RunIdentity,
    recorded: &Path,
    allowed: &[String],
) -> Result<Changes> {
    let Some(now) = identity.keys() else { return Err(Error::run("expected a derived identity of the run")) };
    let mut changes: Vec<_> = match &saved.0 {
        Form::Legacy(lines) => {
            let mut changes = legacy::changes(config, plugins, or_nothing(now.get(keys::SOURCES)), lines)?;
            if let Ok(recorded) = RunConfig::load(recorded, &[]).and_then(|config| keys::identifying(&config)) {
                let all = now.keys().chain(recorded.keys()).filter(|key| !keys::is_content(key));
                let of_data = all.filter(|key| class(key).0 == Class::Data && !legacy::knows(key));
                changes.extend(of_data.filter_map(|key| Change::between(key, recorded.get(key), now.get(key))));
            }
            changes
        }
        Form::Derived { keys: then } => {
            let is_new = now.keys().any(|key| !then.contains_key(key));
            let defaults = if is_new { keys::with_defaults(config, then).unwrap_or_default() } else { Keys::new() };
            let all = now.keys().chain(then.keys().filter(|key| !now.contains_key(*key)));
            let known = |key: &String| then.get(key).or_else(|| defaults.get(key));
            all.filter_map(|key| Change::between(key, known(key), now.get(key))).collect()
        }
    };
    changes.sort_by(|a, b| (a.class != Class::Fixed, &a.key).cmp(&(b.class != Class::Fixed, &b.key)));
    changes.dedup();
    check_places(allowed, now.keys().chain(saved.keys().into_iter().flat_map(Keys::keys)))?;
    let refused: Vec<_> = changes.iter().filter(|change| !change.is_allowed(allowed)).collect();
    match refused.first() {
        Some(first) => Err(first.refusal(&refused[1..])),
        None => Ok(Changes::new(changes)),
    }
}

/// Returns a value for messages.
fn or_nothing(value: Option<&String>) -> &str {
    value.map_or(NOTHING, String::as_str)
}
