//! Where a plugin's sources are, and when they change.

use crate::plugin::Language;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What builds write, and what tools install.
const NOT_SOURCES: [&str; 5] = ["target", "node_modules", ".venv", "__pycache__", ".git"];

/// The sources of one plugin.
pub struct Sources {
    /// Its folder.
    pub folder: PathBuf,
    seen: Vec<(PathBuf, SystemTime)>,
}

impl Sources {
    pub fn new(folder: PathBuf) -> Self {
        let mut sources = Self { folder, seen: Vec::new() };
        sources.changed();
        sources
    }

    /// Whether a file was written, made or removed since the last time.
    pub fn changed(&mut self) -> bool {
        let mut now = Vec::new();
        walk(&self.folder, &mut now);
        now.sort();
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn walk(dir: &Path, files: &mut Vec<(PathBuf, SystemTime)>) {
    // a file that vanishes meanwhile is a change that the next look sees
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(metadata) = entry.metadata() else { continue };
        let name = name.to_string_lossy();
        if metadata.is_dir() {
            if !NOT_SOURCES.contains(&&*name) {
                walk(&path, files);
            }
        } else if !name.starts_with('.') && !name.ends_with('~') {
            files.push((path, metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
        }
    }
}

/// The folder whose build makes `file`: the one around its `target/plugins`, or a crate of that workspace.
pub fn folder_of(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    // a folder that was never built has no `target/plugins` yet
    let plugins = parent.canonicalize().or_else(|_| std::path::absolute(parent)).ok()?;
    if !plugins.ends_with("target/plugins") {
        return None;
    }
    let root = plugins.parent()?.parent()?.canonicalize().ok()?;
    let name = stem(file)?;
    let candidates = [root.clone(), root.join("plugins").join(&name), root.join(&name)];
    candidates.into_iter().find(|folder| name_of(folder).is_some_and(|found| found == name))
}

/// The name of the plugin that a folder makes, as its manifest tells it: of a crate the folder's or the package's.
pub fn name_of(folder: &Path) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.parse::<toml::Table>().ok();
    match Language::of(folder).ok()? {
        Language::Rust => {
            let manifest = read("Cargo.toml")?;
            let package = manifest.get("package")?.get("name")?.as_str()?.to_owned();
            let dir = folder.file_name()?.to_string_lossy().into_owned();
            // first-party crates are named after the project and the plugin
            Some(if package.ends_with(&format!("-{dir}")) { dir } else { package })
        }
        _ => Some(read("plugin.toml")?.get("name")?.as_str()?.to_owned()),
    }
}

/// The plugin's name in the name of its file.
pub fn stem(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    let is_wasm = file.extension().is_some_and(|end| end == "wasm");
    let prefix = if is_wasm { "" } else { std::env::consts::DLL_PREFIX };
    Some(stem.strip_prefix(prefix).unwrap_or(stem).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_before_anything_was_built() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().canonicalize().expect("it is there").join("plugins/mine");
        std::fs::create_dir_all(&folder).expect("writable");
        std::fs::create_dir(root.path().join("configs")).expect("writable");
        std::fs::write(folder.join("Cargo.toml"), "[package]\nname = \"project-mine\"\n").expect("writable");
        for file in ["target/plugins/mine.wasm", "configs/../target/plugins/mine.wasm"] {
            assert_eq!(folder_of(&root.path().join(file)), Some(folder.clone()), "{file}");
        }
        assert_eq!(folder_of(&root.path().join("plugins/mine.wasm")), None);
        assert_eq!(folder_of(&root.path().join("target/plugins/other.wasm")), None);
    }
}
