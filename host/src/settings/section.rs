//! Reads one table of a config. A reader asks for each of its keys with type, range and default, and gets a value even
//! when the config has none that can be used: problems are collected, and with any problem the value is never used.
//!
//! The same requests, of no file, are the reference of all settings: see [`super::reference`].

use super::document::{Item, Table, Value};
use super::extends::folder_of;
use super::problems::{At, Problems};
use super::reference::{Asked, choices_schema, range_schema};
use super::suggest::did_you_mean;
use serde::Serialize;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};

/// Characters of an unknown key that a message shows.
const KEY_CHARS: usize = 60;

/// One table, and what was asked of it.
pub struct Section<'a> {
    /// For messages: `data.source.0`; empty for the whole file.
    pub(super) path: String,
    pub(super) at: At,
    /// What was not asked for yet.
    pub(super) table: Table,
    pub(super) asked: Vec<&'static str>,
    pub(super) scope: &'a Scope<'a>,
}

/// What all sections of a config share.
pub struct Scope<'a> {
    /// What is wrong so far.
    pub problems: Problems<'a>,
    /// Relative paths in the file start here: the folder of the file, absolute.
    pub file_base: PathBuf,
    /// Relative paths in a `--set` start here: the current folder.
    pub set_base: PathBuf,
    /// Where the value of each key that was asked for and written is.
    pub places: RefCell<BTreeMap<String, At>>,
    /// Every request, in a dry run that makes the reference of all settings.
    pub requests: Option<RefCell<Vec<Asked>>>,
    /// Keys that are known but not wanted, in a dry run.
    pub misplaced: RefCell<Vec<String>>,
}

impl<'a> Section<'a> {
    /// Reads the whole document.
    pub fn root<T>(table: Table, scope: &'a Scope<'a>, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        Self::new(String::new(), At::Nowhere, table, scope).finish(read)
    }

    pub(super) fn new(path: String, at: At, table: Table, scope: &'a Scope<'a>) -> Self {
        Self { path, at, table, asked: Vec::new(), scope }
    }

    /// Calls the reader; what it did not ask for is unknown.
    pub(super) fn finish<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let value = read(&mut self);
        for (key, entry) in &self.table {
            let (hint, thing) = (did_you_mean(key, &self.asked), self.thing(&entry.item.value));
            let message = self.message("", format!("unknown {thing} {:?}, {hint}", shortened(key)));
            self.scope.problems.add(entry.key_at, message);
        }
        value
    }

    fn thing(&self, value: &Value) -> &'static str {
        match value {
            Value::Table(_) if self.path.is_empty() => "section",
            _ => "key",
        }
    }

    /// A whole number within `range`.
    pub fn integer<T: TryFrom<i64> + Serialize>(
        &mut self,
        key: &'static str,
        range: impl RangeBounds<i64>,
        default: T,
    ) -> T {
        let default_shown = json!(default);
        self.integer_value(key, range, Some(default_shown)).unwrap_or(default)
    }

    /// A whole number within `range`; none when the key is absent.
    pub fn optional_integer<T: TryFrom<i64>>(&mut self, key: &'static str, range: impl RangeBounds<i64>) -> Option<T> {
        self.integer_value(key, range, None)
    }

    fn integer_value<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: impl RangeBounds<i64>,
        default: Option<serde_json::Value>,
    ) -> Option<T> {
        let expected = || format!("a whole number, {}", describe(&range));
        self.request(key, expected, || range_schema("integer", &range), default);
        self.value(key, expected, |value| match value {
            Value::Integer(value) if range.contains(value) => T::try_from(*value).ok(),
            _ => None,
        })
    }

    /// A finite number within `range`.
    pub fn number(&mut self, key: &'static str, range: impl RangeBounds<f64>, default: f64) -> f64 {
        self.number_value(key, range, Some(json!(default))).unwrap_or(default)
    }

    /// A finite number within `range`; none when the key is absent.
    pub fn optional_number(&mut self, key: &'static str, range: impl RangeBounds<f64>) -> Option<f64> {
        self.number_value(key, range, None)
    }

    fn number_value(
        &mut self,
        key: &'static str,
        range: impl RangeBounds<f64>,
        default: Option<serde_json::Value>,
    ) -> Option<f64> {
        let expected = || format!("a number, {}", describe(&range));
        self.request(key, expected, || range_schema("number", &range), default);
        self.value(key, expected, |value| {
            match value {
                Value::Integer(value) => Some(*value as f64),
                Value::Number(value) => Some(*value),
                _ => None,
            }
            .filter(|value| value.is_finite() && range.contains(value))
        })
    }

    /// A part of `whole` things: a whole number of them, or a share such as 0.05, rounded to the nearest number of them
    /// and to 1 at least, unless it is 0.
    pub fn part(&mut self, key: &'static str, whole: u64, default: u64) -> u64 {
        let expected = || "a whole number, 0 or more, or a share, 0 to below 1".to_owned();
        self.request(key, expected, || json!({ "type": "number", "minimum": 0 }), Some(json!(default)));
        self.value(key, expected, |value| match value {
            Value::Integer(value) => u64::try_from(*value).ok(),
            Value::Number(share) if *share == 0.0 => Some(0),
            Value::Number(share) if (0.0..1.0).contains(share) => Some(((share * whole as f64).round() as u64).max(1)),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let expected = || "true or false".to_owned();
        self.request(key, expected, || json!({ "type": "boolean" }), Some(json!(default)));
        self.value(key, expected, |value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// Text that `accepts` accepts, which is what `expected` says; `default` when the key is absent.
    pub fn text_or(
        &mut self,
        key: &'static str,
        expected: &str,
        default: &str,
        accepts: impl Fn(&str) -> bool,
    ) -> String {
        self.request(key, || expected.to_owned(), || json!({ "type": "string" }), Some(json!(default)));
        self.text_value(key, expected, accepts).unwrap_or_else(|| default.to_owned())
    }

    /// Text that `accepts` accepts, which is what `expected` says; none when the key is absent.
    pub fn text_that(&mut self, key: &'static str, expected: &str, accepts: impl Fn(&str) -> bool) -> Option<String> {
        self.request(key, || expected.to_owned(), || json!({ "type": "string" }), None);
        self.text_value(key, expected, accepts)
    }

    fn text_value(&mut self, key: &'static str, expected: &str, accepts: impl Fn(&str) -> bool) -> Option<String> {
        self.value(
            key,
            || expected.to_owned(),
            |value| match value {
                Value::Text(text) if accepts(text) => Some(text.clone()),
                _ => None,
            },
        )
    }

    /// A list of texts that `accepts` accepts, each, which is what `expected` says; empty when the key is absent.
    pub fn texts(&mut self, key: &'static str, expected: &str, accepts: impl Fn(&str) -> bool) -> Vec<String> {
        let text = |item: &Item| match &item.value {
            Value::Text(text) if accepts(text) => Some(text.clone()),
            _ => None,
        };
        let schema = || json!({ "type": "array", "items": { "type": "string" } });
        self.request(key, || expected.to_owned(), schema, Some(json!([])));
        self.value(
            key,
            || expected.to_owned(),
            |value| match value {
                Value::List(items) => items.iter().map(text).collect(),
                _ => None,
            },
        )
        .unwrap_or_default()
    }

    /// Text that must be there. Empty when it is not, which is a problem.
    pub fn required_text(&mut self, key: &'static str, expected: &str, accepts: impl Fn(&str) -> bool) -> String {
        self.request_required(key, expected);
        if !self.table.contains_key(key) {
            self.scope.problems.add(self.at, self.message("", format!("missing key {key:?}, expected {expected}")));
        }
        self.text_value(key, expected, accepts).unwrap_or_default()
    }

    /// One of several words.
    pub fn choice<T: Copy + PartialEq>(&mut self, key: &'static str, choices: &[(&str, T)], default: T) -> T {
        let word = choices.iter().find(|(_, choice)| *choice == default).map(|(word, _)| json!(word));
        self.request(key, || one_of(choices), || choices_schema(choices), word);
        self.choice_value(key, choices).unwrap_or(default)
    }

    /// One of several words; none when the key is absent.
    pub fn option<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.request(key, || one_of(choices), || choices_schema(choices), None);
        self.choice_value(key, choices)
    }

    fn choice_value<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.value(
            key,
            || one_of(choices),
            |value| match value {
                Value::Text(text) => choices.iter().find(|(word, _)| word == text).map(|(_, choice)| *choice),
                _ => None,
            },
        )
    }

    /// A path, made absolute; none when the key is absent.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.text_that(key, "a path", |text| !text.is_empty())?;
        Some(self.absolute(key, Path::new(&text)))
    }

    /// A path that must be there, made absolute.
    pub fn required_path(&mut self, key: &'static str) -> PathBuf {
        let text = self.required_text(key, "a path", |text| !text.is_empty());
        self.absolute(key, Path::new(&text))
    }

    /// `path` from where the value of `key` was written: the config's folder, or the current one for a `--set`.
    pub fn absolute(&self, key: &'static str, path: &Path) -> PathBuf {
        match self.place(key) {
            Some(At::Set(_)) => join(&self.scope.set_base, path),
            Some(at) => join(&folder_of(at, &self.scope.problems).unwrap_or(self.scope.file_base.clone()), path),
            None => join(&self.scope.file_base, path),
        }
    }

    /// The current folder.
    pub fn current_dir(&self) -> &Path {
        &self.scope.set_base
    }

    /// Tells if a key is there that was not asked for yet.
    pub fn holds(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A key that is known but not wanted here: a problem, when it is there, that says `why`.
    pub fn misplaced(&mut self, key: &str, why: impl Display) {
        if self.is_dry() {
            self.scope.misplaced.borrow_mut().push(self.path_of(key));
        }
        if let Some(entry) = self.table.remove(key) {
            self.scope.problems.add(entry.key_at, self.message(key, why));
        }
    }

    /// Tells if an override gives the value of a key, named from here.
    pub fn is_set(&self, key: &str) -> bool {
        matches!(self.place(key), Some(At::Set(_)))
    }

    /// Notes something about the value of `key` that is no problem, but that the user should know.
    pub fn note(&self, key: &str, message: impl Display) {
        self.scope.problems.note(self.message(key, message));
    }

    /// Adds a problem with the value of `key`; at the section when the key is absent.
    pub fn problem(&self, key: &'static str, message: impl Display) {
        self.scope.problems.add(self.place(key).unwrap_or(self.at), self.message(key, message));
    }

    /// Adds the problem that the values of `keys` do not go together, unless one of them is wrong by itself. It is
    /// blamed on the first that an override gives, or else the first that is written.
    pub fn conflict(&self, keys: &[&str], message: impl Display) {
        let places: Vec<_> = keys.iter().filter_map(|key| self.place(key)).collect();
        if places.iter().any(|&at| self.scope.problems.any_at(at)) {
            return;
        }
        let set = places.iter().find(|at| matches!(at, At::Set(_)));
        let at = set.or(places.first()).copied().unwrap_or(self.at);
        self.scope.problems.add(at, self.message(keys.first().unwrap_or(&""), message));
    }

    /// The value of a key that `convert` accepts; what it does not accept is a problem.
    fn value<T>(
        &mut self,
        key: &'static str,
        expected: impl Fn() -> String,
        convert: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let Item { at, value } = self.take(key)?;
        let converted = convert(&value);
        if converted.is_none() {
            self.wrong(at, key, &expected(), &value);
        }
        converted
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Item> {
        self.asked.push(key);
        let item = self.table.remove(key)?.item;
        self.scope.places.borrow_mut().insert(self.path_of(key), item.at);
        Some(item)
    }

    pub(super) fn wrong(&self, at: At, key: &str, expected: &str, got: &Value) {
        self.scope.problems.add(at, self.message(key, format!("expected {expected}, got {got}")));
    }

    /// The place of a key's value; none when it is absent.
    fn place(&self, key: &str) -> Option<At> {
        self.scope.places.borrow().get(&self.path_of(key)).copied()
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            (path, "") => path.to_owned(),
            ("", key) => key.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    pub(super) fn message(&self, key: &str, message: impl Display) -> String {
        match self.path_of(key).as_str() {
            "" => message.to_string(),
            path => format!("{path}: {message}"),
        }
    }
}

/// `"a" or "b"`: how choices read in a message.
fn one_of<T>(choices: &[(&str, T)]) -> String {
    choices.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
}

/// A key in a message: the beginning of one that is longer than any that is known.
fn shortened(key: &str) -> String {
    match key.char_indices().nth(KEY_CHARS) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

/// `0 or more`, `0 to below 1`, `above 0`: how a range reads in a message.
fn describe<T: Display>(range: &impl RangeBounds<T>) -> String {
    match (range.start_bound(), range.end_bound()) {
        (Bound::Included(low), Bound::Unbounded) => format!("{low} or more"),
        (Bound::Excluded(low), Bound::Unbounded) => format!("above {low}"),
        (Bound::Included(low), Bound::Included(high)) => format!("{low} to {high}"),
        (Bound::Included(low), Bound::Excluded(high)) => format!("{low} to below {high}"),
        (Bound::Excluded(low), Bound::Included(high)) => format!("above {low} to {high}"),
        (Bound::Excluded(low), Bound::Excluded(high)) => format!("between {low} and {high}"),
        (Bound::Unbounded, Bound::Included(high)) => format!("{high} or less"),
        (Bound::Unbounded, Bound::Excluded(high)) => format!("below {high}"),
        (Bound::Unbounded, Bound::Unbounded) => "any".into(),
    }
}

/// `base/path` without the `.` and `..` at the beginning of `path`. `base` is absolute and without links, so that going
/// up is taking away its last part.
fn join(base: &Path, path: &Path) -> PathBuf {
    use std::path::Component;
    let mut joined = base.to_owned();
    let mut components = path.components().peekable();
    while let Some(component) = components.next_if(|part| matches!(part, Component::CurDir | Component::ParentDir)) {
        if component == Component::ParentDir {
            joined.pop();
        }
    }
    joined.extend(components);
    joined
}
