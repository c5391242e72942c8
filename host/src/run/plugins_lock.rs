//! `plugins.lock`: the plugins that a run was trained with.

use super::folder::RunFolder;
use super::plugins::{RunPlugins, describe};
use crate::plugin::{Grant, Stamp};
use crate::run::RunConfig;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// One entry of `plugins.lock`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Locked {
    /// `tokenizer`, `model`, `loss`, `filter` or `metric`.
    pub place: String,
    /// The plugin, its settings and its grants.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Where its file was; none for a built-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

/// A plugin that differs from the one that the run was trained with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginChange {
    /// The name in `--allow-changed`: `tokenizer`, `model`, `loss`, `filter` or `metric`.
    pub place: String,
    /// The plugin that the run was trained with.
    pub then: String,
    /// The plugin that is used now.
    pub now: String,
}

/// The plugins of a run, as recorded in `plugins.lock`.
#[derive(Debug, Clone)]
pub struct Lock {
    path: PathBuf,
    entries: Vec<Locked>,
}

impl Lock {
    /// Returns the text of `plugins.lock`.
    ///
    /// # Errors
    /// A path that is not UTF-8.
    pub fn text(config: &RunConfig, plugins: &RunPlugins) -> Result<String> {
        let files = plugins.in_config(config);
        let file_of = |stamp: &Stamp| {
            let found = files.iter().find(|(_, plugin, _)| std::ptr::eq(plugin.stamp(), stamp));
            found.and_then(|(.., config)| config.file()).map(PathBuf::from)
        };
        let locked = |(place, stamp): (&str, &Stamp)| Locked {
            place: place.to_owned(),
            stamp: stamp.clone(),
            path: file_of(stamp),
        };
        let entries: Vec<_> = plugins.stamps().into_iter().map(locked).collect();
        let text = serde_json::to_string_pretty(&entries);
        Ok(text.map_err(|error| Error::run(format!("plugins.lock: {error}")))? + "\n")
    }

    /// Reads the lock of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self> {
        let path = folder.root().join("plugins.lock");
        let text = fs::read(&path).map_err(|error| Error::io(&path, "read", &error))?;
        let entries = serde_json::from_slice(&text).map_err(|error| {
            Error::run(format!("{}: not the plugins of a run ({error}); restore the file", path.display()))
        })?;
        Ok(Self { path, entries })
    }

    /// Returns the entries of one place, in the order of the run.
    pub fn of<'a>(&'a self, place: &'a str) -> impl Iterator<Item = &'a Locked> {
        self.entries.iter().filter(move |entry| entry.place == place)
    }

    /// Compares the plugins of some places, all of which are opened, with those that the run was trained with. Returns
    /// the changes.
    ///
    /// # Errors
    /// A change that is not in `allowed`; the error names the override.
    pub fn compare(&self, places: &[&str], opened: &[(&str, &Stamp)], allowed: &[String]) -> Result<Vec<PluginChange>> {
        let mut changes = Vec::new();
        for &place in places {
            let now: Vec<_> = opened.iter().filter(|(of, _)| *of == place).map(|(_, stamp)| *stamp).collect();
            let then: Vec<_> = self.of(place).map(|entry| &entry.stamp).collect();
            if now.len() != then.len() || !now.iter().zip(&then).all(|(now, then)| is_same(now, then)) {
                changes.push(PluginChange { place: place.to_owned(), then: text(&then), now: text(&now) });
            }
        }
        match changes.iter().find(|change| !allowed.contains(&change.place)) {
            None => Ok(changes),
            Some(PluginChange { place, then, now }) => Err(Error::usage(format!(
                "{place} changed: the run was trained with {then}, now it is {now} ({}); restore it, or pass \
                 --allow-changed {place} to use it all the same",
                self.path.display()
            ))),
        }
    }
}

/// Whether two stamps are of the same plugin with the same settings and rights.
fn is_same(a: &Stamp, b: &Stamp) -> bool {
    let seen =
        |stamp: &Stamp| Stamp { allow: stamp.allow.iter().map(|text| Grant::seen(text)).collect(), ..stamp.clone() };
    seen(a) == seen(b)
}

/// Returns the plugins in one line.
fn text(stamps: &[&Stamp]) -> String {
    let one = |stamp: &&Stamp| {
        let allow = if stamp.allow.is_empty() { String::new() } else { format!(" allow {}", stamp.allow.join(", ")) };
        describe(stamp).trim_end().to_owned() + &allow
    };
    let each: Vec<_> = stamps.iter().map(one).collect();
    if each.is_empty() { "(nothing)".to_owned() } else { each.join("; ") }
}
