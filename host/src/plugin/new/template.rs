//! The files of a new plugin; they lie in `host/templates/`.

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
    let (source, test) = files(language, kind);
    let (description, settings) = match kind {
        Kind::Filter => ("Drops documents with few words", file!("settings/filter.toml")),
        Kind::Loss => ("Cross-entropy with less weight on easy tokens", file!("settings/loss.toml")),
        Kind::Metric => ("Share of tokens with at least a given probability", file!("settings/metric.toml")),
        Kind::Tokenizer => ("One token per byte", ""),
        Kind::TextMetric => ("Words per generated text", ""),
    };
    Template { source, test, description, settings }
}

fn files(language: Language, kind: Kind) -> (&'static str, &'static str) {
    match (language, kind) {
        (Language::Rust, Kind::Filter) => (file!("rust/filter.rs"), ""),
        (Language::Rust, Kind::Loss) => (file!("rust/loss.rs"), ""),
        (Language::Rust, Kind::Metric) => (file!("rust/metric.rs"), ""),
        (Language::Rust, Kind::Tokenizer) => (file!("rust/tokenizer.rs"), ""),
        (Language::Rust, Kind::TextMetric) => (file!("rust/text-metric.rs"), ""),
        (Language::C, Kind::Filter) => (file!("c/filter.c"), file!("c/test_filter.c")),
        (Language::C, Kind::Loss) => (file!("c/loss.c"), file!("c/test_loss.c")),
        (Language::C, Kind::Metric) => (file!("c/metric.c"), file!("c/test_metric.c")),
        (Language::C, Kind::Tokenizer) => (file!("c/tokenizer.c"), file!("c/test_tokenizer.c")),
        (Language::C, Kind::TextMetric) => (file!("c/text-metric.c"), file!("c/test_text-metric.c")),
        (Language::Python, Kind::Filter) => (file!("python/filter.py"), file!("python/test_filter.py")),
        (Language::Python, Kind::Loss) => (file!("python/loss.py"), file!("python/test_loss.py")),
        (Language::Python, Kind::Metric) => (file!("python/metric.py"), file!("python/test_metric.py")),
        (Language::Python, Kind::Tokenizer) => (file!("python/tokenizer.py"), file!("python/test_tokenizer.py")),
        (Language::Python, Kind::TextMetric) => (file!("python/text-metric.py"), file!("python/test_text-metric.py")),
        (Language::JavaScript, Kind::Filter) => (file!("js/filter.js"), file!("js/test_filter.js")),
        (Language::JavaScript, Kind::Loss) => (file!("js/loss.js"), file!("js/test_loss.js")),
        (Language::JavaScript, Kind::Metric) => (file!("js/metric.js"), file!("js/test_metric.js")),
        (Language::JavaScript, Kind::Tokenizer) => (file!("js/tokenizer.js"), file!("js/test_tokenizer.js")),
        (Language::JavaScript, Kind::TextMetric) => (file!("js/text-metric.js"), file!("js/test_text-metric.js")),
    }
}
