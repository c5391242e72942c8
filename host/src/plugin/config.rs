//! How a run's config names a plugin.

use super::open::is_file;
use crate::config::Section;
use serde::Serialize;
use std::path::Path;

/// One plugin of a run: `plugin = "focal"` (built-in), `"path/focal.wasm"` or `"path/libfocal.so"`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginConfig {
    /// A built-in's name, or a file (what ends in `.wasm`, `.so`, `.dylib` or `.dll`, or holds a `/`). Relative to the config
    /// file as written, absolute after loading.
    pub plugin: String,
    /// Native code runs only when the config says `trust = "native"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// The file must have this SHA-256, in lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Limits on what one instance may use.
    pub limits: Limits,
    /// The plugin's own settings: flat.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub config: toml::Table,
}

/// What a native plugin may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Run native code in this process, with all rights of the user.
    Native,
}

/// What one instance of a sandboxed plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Milliseconds that one call may take.
    pub call_ms: u64,
    /// Mebibytes of linear memory.
    pub memory_mb: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { call_ms: 10_000, memory_mb: 1024 }
    }
}

impl Limits {
    fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            call_ms: section.integer("call_ms", 1.., default.call_ms),
            memory_mb: section.integer("memory_mb", 1..=4096, default.memory_mb),
        }
    }
}

impl PluginConfig {
    /// A plugin with default limits and settings.
    pub fn new(plugin: impl Into<String>) -> Self {
        Self { plugin: plugin.into(), trust: None, sha256: None, limits: Limits::default(), config: toml::Table::new() }
    }

    /// The file that holds it; none for a built-in.
    pub fn file(&self) -> Option<&Path> {
        is_file(&self.plugin).then(|| Path::new(&self.plugin))
    }

    /// What a section that names a plugin may contain. Without a default, the key `plugin` must be there.
    pub(crate) fn read(section: &mut Section<'_>, default: Option<&str>) -> Self {
        let expected = "a built-in's name or a file";
        let named = |text: &str| !text.is_empty();
        let name = match default {
            Some(default) => section.text_that("plugin", expected, named).unwrap_or_else(|| default.to_owned()),
            None => section.required_text("plugin", expected, named),
        };
        let mut config = Self::new(name);
        if let Some(file) = config.file() {
            match section.absolute("plugin", file).into_os_string().into_string() {
                Ok(file) => config.plugin = file,
                Err(file) => section.problem("plugin", format!("expected a path in UTF-8, got {}", file.display())),
            }
        }
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
        config.trust = section.option("trust", &[("native", Trust::Native)]);
        config.sha256 = section.text_that("sha256", "64 digits in lower-case hexadecimal", is_digest);
        config.limits = section.section("limits", Limits::read);
        config.config = section.settings("config");
        config
    }
}
