//! What to do about a plugin's file that is not there: most often it was not built yet.

use super::backends::builtin;
use crate::base::files::{MAX_TEXT_BYTES, read_text};
use crate::settings::plugin_name;
use std::path::Path;

/// Files that say that a folder is a plugin's.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "plugin.toml"];

/// The end of a message about the plugin file `path`, which does not exist.
pub fn cure(path: &Path) -> String {
    let name = plugin_name(&path.to_string_lossy());
    let mut cures: Vec<_> =
        build_command(path, &name).into_iter().map(|command| format!("build it with {command}")).collect();
    if builtin::names().any(|builtin| builtin == name) {
        cures.push(format!("use the built-in: plugin = {name:?}"));
    }
    if cures.is_empty() {
        cures.push("correct the path, or see what there is with `trainyard plugin list`".to_owned());
    }
    format!("no such file; {}", cures.join(", or "))
}

/// The command that makes a file in `target/plugins/`, where the folder with its sources is next to it.
fn build_command(path: &Path, name: &str) -> Option<String> {
    let root = path.parent()?.parent()?.parent()?;
    if !path.parent()?.ends_with("target/plugins") {
        return None;
    }
    let is_plugin = |dir: &Path| MANIFESTS.iter().any(|manifest| dir.join(manifest).is_file());
    let of_many = root.join("plugins").join(name);
    if is_plugin(&of_many) {
        let build = format!("`trainyard plugin build {}`", shown(&of_many));
        let is_checkout = root.join("Makefile").is_file() && root.join("plugin-sdk").is_dir();
        return Some(if is_checkout { format!("`make plugins` or {build}") } else { build });
    }
    let names_it = |manifest: &&str| {
        let text = read_text(&root.join(manifest), MAX_TEXT_BYTES);
        text.is_ok_and(|text| text.contains(&format!("{name:?}")))
    };
    MANIFESTS.iter().any(names_it).then(|| format!("`trainyard plugin build {}`", shown(root)))
}

/// A path as one would type it here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    match here {
        Some(path) if path.as_os_str().is_empty() => ".".to_owned(),
        Some(path) => path.display().to_string(),
        None => path.display().to_string(),
    }
}
