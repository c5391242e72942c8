//! `plugin.toml`: who a plugin is, for languages whose sources cannot say it.

use crate::{Error, Result};
use serde::Deserialize;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use toml::Value;
use trainyard_plugin::{CONTRACT, Kind, MEASURES, PROMPTS, SIGNATURE};

/// The file's name.
const FILE: &str = "plugin.toml";

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Read by [`super::super::language::Language::of`].
    lang: String,
    /// Lower case, digits and hyphens.
    pub name: String,
    /// `tokenizer`, `filter`, `loss`, `metric`, `text-metric` or `model`.
    pub kind: String,
    version: String,
    license: String,
    description: String,
    /// What the plugin promises, such as `idempotent`.
    #[serde(default)]
    abilities: Vec<String>,
    /// Its settings.
    #[serde(default, rename = "setting")]
    settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    name: String,
    #[serde(rename = "type")]
    value_type: String,
    default: Value,
    doc: String,
}

/// The types of a setting: in the manifest, and in an identity, which names them as Rust does.
const TYPES: [(&str, &str); 6] = [
    ("boolean", "bool"),
    ("integer", "i64"),
    ("number", "f64"),
    ("text", "String"),
    ("numbers", "Vec<f64>"),
    ("texts", "Vec<String>"),
];

/// The abilities that have functions, of which kind.
const WITH_FUNCTIONS: [(Kind, &str, &str); 3] = [
    (Kind::Filter, "filters", MEASURES),
    (Kind::TextMetric, "text metrics", PROMPTS),
    (Kind::TextMetric, "text metrics", SIGNATURE),
];

impl Manifest {
    /// Reads and checks the manifest of the plugin in `dir`.
    ///
    /// # Errors
    /// The file cannot be read, or does not describe a plugin.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, "read", &error))?;
        Self::parse(&text).map_err(|why| Error::usage(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| match error.span() {
            Some(span) => {
                let line = text[..span.start].matches('\n').count() + 1;
                format!("line {line}: {}", error.message().replace('\n', ", "))
            }
            None => error.message().replace('\n', ", "),
        })?;
        check_name(&manifest.name)?;
        if !Kind::ALL.iter().any(|kind| kind.name() == manifest.kind) {
            let kinds = Kind::ALL.map(Kind::name).join(", ");
            return Err(format!("kind: expected one of {kinds}, got {:?}", manifest.kind));
        }
        let texts = [("version", &manifest.version), ("license", &manifest.license)];
        for (key, text) in texts.into_iter().chain([("description", &manifest.description)]) {
            check_line(key, text)?;
        }
        manifest.abilities.iter().try_for_each(|ability| check_line("abilities", ability))?;
        for (kind, of_kind, ability) in WITH_FUNCTIONS {
            if manifest.claims(ability) && (manifest.kind.as_str(), manifest.lang.as_str()) != (kind.name(), "c") {
                let (kind, lang) = (&manifest.kind, &manifest.lang);
                return Err(format!(
                    "abilities: {ability:?} is for {of_kind} in Rust and C, this is a {kind} in {lang}"
                ));
            }
        }
        manifest.settings.iter().try_for_each(Setting::check)?;
        Ok(manifest)
    }

    fn claims(&self, ability: &str) -> bool {
        self.abilities.iter().any(|claimed| claimed == ability)
    }

    /// The world of the contract that a component of it exports, and the macro that makes the bridge of C do so.
    pub fn world(&self) -> (&str, Option<&'static str>) {
        if self.claims(MEASURES) {
            return ("measured-filter", Some("TRAINYARD_MEASURES"));
        }
        match self.claims(PROMPTS) || self.claims(SIGNATURE) {
            true => ("extended-text-metric", Some("TRAINYARD_EXTENDED")),
            false => (&self.kind, None),
        }
    }

    /// The text of the identity.
    pub fn identity(&self) -> String {
        let (major, minor) = CONTRACT;
        let mut text = format!(
            "trainyard-plugin\t1\nkind\t{}\nname\t{}\nversion\t{}\nlicense\t{}\ndescription\t{}\n\
             contract\t{major}.{minor}\nsdk\t{}\n",
            self.kind,
            self.name,
            self.version,
            self.license,
            self.description,
            env!("CARGO_PKG_VERSION"),
        );
        for ability in &self.abilities {
            let _ = writeln!(text, "ability\t{ability}");
        }
        for setting in &self.settings {
            let value_type = TYPES.iter().find(|(name, _)| *name == setting.value_type).map_or("", |(_, rust)| rust);
            let _ = writeln!(text, "setting\t{}\t{value_type}\t{}\t{}", setting.name, setting.default, setting.doc);
        }
        text
    }

    /// The settings as JSON, for the SDKs that check them: `[[name, type, default], …]`.
    pub fn settings_json(&self) -> String {
        let settings = self.settings.iter().map(|setting| json!([setting.name, setting.value_type, setting.default]));
        serde_json::Value::from_iter(settings).to_string()
    }
}

impl Setting {
    fn check(&self) -> std::result::Result<(), String> {
        let Self { name, value_type, default, doc } = self;
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(format!("setting {name:?}: a name is written in lower case, digits and underscores"));
        }
        check_line(name, doc)?;
        let all = |is: fn(&Value) -> bool| default.as_array().is_some_and(|values| values.iter().all(is));
        let fits = match value_type.as_str() {
            "boolean" => default.is_bool(),
            "integer" => default.is_integer(),
            "number" => default.is_float() || default.is_integer(),
            "text" => default.is_str(),
            "numbers" => all(|value| value.is_float() || value.is_integer()),
            "texts" => all(Value::is_str),
            _ => {
                let types = TYPES.map(|(name, _)| name).join(", ");
                return Err(format!("setting {name:?}: type: expected one of {types}, got {value_type:?}"));
            }
        };
        match fits && !default.to_string().contains(['\n', '\t']) {
            true => Ok(()),
            false => Err(format!("setting {name:?}: default: expected {value_type} on one line, got {default}")),
        }
    }
}

/// A plugin's name: lower case, digits and hyphens, beginning with a letter.
///
/// # Errors
/// The rule that the name breaks, and the name.
pub fn check_name(name: &str) -> std::result::Result<(), String> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts = name.starts_with(|char: char| char.is_ascii_lowercase());
    match starts && !name.ends_with('-') && name.len() <= 64 && name.bytes().all(is_part) {
        true => Ok(()),
        false => {
            Err(format!("name: expected lower-case letters, digits and hyphens, beginning with a letter, got {name:?}"))
        }
    }
}

/// An identity is made of lines and tabs.
fn check_line(key: &str, text: &str) -> std::result::Result<(), String> {
    match text.chars().any(char::is_control) {
        true => Err(format!("{key}: expected one line without tabs, got {text:?}")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::Identity;

    const MANIFEST: &str = r#"
        lang = "c"
        name = "few-words"
        kind = "filter"
        version = "1.2.0"
        license = "MIT"
        description = "drops documents with few words"
        [[setting]]
        name = "min_words"
        type = "integer"
        default = 5
        doc = "fewest words of a document that stays"
        [[setting]]
        name = "marks"
        type = "texts"
        default = ["!", "?"]
        doc = "what ends a sentence"
    "#;

    #[test]
    fn identity_says_what_the_manifest_says() {
        let manifest = Manifest::parse(MANIFEST).unwrap();
        let identity = Identity::parse(&manifest.identity()).unwrap();
        assert_eq!(
            (identity.kind, identity.name.as_str(), identity.version.as_str()),
            (Kind::Filter, "few-words", "1.2.0")
        );
        assert_eq!(identity.contract, CONTRACT);
        let settings: Vec<_> =
            identity.settings.iter().map(|s| (s.name.as_str(), s.value_type.as_str(), s.default.as_str())).collect();
        assert_eq!(settings, [("min_words", "i64", "5"), ("marks", "Vec<String>", "[\"!\", \"?\"]")]);
        assert_eq!(manifest.settings_json(), r#"[["min_words","integer",5],["marks","texts",["!","?"]]]"#);
    }

    #[test]
    fn mistakes_are_named() {
        for (old, new, expected) in [
            (
                "few-words",
                "Few",
                "name: expected lower-case letters, digits and hyphens, beginning with a letter, got \"Few\"",
            ),
            (
                "\"filter\"",
                "\"sieve\"",
                "kind: expected one of tokenizer, filter, loss, metric, text-metric, model, got \"sieve\"",
            ),
            ("\"1.2.0\"", "\"1\\t2\"", "version: expected one line without tabs, got \"1\\t2\""),
            (
                "\"integer\"",
                "\"u32\"",
                "setting \"min_words\": type: expected one of boolean, integer, number, text, numbers, texts, got \"u32\"",
            ),
            ("= 5", "= 5.5", "setting \"min_words\": default: expected integer on one line, got 5.5"),
            (
                "\"min_words\"",
                "\"min words\"",
                "setting \"min words\": a name is written in lower case, digits and underscores",
            ),
            (
                "lang = \"c\"",
                "lang = \"js\"\nabilities = [\"measures\"]",
                "abilities: \"measures\" is for filters in Rust and C, this is a filter in js",
            ),
            ("license = \"MIT\"", "", "line 1: missing field `license`"),
        ] {
            let error = Manifest::parse(&MANIFEST.replacen(old, new, 1)).unwrap_err();
            assert_eq!(error, expected);
        }
        let error = Manifest::parse(&format!("colour = 1\n{MANIFEST}")).unwrap_err();
        assert!(error.starts_with("line 1: unknown field `colour`, expected"), "{error}");
    }
}
