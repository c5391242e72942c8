//! How a run's config names a plugin.

use serde::Serialize;

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
