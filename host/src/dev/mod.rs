//! `plugin dev`: watches the sources of a run's plugins; on every save builds the plugin, loads it again and tries it.
//!
//! [`Session::wait`] is the loop's body: it blocks until sources change and returns what became of them. A version that
//! does not build, load or work leaves the last one that did in place.

mod sample;
mod sources;

use crate::corpus;
use crate::plugin::{Forms, METRICS, PluginConfig, build};
use crate::run::{RunConfig, named_plugins};
use crate::{Error, Result};
use sources::Sources;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trainyard_plugin::Kind;

/// How often sources are looked at.
const POLL: Duration = Duration::from_millis(100);

/// Documents of the config's data that a plugin is tried on.
const N_DOCUMENTS: usize = 16;

/// The plugins of a run that are being worked on.
pub struct Session {
    plugins: Vec<Watched>,
    documents: Vec<String>,
}

/// One of them.
struct Watched {
    /// Its place in the config, such as `loss` or `data.filter.0`.
    place: String,
    kinds: &'static [Kind],
    config: PluginConfig,
    sources: Sources,
    /// The last file that worked.
    good: Option<Vec<u8>>,
}

/// Result of a build and of the trial after it.
#[derive(Debug)]
pub struct Report {
    /// The plugin's place in the config and its folder.
    pub plugin: String,
    /// Seconds that the build took.
    pub build_seconds: f64,
    /// Seconds from there to the last line of the trial.
    pub try_seconds: f64,
    /// Lines of the trial, or why there are none.
    pub outcome: Result<Vec<String>>,
    /// Whether the file of an earlier version was put back or left.
    pub kept_old: bool,
}

impl Session {
    /// Finds the plugins: those whose folders are given, else all whose file is in a `target/plugins` next to sources.
    ///
    /// # Errors
    /// A folder that makes no plugin of the config, or none found.
    pub fn start(config: &RunConfig, folders: &[PathBuf]) -> Result<Self> {
        let named = places(config);
        let plugins = match folders {
            [] => found(named)?,
            _ => folders.iter().map(|folder| given(&named, folder)).collect::<Result<_>>()?,
        };
        let texts = corpus::documents(&config.data)?.take(N_DOCUMENTS);
        let documents = texts.map(|document| Ok(document?.content.into_text())).collect::<Result<_>>()?;
        Ok(Self { plugins, documents })
    }

    /// Builds and tries every plugin.
    pub fn all(&mut self) -> Vec<Report> {
        self.plugins.iter_mut().map(|plugin| plugin.attempt(&self.documents)).collect()
    }

    /// Waits until sources change, builds and tries that plugin.
    pub fn wait(&mut self) -> Report {
        loop {
            std::thread::sleep(POLL);
            if let Some(plugin) = self.plugins.iter_mut().find_map(|plugin| plugin.sources.changed().then_some(plugin))
            {
                return plugin.attempt(&self.documents);
            }
        }
    }
}

impl Watched {
    fn new(place: String, kinds: &'static [Kind], config: PluginConfig, folder: PathBuf) -> Self {
        Self { place, kinds, sources: Sources::new(folder), good: None, config }
    }

    fn attempt(&mut self, documents: &[String]) -> Report {
        let path = PathBuf::from(&self.config.plugin);
        let old = self.good.take().or_else(|| std::fs::read(&path).ok());
        let wasm = path.extension().is_some_and(|end| end == "wasm");
        let start = Instant::now();
        let built = build(&self.sources.folder, Forms { wasm, native: !wasm });
        let build_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut outcome = built.and_then(|files| same_file(&files, &path, &self.place));
        let mut lines = Vec::new();
        if outcome.is_ok() {
            outcome = sample::run(&self.config, self.kinds, documents).map(|got| lines = got);
        }
        let kept_old = outcome.is_err() && old.is_some();
        if outcome.is_ok() {
            self.good = std::fs::read(&path).ok();
        } else {
            outcome = old.as_deref().map_or(Ok(()), |bytes| put_back(&path, bytes)).and(outcome);
            self.good = old;
        }
        let try_seconds = start.elapsed().as_secs_f64();
        let plugin = format!("{} ({})", self.place, self.sources.folder.display());
        Report { plugin, build_seconds, try_seconds, outcome: outcome.map(|()| lines), kept_old }
    }
}

/// Renamed in one step: a run may be reading it.
fn put_back(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|now| now == bytes) {
        return Ok(());
    }
    // no name that somebody else may have given
    let new = path.with_added_extension(format!("{}.tmp", std::process::id()));
    let written = std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, path));
    written.map_err(|error| Error::io(path, "put back", &error))
}

fn same_file(built: &[PathBuf], expected: &Path, place: &str) -> Result<()> {
    let is_same = |file: &PathBuf| file.canonicalize().ok() == expected.canonicalize().ok();
    match built.iter().any(is_same) {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "{place}: the folder makes {}, the config names {}; change one of them",
            built.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
            expected.display()
        ))),
    }
}

/// Every plugin that the config names, with its place.
fn places(config: &RunConfig) -> Vec<(String, &'static [Kind], PluginConfig)> {
    let kinds = |place: &str| -> &'static [Kind] {
        match place {
            "tokenizer" => &[Kind::Tokenizer],
            "loss" => &[Kind::Loss],
            "model" => &[Kind::Model],
            "filter" => &[Kind::Filter],
            _ => METRICS,
        }
    };
    let mut config = config.clone();
    let named = named_plugins(&mut config).into_iter();
    named.map(|(key, place, plugin)| (key, kinds(place), plugin.clone())).collect()
}

/// The folders of the plugins whose files the config names, each with the form that it names. Files without sources
/// beside them are left out.
#[must_use]
pub fn named(config: &RunConfig) -> Vec<(PathBuf, Forms)> {
    let mut folders: Vec<(PathBuf, Forms)> = Vec::new();
    for (_, _, plugin) in places(config) {
        let Some((file, folder)) = plugin.file().and_then(|file| Some((file, sources::folder_of(file)?))) else {
            continue;
        };
        let wasm = file.extension().is_some_and(|end| end == "wasm");
        match folders.iter_mut().find(|(known, _)| *known == folder) {
            Some((_, forms)) if wasm => forms.wasm = true,
            Some((_, forms)) => forms.native = true,
            None => folders.push((folder, Forms { wasm, native: !wasm })),
        }
    }
    folders
}

/// The plugins whose sources can be found from their files.
fn found(named: Vec<(String, &'static [Kind], PluginConfig)>) -> Result<Vec<Watched>> {
    let mut plugins = Vec::new();
    for (place, kinds, config) in named {
        if let Some(folder) = config.file().and_then(sources::folder_of) {
            plugins.push(Watched::new(place, kinds, config, folder));
        }
    }
    match plugins.is_empty() {
        true => Err(Error::usage(
            "no plugin of the config lies in a target/plugins with its sources beside it; name a folder with --plugin",
        )),
        false => Ok(plugins),
    }
}

/// The plugin of the config that the sources in `folder` make.
fn given(named: &[(String, &'static [Kind], PluginConfig)], folder: &Path) -> Result<Watched> {
    let folder = folder.canonicalize().map_err(|error| Error::io(folder, "open", &error))?;
    let is_its = |config: &PluginConfig| {
        let file = config.file()?;
        let by_place = sources::folder_of(file).is_some_and(|found| found == folder);
        let by_name = sources::name_of(&folder).is_some_and(|name| sources::stem(file) == Some(name));
        (by_place || by_name).then_some(())
    };
    match named.iter().find(|(_, _, config)| is_its(config).is_some()) {
        Some((place, kinds, config)) => Ok(Watched::new(place.clone(), kinds, config.clone(), folder)),
        None => Err(Error::usage(format!(
            "{}: the config names no file that this folder makes; set the place it is for, such as \
             loss.plugin = \"target/plugins/NAME.wasm\"",
            folder.display()
        ))),
    }
}
