//! The differences between a checkpoint and the config that resumes it.

use super::classes::{Class, class, places};
use super::keys::{GONE, START};
use super::or_nothing;
use crate::{Error, Result};
use serde_json::{Map, Value, json};

/// The text in messages for a missing value.
pub const NOTHING: &str = "(nothing)";

/// One key that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key, such as `optimizer.lr`.
    pub key: String,
    /// What `--allow-changed` names, such as `optimizer`.
    pub place: String,
    /// The meaning of a change.
    pub class: Class,
    /// Its value when the checkpoint was saved.
    pub then: String,
    /// Its value now.
    pub now: String,
}

impl Change {
    /// Returns the change from `then` to `now`, if there is one and it matters.
    pub(super) fn between(key: &str, then: Option<&String>, now: Option<&String>) -> Option<Self> {
        let (class, place) = class(key);
        let (then, now) = (or_nothing(then).to_owned(), or_nothing(now).to_owned());
        let is_gone = key == START && now == GONE;
        (class != Class::Free && then != now && !is_gone).then(|| Self { key: key.to_owned(), place, class, then, now })
    }

    /// Whether `--allow-changed` names it by its place or its key.
    pub(super) fn is_allowed(&self, allowed: &[String]) -> bool {
        self.class != Class::Fixed && allowed.iter().any(|name| *name == self.place || *name == self.key)
    }

    /// Returns the error about this change; `others` are refused too.
    pub(super) fn refusal(&self, others: &[&Self]) -> Error {
        let Self { key, place, class, then, now } = self;
        let cure = match class {
            Class::Fixed => "start a new run under another run.name".to_owned(),
            _ => format!("restore it, start a new run under another run.name, or pass --allow-changed {place}"),
        };
        let of = if key == place { String::new() } else { format!("{key} = ") };
        let mut others: Vec<_> = others.iter().map(|other| other.place.as_str()).filter(|of| of != place).collect();
        others.dedup();
        let others = if others.is_empty() { String::new() } else { format!("; also changed: {}", others.join(", ")) };
        Error::usage(format!(
            "cannot resume: {place} changed: the checkpoint has {of}{then}, the config has {of}{now}; {cure}{others}"
        ))
    }
}

/// All changes, each of them allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

impl Changes {
    pub(super) fn new(changes: Vec<Change>) -> Self {
        Self(changes)
    }

    /// Whether the tokens are the same.
    pub fn same_data(&self) -> bool {
        self.0.iter().all(|change| change.class != Class::Data)
    }

    /// Returns `{"optimizer.lr": ["0.001", "0.5"]}`, each key with its value before and after; none if nothing differs.
    pub fn record(&self) -> Option<Value> {
        let pairs = self.0.iter().map(|change| (change.key.clone(), json!([change.then, change.now])));
        (!self.0.is_empty()).then(|| Value::Object(pairs.collect::<Map<_, _>>()))
    }

    /// Returns one line for people; none if nothing differs.
    pub fn line(&self) -> Option<String> {
        let each: Vec<_> =
            self.0.iter().map(|change| format!("{} {} → {}", change.key, change.then, change.now)).collect();
        (!each.is_empty()).then(|| format!("changed since the checkpoint: {}", each.join(", ")))
    }
}

/// Checks the names in `--allow-changed`: an unknown one would allow nothing, and the mistake would go unnoticed.
///
/// # Errors
/// A name that is neither a place nor a key.
pub fn check_places<'a>(allowed: &[String], keys: impl Iterator<Item = &'a String>) -> Result<()> {
    let (places, keys): (_, Vec<_>) = (places(), keys.collect());
    match allowed.iter().find(|name| !places.contains(&name.as_str()) && !keys.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Error::usage(format!(
            "--allow-changed {name}: expected a key of the config, such as optimizer.lr, or one of {}",
            places.join(", ")
        ))),
    }
}
