//! The files of a new plugin; they lie in `host/templates/`.

use super::super::kinds::{self, Example};
use super::super::language::Language;
use trainyard_plugin::Kind;

macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../../templates/", $path))
    };
}

pub const GITIGNORE: &str = file!("gitignore");
pub const README: &str = file!("README.md");
pub const MANIFEST: &str = file!("plugin.toml");
pub const CARGO_TOML: &str = file!("rust/Cargo.toml");
pub const PACKAGE_JSON: &str = file!("js/package.json");

/// What is particular to a language and a kind.
pub struct Template {
    /// The plugin.
    pub source: &'static str,
    /// Its test; a Rust plugin's is in its source.
    pub test: &'static str,
    /// One line.
    pub description: &'static str,
    /// Its settings in `plugin.toml`.
    pub settings: &'static str,
}

/// The template of a language and a kind.
pub fn of(language: Language, kind: Kind) -> Template {
    let Example { description, settings, rust, c, python, javascript } = kinds::entry(kind).example;
    let [source, test] = match language {
        Language::Rust => [rust, ""],
        Language::C => c,
        Language::Python => python,
        Language::JavaScript => javascript,
    };
    Template { source, test, description, settings }
}
