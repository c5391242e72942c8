//! How a run's config names a plugin.

use super::grant::Grant;
use super::limits::Limits;
use super::open::is_file;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Names of numbers that the host computes for every run: no metric has one of them.
pub const RESERVED_NAMES: [&str; 2] = ["cross-entropy", "loss"];

/// The longest name of a metric.
const NAME_BYTES_MAX: usize = 64;

/// One plugin of a run: `plugin = "focal"` (built-in), `"path/focal.wasm"` or `"path/libfocal.so"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginConfig {
    /// A built-in's name, or a file (what ends in `.wasm`, `.so`, `.dylib` or `.dll`, or holds a `/`). Relative to the
    /// config file as written, absolute after loading.
    pub plugin: String,
    /// How results name it, of a metric: the plugin's name if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the user trusts it with beyond the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// Whether a plugin of a kind that is still a draft is allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// The file must have this SHA-256, in lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where it runs: in this process unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// What happens when a call fails.
    pub on_error: OnError,
    /// Calls that may fail before the run ends, with `skip` and `restart`.
    pub max_errors: u64,
    /// What the sandbox is opened for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<Grant>,
    /// Limits on what one instance may use.
    pub limits: Limits,
    /// The plugin's own settings: flat.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub config: toml::Table,
}

/// What a plugin is trusted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Native code may run, with all rights of the user.
    Native,
    /// A sandboxed plugin may run without a deadline (`limits.call_ms = 0`).
    Wasm,
}

/// Where a plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// In a child process per instance: a crash is an error of the plugin, not the end of the run.
    Process,
}

/// What happens when a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The run ends with the error.
    #[default]
    Abort,
    /// What cannot be handled is left out and counted.
    Skip,
    /// A new instance tries again, after a pause that doubles.
    Restart,
}

impl PluginConfig {
    /// A plugin with default limits and settings.
    pub fn new(plugin: impl Into<String>) -> Self {
        Self {
            plugin: plugin.into(),
            name: None,
            trust: None,
            draft: false,
            sha256: None,
            isolation: None,
            on_error: OnError::Abort,
            max_errors: 10,
            allow: Vec::new(),
            limits: Limits::default(),
            config: toml::Table::new(),
        }
    }

    /// The file that holds it; none for a built-in.
    pub fn file(&self) -> Option<&Path> {
        is_file(&self.plugin).then(|| Path::new(&self.plugin))
    }

    /// What `[[metric]]` may contain. `taken` are the names that the ones before it have.
    pub(crate) fn read_metric(section: &mut Section<'_>, taken: &mut Vec<String>) -> Self {
        let letter = |char: char| char.is_alphanumeric() || "-_.".contains(char);
        let is_name = |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(letter);
        let name = section.text_that("name", "a name of letters, digits, '-', '_' and '.'", is_name);
        if let Some(name) = &name {
            if RESERVED_NAMES.contains(&name.as_str()) {
                section.problem("name", format!("{name:?} is the host's own number, expected another name"));
            } else if taken.contains(name) {
                section.problem("name", format!("another metric is named {name:?}, expected a name of its own"));
            }
            taken.push(name.clone());
        }
        Self { name, ..Self::read(section, None) }
    }

    /// What a section that names a plugin may contain. Without a default, the key `plugin` must be there.
    pub(crate) fn read(section: &mut Section<'_>, default: Option<&str>) -> Self {
        let expected = "a built-in's name or a file";
        let named = |text: &str| !text.is_empty();
        let name = match default {
            Some(default) => section.text_or("plugin", expected, default, named),
            None => section.required_text("plugin", expected, named),
        };
        Self::read_named(section, name)
    }

    /// What such a section may contain besides the plugin's name.
    pub(crate) fn read_named(section: &mut Section<'_>, name: String) -> Self {
        let mut config = Self::new(name);
        if let Some(file) = config.file() {
            match section.absolute("plugin", file).into_os_string().into_string() {
                Ok(file) => config.plugin = file,
                Err(file) => section.problem("plugin", format!("expected a path in UTF-8, got {}", file.display())),
            }
        }
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        config.trust = section.option("trust", &[("native", Trust::Native), ("wasm", Trust::Wasm)]);
        config.draft = section.boolean("draft", config.draft);
        config.sha256 = section.text_that("sha256", "64 digits in lower-case hexadecimal", is_digest);
        config.isolation = section.option("isolation", &[("process", Isolation::Process)]);
        let policies = [("abort", OnError::Abort), ("skip", OnError::Skip), ("restart", OnError::Restart)];
        config.on_error = section.choice("on_error", &policies, config.on_error);
        config.max_errors = section.integer("max_errors", 0.., config.max_errors);
        config.allow = Grant::read_all(section);
        config.limits = section.section("limits", Limits::read);
        if config.limits.call_ms == 0 && config.trust.is_none() {
            section.problem("limits", Limits::NO_DEADLINE);
        }
        config.config = section.settings("config");
        config
    }
}
