//! The reference of all settings: what the readers of a config ask for.
//!
//! The readers run on documents that hold next to nothing: an empty one, then one for each optional table and for each
//! word of each choice. So it is seen which keys exist only with which word, and which defaults depend on it, and the
//! reference cannot differ from the readers.

use super::document::Table;
use super::overrides;
use super::problems::Problems;
use super::section::{Scope, Section};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};

/// One key of a config.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Where it is: `data.source.0.path`. Every list has one entry, number 0.
    pub path: String,
    /// The type and range, as messages say it.
    pub expected: String,
    /// The JSON schema of the value, with the default.
    pub schema: Value,
    /// Must be in a config.
    pub required: bool,
    /// The choice that it exists with, and the words of it; none for a key that is always there.
    pub only_with: Option<(String, Vec<String>)>,
    /// Defaults other than that of `schema`, each with what it depends on.
    pub defaults: Vec<(Condition, Value)>,
}

/// What a default depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A choice and its word.
    Choice(String, String),
    /// A table that may be absent is there.
    Table(String),
}

/// A request of a reader.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    path: String,
    expected: String,
    schema: Value,
    required: bool,
}

impl Asked {
    fn default(&self) -> Option<&Value> {
        self.schema.get("default")
    }

    fn words(&self) -> Vec<String> {
        let words = self.schema.get("enum").and_then(Value::as_array);
        words.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn is_table(&self) -> bool {
        self.schema["type"] == "object" && self.schema.get("additionalProperties").is_none()
    }
}

/// Every setting that the reader `read` of a document's root asks for, in the order in which it asks.
pub fn reference(read: impl Fn(&mut Section<'_>)) -> Vec<Setting> {
    let base = requests(&[], &read);
    let mut found = Found { settings: base.iter().map(Setting::new).collect(), absent: Vec::new() };
    // what a condition changes is seen next to the same document without it
    let mut known = BTreeMap::from([(String::new(), base.clone())]);
    for asked in &base {
        let parent = asked.path.rsplit_once('.').map_or("", |(parent, _)| parent);
        if !known.contains_key(parent) {
            known.insert(parent.to_owned(), requests(&[format!("{parent}={{}}")], &read));
        }
        let without = &known[parent];
        if asked.is_table() {
            let with = requests(&[format!("{}={{}}", asked.path)], &read);
            found.compare(without, &with, &Condition::Table(asked.path.clone()));
        }
        for word in asked.words().into_iter().filter(|word| asked.default().is_none_or(|default| default != word)) {
            let with = requests(&[format!("{}={word:?}", asked.path)], &read);
            found.compare(without, &with, &Condition::Choice(asked.path.clone(), word));
        }
    }
    found.finish(&base)
}

/// What the reader asks for in a document that holds these overrides and nothing else.
fn requests(overrides: &[String], read: &impl Fn(&mut Section<'_>)) -> Vec<Asked> {
    let problems = Problems::new(Path::new(""), "", &[]);
    let (file_base, set_base) = (PathBuf::new(), PathBuf::new());
    let requests = Some(RefCell::default());
    let (places, misplaced) = (RefCell::default(), RefCell::default());
    let scope = Scope { problems, file_base, set_base, places, requests, misplaced };
    let mut document = Table::new();
    overrides::apply(&mut document, overrides, &scope.problems);
    Section::root(document, &scope, |root| read(root));
    let (mut asked, misplaced) = (scope.requests.map(RefCell::into_inner).unwrap_or_default(), scope.misplaced.take());
    let is_in =
        |path: &str, table: &str| path.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    asked.retain(|asked| !misplaced.iter().any(|table| is_in(&asked.path, table)));
    asked
}

/// The settings found so far.
struct Found {
    settings: Vec<Setting>,
    /// Keys that are not there with a word of a choice: key, choice, word.
    absent: Vec<(String, String, String)>,
}

impl Found {
    /// Adds what differs between the requests without and with a condition.
    fn compare(&mut self, without: &[Asked], with: &[Asked], condition: &Condition) {
        let of = |requests: &[Asked], path: &str| requests.iter().find(|asked| asked.path == path).cloned();
        for (index, asked) in with.iter().enumerate() {
            let known = self.settings.iter().position(|setting| setting.path == asked.path);
            match (of(without, &asked.path), known, condition) {
                (Some(before), Some(at), _) if before.default() != asked.default() => {
                    let default = asked.default().cloned().unwrap_or(Value::Null);
                    self.settings[at].defaults.push((condition.clone(), default));
                }
                (None, Some(at), Condition::Choice(_, word)) => {
                    let words = self.settings[at].only_with.iter_mut().map(|(_, words)| words);
                    words.for_each(|words| words.push(word.clone()));
                }
                (None, None, Condition::Choice(choice, word)) => {
                    let before = index.checked_sub(1).map(|index| with[index].path.as_str());
                    let at = self.settings.iter().position(|setting| Some(setting.path.as_str()) == before);
                    let only_with = Some((choice.clone(), vec![word.clone()]));
                    let setting = Setting { only_with, ..Setting::new(asked) };
                    self.settings.insert(at.map_or(0, |at| at + 1), setting);
                }
                _ => {}
            }
        }
        if let Condition::Choice(choice, word) = condition {
            let gone = without.iter().filter(|asked| of(with, &asked.path).is_none());
            self.absent.extend(gone.map(|asked| (asked.path.clone(), choice.clone(), word.clone())));
        }
    }

    fn finish(mut self, base: &[Asked]) -> Vec<Setting> {
        for setting in &mut self.settings {
            let Some((_, choice, _)) = self.absent.iter().find(|(path, ..)| *path == setting.path) else { continue };
            let gone = |word: &String| {
                self.absent.iter().any(|(path, of, without)| *path == setting.path && of == choice && without == word)
            };
            let words = base.iter().find(|asked| asked.path == *choice).map(Asked::words).unwrap_or_default();
            setting.only_with = Some((choice.clone(), words.into_iter().filter(|word| !gone(word)).collect()));
        }
        self.settings
    }
}

impl Setting {
    fn new(asked: &Asked) -> Self {
        let Asked { path, expected, schema, required } = asked.clone();
        Self { path, expected, schema, required, only_with: None, defaults: Vec::new() }
    }

    /// The default; none for a key that is absent without one.
    pub fn default(&self) -> Option<&Value> {
        self.schema.get("default")
    }

    /// The words that the value can be; empty where it is no choice.
    pub fn words(&self) -> Vec<&str> {
        let words = self.schema.get("enum").and_then(Value::as_array);
        words.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

impl Section<'_> {
    /// Tells if the reader runs for the reference.
    pub fn is_dry(&self) -> bool {
        self.scope.requests.is_some()
    }

    /// Records what a reader asks for. A default outside the range stands for an absent key.
    pub(super) fn request(
        &self,
        key: &str,
        expected: impl FnOnce() -> String,
        schema: impl FnOnce() -> Value,
        default: Option<Value>,
    ) {
        let Some(requests) = &self.scope.requests else { return };
        let mut schema = schema();
        if let (Value::Object(fields), Some(default)) = (&mut schema, default) {
            let number = |field: &str| fields.get(field).and_then(Value::as_f64);
            let is_below = default.as_f64().zip(number("minimum")).is_some_and(|(default, low)| default < low);
            if !is_below {
                fields.insert("default".to_owned(), default);
            }
        }
        self.record(requests, Asked { path: self.path_of(key), expected: expected(), schema, required: false });
    }

    /// Records a key that must be there: text.
    pub(super) fn request_required(&self, key: &str, expected: &str) {
        let Some(requests) = &self.scope.requests else { return };
        let (path, schema) = (self.path_of(key), json!({ "type": "string" }));
        self.record(requests, Asked { path, expected: expected.to_owned(), schema, required: true });
    }

    /// Records a table, a list of tables, or a table of settings.
    pub(super) fn request_table(&self, key: &str, expected: &str, schema: Value) {
        self.request(key, || expected.to_owned(), || schema, None);
    }

    fn record(&self, requests: &RefCell<Vec<Asked>>, asked: Asked) {
        let mut requests = requests.borrow_mut();
        if !requests.iter().any(|known| known.path == asked.path) {
            requests.push(asked);
        }
    }
}

/// The JSON schema of one of several words.
pub(super) fn choices_schema<T>(choices: &[(&str, T)]) -> Value {
    json!({ "type": "string", "enum": choices.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
}

/// The JSON schema of a number of type `kind` within `range`.
pub(super) fn range_schema<T: Serialize>(kind: &str, range: &impl RangeBounds<T>) -> Value {
    let mut schema = Map::from_iter([("type".to_owned(), json!(kind))]);
    let mut bound = |field: &str, exclusive: &str, bound: Bound<&T>| match bound {
        Bound::Included(value) => drop(schema.insert(field.to_owned(), json!(value))),
        Bound::Excluded(value) => drop(schema.insert(exclusive.to_owned(), json!(value))),
        Bound::Unbounded => {}
    };
    bound("minimum", "exclusiveMinimum", range.start_bound());
    bound("maximum", "exclusiveMaximum", range.end_bound());
    Value::Object(schema)
}
