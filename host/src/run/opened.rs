//! A run's folder, opened by a command that reads it: wherever it is now, with only the plugins that are needed.

use super::folder::RunFolder;
use super::folder::checkpoint::sha256;
use super::plugins::named_plugins;
use super::plugins_lock::{Lock, Locked};
use crate::plugin::{PluginConfig, search_path};
use crate::run::RunConfig;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// A run, its config and the plugins that it was trained with.
pub struct OpenedRun {
    /// Its folder.
    pub folder: RunFolder,
    /// Its config, with the current paths of plugins.
    pub config: RunConfig,
    /// The plugins that it was trained with.
    pub lock: Lock,
}

impl OpenedRun {
    /// Opens the run in `root`, its config changed by the overrides `set`. The files of the plugins of some `places`
    /// (`tokenizer`, `model`, `filter`, `loss`, `metric`) are searched for: where the config says, where they were when
    /// the run was trained, in the run's folder and its `plugins`, and on the search path. The digest in `plugins.lock`
    /// decides.
    ///
    /// # Errors
    /// No run, a config with mistakes, or a plugin that is not found.
    pub fn open(root: &Path, set: &[String], places: &[&str]) -> Result<Self> {
        let folder = RunFolder::open(root)?;
        let mut config = config_of(&folder, set)?;
        let lock = Lock::read(&folder)?;
        for (table, place, plugin) in named_plugins(&mut config) {
            let key = table + ".plugin";
            // A plugin that the command line names is that one, whatever its digest.
            if places.contains(&place) && !set.iter().any(|text| is_of(text, &key)) {
                find(plugin, place, &lock, folder.root())?;
            }
        }
        Ok(Self { folder, config, lock })
    }
}

/// Reads the config in a run's folder, changed by the overrides `set`. The run is where its folder is now, whatever the
/// file says.
///
/// # Errors
/// The same as for [`RunConfig::load`].
pub fn config_of(folder: &RunFolder, set: &[String]) -> Result<RunConfig> {
    let mut config = RunConfig::load(&folder.config(), set)?;
    let root = folder.root().canonicalize().map_err(|error| Error::io(folder.root(), "resolve", &error))?;
    let is_set = |key: &str| set.iter().any(|text| is_of(text, key));
    if let Some(dir) = root.parent().filter(|_| !is_set("run.dir")) {
        dir.clone_into(&mut config.run.dir);
    }
    if let Some(name) = root.file_name().and_then(|name| name.to_str()).filter(|_| !is_set("run.name")) {
        name.clone_into(&mut config.run.name);
    }
    Ok(config)
}

/// Reads a config to train with. A `config.toml` next to a `plugins.lock` is that of the run in its folder, wherever
/// the folder is now.
///
/// # Errors
/// The same as for [`RunConfig::load`].
pub fn load(path: &Path, set: &[String]) -> Result<RunConfig> {
    let folder = path.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    match folder.map(RunFolder::open) {
        Some(Ok(folder)) if path.ends_with("config.toml") && folder.root().join("plugins.lock").is_file() => {
            config_of(&folder, set)
        }
        _ => RunConfig::load(path, set),
    }
}

/// Whether the override `text`, such as `loss.plugin=focal`, sets `key`, a part of it, or a table around it.
fn is_of(text: &str, key: &str) -> bool {
    let set = text.split('=').next().unwrap_or_default().trim();
    let starts = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    set == key || starts(set, key) || starts(key, set)
}

/// Replaces a plugin's file by the one with the recorded digest, if there is one.
fn find(plugin: &mut PluginConfig, place: &str, lock: &Lock, root: &Path) -> Result<()> {
    let Some(file) = plugin.file().map(Path::to_owned) else { return Ok(()) };
    let Some(name) = file.file_name() else { return Ok(()) };
    let has_name = |entry: &&Locked| entry.path.as_ref().is_none_or(|path| path.file_name() == Some(name));
    let recorded: Vec<_> = lock.of(place).filter(|entry| !entry.stamp.sha256.is_empty()).filter(has_name).collect();
    let before = recorded.iter().filter_map(|entry| entry.path.clone());
    let near = [root.join(name), root.join("plugins").join(name)];
    let searched = search_path().into_iter().map(|dir| dir.join(name));
    let places: Vec<PathBuf> = std::iter::once(file.clone()).chain(before).chain(near).chain(searched).collect();
    for path in places.iter().filter(|path| path.is_file()) {
        let digest = sha256(path)?;
        if recorded.iter().any(|entry| entry.stamp.sha256 == digest)
            && let Some(path) = path.canonicalize().ok().as_deref().and_then(Path::to_str)
        {
            plugin.plugin = path.to_owned();
            return Ok(());
        }
    }
    if file.is_file() {
        return Ok(());
    }
    let digest = recorded.first().map_or(String::new(), |entry| format!(" (sha256 {})", entry.stamp.sha256));
    Err(Error::usage(format!(
        "{place}: no file {}{digest}, and none with this digest elsewhere; put it there, or into {}",
        file.display(),
        root.join("plugins").display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_of_keys() {
        for (text, expected) in [
            ("loss.plugin=focal", true),
            ("loss={ plugin = 'a.b' }", true),
            ("loss.plugins=focal", false),
            ("loss.config.a=1", false),
            ("metric.0.plugin=x", false),
        ] {
            assert_eq!(is_of(text, "loss.plugin"), expected, "{text}");
        }
    }
}
