//! Python plugins: through componentize-py, which puts CPython and the plugin's modules into the component.

use super::tool::{python, quietly};
use super::{Project, read};
use crate::Result;
use std::process::Command;
use trainyard_plugin::sdk;

/// The component, without its identity.
///
/// # Errors
/// The source or the tool is missing, or it fails.
pub fn component(project: &Project) -> Result<Vec<u8>> {
    project.source("plugin.py")?;
    let settings = settings_module(&project.manifest.settings_json());
    let sdk = project.write_sdk(&[
        ("wit/plugin.wit", sdk::WIT),
        ("trainyard_plugin.py", sdk::PYTHON),
        ("trainyard_entry.py", sdk::PYTHON_ENTRY),
        ("trainyard_settings.py", &settings),
    ])?;
    let component = project.dir.join("target/plugin.wasm");
    let mut tool = Command::new(python(&project.dir, "componentize-py"));
    tool.arg("--wit-path").arg(sdk.join("wit")).args(["--world", &project.manifest.kind]);
    // the plugin's own folder first: a module of the SDK that lies there is taken
    tool.args(["componentize", "trainyard_entry", "--stub-wasi", "--python-path"]).arg(&project.dir);
    tool.arg("--python-path").arg(&sdk).arg("--output").arg(&component).current_dir(&project.dir);
    quietly(&mut tool, "run `pip install componentize-py` in an active venv")?;
    read(&component)
}

/// The module that holds the plugin's settings, which are given as JSON.
fn settings_module(json: &str) -> String {
    // a text in JSON is the same text in Python, which Rust's own notation is not
    let json = serde_json::Value::from(json);
    format!("# Made by `trainyard plugin build` of plugin.toml.\nimport json\n\nSETTINGS = json.loads({json})\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_python() {
        // a combining character, which Rust would write as `\u{301}`, and what has a meaning in a text
        let module = settings_module("[[\"marks\",\"texts\",[\"e\u{301}\",\"\\\"\\\\\"]]]");
        let expected =
            "SETTINGS = json.loads(\"[[\\\"marks\\\",\\\"texts\\\",[\\\"e\u{301}\\\",\\\"\\\\\\\"\\\\\\\\\\\"]]]\")";
        assert_eq!(module.lines().last(), Some(expected));
    }
}
