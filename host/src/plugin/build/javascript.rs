//! JavaScript plugins: through componentize-qjs, which puts QuickJS and the plugin's modules into the component.

use super::tool::quietly;
use super::{Project, read, write};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use trainyard_plugin::sdk;

/// The program in an npm folder.
const TOOL: &str = "node_modules/.bin/componentize-qjs";

/// The component, without its identity.
///
/// # Errors
/// The source or the tool is missing, or it fails.
pub fn component(project: &Project) -> Result<Vec<u8>> {
    project.source("plugin.js")?;
    let settings = format!(
        "// Made by `trainyard plugin build` of plugin.toml.\nexport const SETTINGS = {};\n",
        project.manifest.settings_json()
    );
    let sdk = project.write_sdk(&[
        ("wit/plugin.wit", sdk::WIT),
        ("trainyard_plugin.js", sdk::JAVASCRIPT),
        ("trainyard_entry.js", sdk::JAVASCRIPT_ENTRY),
        ("trainyard_settings.js", &settings),
    ])?;
    // modules find each other by their place
    for path in sources(&project.dir)? {
        write(&sdk.join(path.file_name().unwrap_or_default()), &read(&path)?)?;
    }
    let component = project.dir.join("target/plugin.wasm");
    let mut tool = Command::new(tool(&project.dir)?);
    tool.arg("--wit").arg(sdk.join("wit")).args(["--world", &project.manifest.kind, "--sync", "--stub-wasi"]);
    tool.arg("--js").arg(sdk.join("trainyard_entry.js")).arg("--module-root").arg(&sdk);
    tool.arg("--output").arg(&component);
    quietly(&mut tool, "run `npm install componentize-qjs` in the plugin's folder")?;
    read(&component)
}

/// The JavaScript modules in a folder.
fn sources(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let entries = entries.map_err(|error| Error::io(dir, "read", &error))?;
    let paths = entries.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "js") && path.is_file()).collect())
}

/// The tool in the plugin's folder or one above it, where npm puts it, or what the path finds.
fn tool(dir: &Path) -> Result<PathBuf> {
    let suffix = if cfg!(windows) { ".cmd" } else { "" };
    let found = dir.ancestors().map(|dir| dir.join(format!("{TOOL}{suffix}"))).find(|path| path.is_file());
    Ok(found.unwrap_or_else(|| "componentize-qjs".into()))
}
