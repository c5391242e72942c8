//! The plugins of a run, from `plugins.lock`.

use crate::folder::PLUGINS;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use trainyard_base::{Error, Result};

/// Characters of a digest that are shown.
const DIGEST_SHOWN: usize = 8;

/// A plugin of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// `tokenizer`, `model`, `loss`, `filter` or `metric`.
    pub place: String,
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The digest of its file; empty for a built-in.
    #[serde(default)]
    pub sha256: String,
    /// Its settings in one line.
    #[serde(default)]
    pub settings: String,
    /// Where its file was; none for a built-in.
    #[serde(default, skip_serializing)]
    path: Option<String>,
}

impl Plugin {
    /// Says whether another plugin is the same program.
    pub fn is_program(&self, other: &Self) -> bool {
        (&self.name, &self.version, &self.sha256) == (&other.name, &other.version, &other.sha256)
    }

    /// Says whether another plugin computes the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_program(other) && self.settings == other.settings
    }

    /// `focal`; with `precise`, `focal 0.1.0 (3f2a9c01)`.
    pub fn label(&self, precise: bool) -> String {
        let digest = self.sha256.get(..DIGEST_SHOWN).unwrap_or(&self.sha256);
        match (precise, digest) {
            (false, _) => self.name.clone(),
            (true, "") => format!("{} {}", self.name, self.version),
            (true, digest) => format!("{} {} ({digest})", self.name, self.version),
        }
    }
}

/// Reads the plugins of a run; none where there is no such file.
///
/// # Errors
/// A file that cannot be read or is not a list of plugins.
pub fn read(folder: &Path) -> Result<Vec<Plugin>> {
    let path = folder.join(PLUGINS);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| Error::io(&path, "read", &error))?,
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::run(format!("{}: expected the plugins of a run, got {error}", path.display())))
}

/// Returns the plugin of each table of a config that names one, such as `metric.0`. `named` is what the config says of
/// each in `plugin`: a name or a file.
pub fn by_table<'a>(plugins: &'a [Plugin], named: &BTreeMap<String, String>) -> BTreeMap<String, &'a Plugin> {
    let mut left: Vec<&Plugin> = plugins.iter().collect();
    let mut found = BTreeMap::new();
    let file = |path: &str| Path::new(path).file_name().map(ToOwned::to_owned);
    for (table, name) in named {
        let is_placed = |plugin: &&Plugin| plugin.place == place(table);
        let is_named = |plugin: &&Plugin| {
            plugin.name == *name || plugin.path.as_deref().is_some_and(|path| file(path) == file(name))
        };
        let place = left.iter().position(|plugin| is_placed(plugin) && is_named(plugin));
        if let Some(index) = place.or_else(|| left.iter().position(is_placed)) {
            found.insert(table.clone(), left.remove(index));
        }
    }
    found
}

/// The place in `plugins.lock` of a table in the config: `filter` for `data.source.0.filter.1`.
fn place(table: &str) -> &str {
    let mut parts = table.rsplit('.').filter(|part| part.parse::<usize>().is_err());
    parts.next().unwrap_or(table)
}
