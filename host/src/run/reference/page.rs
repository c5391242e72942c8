//! The page `docs/config.md`.

use super::Meanings;
use crate::Result;
use crate::plugin::{Inspection, PluginConfig, builtin_names, inspect};
use crate::run::RunConfig;
use crate::settings::{Condition, Setting, reference};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// What the page begins with.
const HEAD: &str = "\
# Every setting of a config

`trainyard config reference` prints this page; it is made from the code that reads configs. `trainyard config schema`
prints the same as a JSON schema, which editors use to check and complete a config, and `trainyard config show CONFIG`
prints a config with every default filled in.

A config is a TOML file. A setting is changed on the command line by `--set KEY=VALUE`, with dots between the parts of
the key and numbers into lists (`--set data.filter.0.config.min_words=50`), and removed by `--unset KEY`. Where `--set`
names another plugin, the settings of the old one (`config`) are dropped. Relative paths start at the config's folder,
in a `--set` at the current one. A key without a default is optional, unless it says *required*.
";

const PLUGINS: &str = "\
## Tables of plugins

A table that names a plugin has these keys. [plugins/limits.md](plugins/limits.md) says more about limits and policies.
";

const BUILTINS: &str = "\
## Settings of the built-in plugins

They are keys of `config` in the plugin's table, such as `tokenizer.config.vocab_size`. `trainyard plugin inspect FILE`
shows those of any other plugin.
";

const TABLE: &str = "| key | value | default | meaning |\n|---|---|---|---|\n";

/// The page `docs/config.md`.
///
/// # Errors
/// A built-in plugin without a readable identity.
pub fn reference_page() -> Result<String> {
    let page = Page {
        meanings: Meanings::new(),
        settings: RunConfig::settings(),
        of_plugins: reference(|root| drop(PluginConfig::read(root, None))),
    };
    let mut text = HEAD.to_owned();
    let tables: Vec<_> = page.settings.iter().filter(|setting| is_table(setting)).collect();
    for table in tables.iter().filter(|table| !page.is_of_plugin(&table.path)) {
        page.table(&mut text, table);
    }
    let _ = write!(text, "\n{PLUGINS}\n{TABLE}");
    for setting in page.of_plugins.iter().filter(|setting| !is_table(setting)) {
        // every such table has the same meanings
        row(&mut text, &page.meanings, (&format!("loss.{}", setting.path), &setting.path), setting);
    }
    let _ = write!(text, "\n{BUILTINS}");
    for name in builtin_names() {
        builtin(&mut text, &inspect(Path::new(&name))?);
    }
    Ok(text)
}

struct Page {
    meanings: Meanings,
    settings: Vec<Setting>,
    /// The keys that every table of a plugin has.
    of_plugins: Vec<Setting>,
}

impl Page {
    /// The section of one table.
    fn table(&self, text: &mut String, table: &Setting) {
        let inside = inside(table);
        let of_plugin = self.names_plugin(&inside);
        let own = |setting: &&Setting| {
            let key = setting.path.strip_prefix(&inside).and_then(|key| key.strip_prefix('.'));
            let same = |other: &Setting| Some(other.path.as_str()) == key && other.schema == setting.schema;
            let is_shared = of_plugin && self.of_plugins.iter().any(same);
            key.is_some_and(|key| !key.contains('.')) && !is_table(setting) && !is_shared
        };
        let rows: Vec<_> = self.settings.iter().filter(own).collect();
        let heading = match table.schema["type"] == "array" {
            true => format!("[[{}]]", written(&table.path)),
            false => format!("[{}]", written(&table.path)),
        };
        let _ = write!(text, "\n## `{heading}`\n");
        let without_heading = |meaning: String| {
            let meaning = meaning.strip_prefix(&format!("`{heading}`")).unwrap_or(&meaning);
            sentence(meaning.trim_start_matches([':', ',', '.', ' ']))
        };
        // the tables of plugins have one type
        let of_key = self.meanings.of(&table.path).filter(|_| of_plugin).map(without_heading);
        let of_type = || self.meanings.of_table(&table.path).map(without_heading).unwrap_or_default();
        let meaning = of_key.filter(|meaning| !meaning.is_empty()).unwrap_or_else(of_type);
        let plugin = if of_plugin { "It has the keys of [a plugin's table](#tables-of-plugins)." } else { "" };
        let both: Vec<_> = [meaning.as_str(), plugin].into_iter().filter(|part| !part.is_empty()).collect();
        if !both.is_empty() {
            let _ = write!(text, "\n{}\n", both.join(" "));
        }
        if !rows.is_empty() {
            let _ = write!(text, "\n{TABLE}");
        }
        for setting in rows {
            let key = &setting.path[inside.len() + 1..];
            row(text, &self.meanings, (&setting.path, key), setting);
        }
    }

    /// Tells if the table at a path names a plugin.
    fn names_plugin(&self, path: &str) -> bool {
        let has = |key: &str| self.settings.iter().any(|setting| setting.path == format!("{path}.{key}"));
        self.of_plugins.iter().all(|setting| has(&setting.path))
    }

    /// Tells if a table is a part of the table of a plugin.
    fn is_of_plugin(&self, path: &str) -> bool {
        path.rsplit_once('.').is_some_and(|(parent, _)| self.names_plugin(parent))
    }
}

/// The text with a capital letter at its start and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let end = if text.is_empty() || text.ends_with('.') { "" } else { "." };
    first + chars.as_str() + end
}

fn is_table(setting: &Setting) -> bool {
    let kind = setting.schema["type"].as_str();
    matches!(kind, Some("object" | "array"))
        && ["items", "additionalProperties"].iter().all(|key| setting.schema.get(key).is_none())
}

/// The path of the keys in a table, or in the entries of a list of tables.
fn inside(table: &Setting) -> String {
    let entry = if table.schema["type"] == "array" { ".0" } else { "" };
    format!("{}{entry}", table.path)
}

/// A path as it is written in TOML: without the numbers of entries.
fn written(path: &str) -> String {
    path.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".")
}

/// The row of a setting, which is at `path` and shown as `key`.
fn row(text: &mut String, meanings: &Meanings, (path, key): (&str, &str), setting: &Setting) {
    let words = setting.words();
    let value = match words.as_slice() {
        [] => setting.expected.clone(),
        words => words.iter().map(|word| format!("`{word:?}`")).collect::<Vec<_>>().join(", "),
    };
    let mut meaning =
        setting.only_with.iter().map(|(choice, words)| only_with(path, choice, words)).collect::<String>();
    meaning += &meanings.of(path).unwrap_or_default();
    for word in words {
        if let Some(of_word) = meanings.of_word(path, word) {
            let _ = write!(meaning, " `{word}`: {of_word}");
        }
    }
    let default = if setting.required { "*required*".to_owned() } else { default(path, setting) };
    let cell = |text: &str| text.replace('|', "\\|");
    let _ = writeln!(text, "| `{key}` | {} | {} | {} |", cell(&value), cell(&default), cell(meaning.trim()));
}

fn only_with(path: &str, choice: &str, words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{} = {word:?}`", near(path, choice))).collect();
    format!("Only with {}. ", words.join(" or "))
}

/// The default, and the others that depend on something.
fn default(path: &str, setting: &Setting) -> String {
    let shown = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::Number(number) => format!("`{}`", short(number.as_f64().unwrap_or_default())),
        value => format!("`{value}`"),
    };
    let mut text = setting.default().map_or_else(|| "–".to_owned(), shown);
    for (condition, value) in &setting.defaults {
        let condition = match condition {
            Condition::Choice(choice, word) => format!("`{} = {word:?}`", near(path, choice)),
            Condition::Table(table) => format!("`[{}]`", written(table)),
        };
        let _ = write!(text, "; {} with {condition}", shown(value));
    }
    text
}

/// A number as people write it: `0.1`, `1e-8`, `10000`.
fn short(number: f64) -> String {
    let (plain, scientific) = (format!("{number}"), format!("{number:e}"));
    if scientific.len() < plain.len() && plain.starts_with("0.000") { scientific } else { plain }
}

/// A key as seen from the table of another: its name, or its path where it is in another table.
fn near(path: &str, other: &str) -> String {
    let table = |path: &str| path.rsplit_once('.').map_or(String::new(), |(table, _)| table.to_owned());
    match other.rsplit_once('.') {
        Some((_, key)) if table(path) == table(other) => key.to_owned(),
        _ => written(other),
    }
}

/// The settings of a built-in plugin.
fn builtin(text: &mut String, plugin: &Inspection) {
    let description = match plugin.description.split_once(": ") {
        Some((kind, description)) if kind.replace(' ', "-") == plugin.kind => description,
        _ => &plugin.description,
    };
    let _ = write!(text, "\n### `{}` ({})\n\n{}\n", plugin.name, plugin.kind, sentence(description));
    if plugin.settings.is_empty() {
        return;
    }
    let _ = write!(text, "\n| key | type | default | meaning |\n|---|---|---|---|\n");
    for setting in &plugin.settings {
        let cell = |text: &str| text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ");
        let (name, kind) = (&setting.name, cell(&setting.value_type));
        let (default, doc) = (cell(&setting.default.replace(".into()", "")), cell(&setting.doc));
        let _ = writeln!(text, "| `{name}` | `{kind}` | `{default}` | {doc} |");
    }
}
