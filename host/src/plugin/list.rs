//! `plugin list`: the built-ins, and what lies in the folders where plugins are looked for.

use super::backends::builtin;
use super::file::{PluginFile, check_contract};
use super::inspect;
use super::inspect::Inspection;
use crate::base::clean;
use crate::{Error, Result};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// A plugin that could be named in a config, or a file that looks like one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// What to write behind `plugin =`: a built-in's name, or a file.
    pub plugin: String,
    /// Its name; empty when the file cannot be read.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The name of its kind, such as `filter`.
    pub kind: String,
    /// `frozen`, or `draft` of a kind that still changes; empty when the file cannot be read.
    pub stability: &'static str,
    /// `builtin`, `wasm` or `native`.
    pub backend: &'static str,
    /// What it does.
    pub description: String,
    /// Why this host cannot use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Where plugins are looked for when no folder is named: `TRAINYARD_PLUGIN_PATH` (separated as `PATH` is),
/// `target/plugins` and `plugins`.
pub fn search_path() -> Vec<PathBuf> {
    let named = std::env::var_os("TRAINYARD_PLUGIN_PATH").unwrap_or_default();
    let named: Vec<_> = std::env::split_paths(&named).filter(|dir| !dir.as_os_str().is_empty()).collect();
    named.into_iter().chain(["target/plugins", "plugins"].map(PathBuf::from)).collect()
}

/// The built-ins, then the plugins in `dirs`, each sorted by name. Files that are no plugins of this host are listed
/// with their problem; a folder that is not there is an error only if `must_exist`.
///
/// # Errors
/// A folder that cannot be listed although it must exist.
pub fn list(dirs: &[PathBuf], must_exist: bool) -> Result<Vec<Listed>> {
    let builtins = builtin::names().map(|name| inspect::inspect(Path::new(&name)).map(listed));
    let mut listed: Vec<_> = builtins.collect::<Result<_>>()?;
    listed.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
    for dir in dirs {
        let entries = match std::fs::read_dir(dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if must_exist => return Err(Error::usage(format!("{}: cannot list: {error}", dir.display()))),
            Err(_) => continue,
        };
        let mut files: Vec<_> =
            entries.into_iter().map(|entry| entry.path()).filter(|path| looks_like_one(path)).collect();
        files.sort();
        listed.extend(files.iter().filter_map(|file| look_at(file)));
    }
    Ok(listed)
}

fn looks_like_one(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    !is_hidden && path.is_file() && ["wasm", "so", "dylib", "dll"].contains(&&*ending)
}

fn look_at(path: &Path) -> Option<Listed> {
    let plugin = path.to_str()?.to_owned();
    let without_path = |error: Error| error.to_string().replacen(&format!("{plugin}: "), "", 1);
    let file = match PluginFile::read(path) {
        Ok(file) => file,
        Err(error) => {
            let problem = Some(without_path(error));
            let empty = String::new;
            let (name, version, kind, description) = (empty(), empty(), empty(), empty());
            let backend = if plugin.ends_with(".wasm") { "wasm" } else { "native" };
            return Some(Listed { plugin, name, version, kind, stability: "", backend, description, problem });
        }
    };
    let problem = check_contract(path, &file.identity).err().map(without_path);
    let inspection = inspect::of_file(&plugin, file);
    Some(Listed { problem, ..listed(inspection) })
}

fn listed(inspection: Inspection) -> Listed {
    let Inspection { plugin, name, version, kind, stability, backend, description, .. } = inspection;
    Listed { plugin, name, version, kind, stability, backend, description, problem: None }
}

/// Characters that are shown of a name or a version.
const NAME_CHARS: usize = 60;

impl fmt::Display for Listed {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "?".into() } else { clean::clip(&self.name, NAME_CHARS) };
        let (version, plugin) = (clean::clip(&self.version, NAME_CHARS), clean::line(&self.plugin));
        let Self { kind, backend, .. } = self;
        write!(f, "{kind:<12} {name:<20} {version:<8} {backend:<8} ")?;
        match (&self.problem, *backend) {
            (Some(problem), _) => write!(f, "{plugin}: {}", clean::message(&clean::line(problem))),
            (None, "builtin") => f.write_str(&clean::line(&self.description)),
            (None, _) => f.write_str(&plugin),
        }?;
        if self.stability == "draft" { f.write_str(" (draft)") } else { Ok(()) }
    }
}
