//! The languages that a plugin can be written in.

use crate::{Error, Result};
use std::path::Path;

/// A language that a plugin can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A crate: `Cargo.toml`, `src/lib.rs`.
    Rust,
    /// `plugin.toml`, `plugin.c`.
    C,
    /// `plugin.toml`, `plugin.py`.
    Python,
    /// `plugin.toml`, `plugin.js`.
    JavaScript,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::Rust, Self::C, Self::Python, Self::JavaScript];

    /// As on the command line and in `plugin.toml`: `rust`, `c`, `python`, `js`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Python => "python",
            Self::JavaScript => "js",
        }
    }

    /// As one writes it: `Rust`, `C`, `Python`, `JavaScript`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
        }
    }

    /// The language of the plugin in a folder: of a crate Rust, else what its `plugin.toml` says.
    ///
    /// # Errors
    /// A folder without a manifest, or with one that names no language.
    pub fn of(dir: &Path) -> Result<Self> {
        if dir.join("Cargo.toml").is_file() {
            return Ok(Self::Rust);
        }
        let path = dir.join("plugin.toml");
        let Ok(text) = std::fs::read_to_string(&path) else {
            return Err(Error::usage(format!(
                "{}: neither a Cargo.toml nor a plugin.toml here, expected a plugin's folder; \
                 make one with `trainyard plugin new`",
                dir.display()
            )));
        };
        let table: toml::Table =
            text.parse().map_err(|error| Error::usage(format!("{}: is not TOML: {error}", path.display())))?;
        let lang = table.get("lang").and_then(toml::Value::as_str).unwrap_or_default();
        Self::ALL.into_iter().find(|known| *known != Self::Rust && known.name() == lang).ok_or_else(|| {
            Error::usage(format!("{}: lang: expected \"c\", \"python\" or \"js\", got {lang:?}", path.display()))
        })
    }
}
