//! `config.toml` in a run's folder: paths within the project are relative to the folder, so that the project can be
//! moved or copied as a whole.

use super::RunFolder;
use crate::Result;
use crate::plugin::Grant;
use crate::run::{RunConfig, named_plugins};
use std::path::{Component, Path, PathBuf};

/// Returns the config in TOML. Paths within the project are relative to `folder`; the project is the current folder, if
/// the run is inside it, or else the folder that holds `run.dir`. Other paths stay absolute, and so does `run.dir`.
///
/// # Errors
/// A path that is not UTF-8.
pub fn to_toml(config: &RunConfig, folder: &RunFolder) -> Result<String> {
    // Through a link, `..` would lead elsewhere.
    let Ok(root) = folder.root().canonicalize() else { return config.to_toml() };
    let current = std::env::current_dir().and_then(|dir| dir.canonicalize()).ok();
    let around = root.parent().and_then(Path::parent).map(Path::to_owned);
    let project = current.filter(|dir| root.starts_with(dir)).or(around).filter(|dir| dir.parent().is_some());
    let Some(project) = project else { return config.to_toml() };
    let mut config = config.clone();
    for path in paths(&mut config) {
        if path.starts_with(&project) {
            *path = relative(path, &root);
        }
    }
    for (_, _, plugin) in named_plugins(&mut config) {
        if let Some(path) = plugin.file().filter(|path| path.starts_with(&project)).map(|path| relative(path, &root))
            && let Some(path) = path.to_str()
        {
            plugin.plugin = path.to_owned();
        }
        for grant in &mut plugin.allow {
            match grant {
                Grant::Dir { host, .. } if host.starts_with(&project) => *host = relative(host, &root),
                _ => {}
            }
        }
    }
    config.to_toml()
}

/// Returns every path of a config except `run.dir` and those of plugins.
fn paths(config: &mut RunConfig) -> Vec<&mut PathBuf> {
    let data = &mut config.data;
    let mut all: Vec<_> = data.source.iter_mut().map(|source| &mut source.path).collect();
    all.extend(&mut data.store);
    all.extend(data.decontaminate.iter_mut().flat_map(|decontaminate| &mut decontaminate.files));
    if let Some(tokens) = &mut data.tokens {
        all.push(&mut tokens.train);
        all.extend(tokens.validation.iter_mut().chain(&mut tokens.test));
    }
    all.extend(&mut config.tokenizer.model);
    all.extend(config.start.as_mut().map(|start| &mut start.from));
    all
}

/// Returns the way from `root` to `path`, both absolute; it begins with `.` or `..`.
fn relative(path: &Path, root: &Path) -> PathBuf {
    let common = path.components().zip(root.components()).take_while(|(a, b)| a == b).count();
    let up = root.components().skip(common).map(|_| Component::ParentDir);
    let mut way: PathBuf = up.collect();
    if way.as_os_str().is_empty() {
        way.push(Component::CurDir);
    }
    way.extend(path.components().skip(common));
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_lead_back() {
        for (path, expected) in [
            ("/p/plugins/x.wasm", "../../plugins/x.wasm"),
            ("/p/runs/tiny/x.wasm", "./x.wasm"),
            ("/p/runs/tinyer", "../tinyer"),
            ("/p", "../.."),
        ] {
            assert_eq!(relative(Path::new(path), Path::new("/p/runs/tiny")), Path::new(expected), "{path}");
        }
    }
}
