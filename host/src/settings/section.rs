//! Reads one table of a config. A reader asks for each of its keys with type, range and default, and gets a value even
//! when the config has none that can be used: what is wrong is collected, and nobody sees the value when anything was.

use super::document::{Entry, Item, Table, Value};
use super::plugin;
use super::problems::{At, Problems};
use super::suggest::did_you_mean;
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
    path: String,
    at: At,
    /// What was not asked for yet.
    table: Table,
    asked: Vec<&'static str>,
    scope: &'a Scope<'a>,
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
}

impl<'a> Section<'a> {
    /// Reads the whole document.
    pub fn root<T>(table: Table, scope: &'a Scope<'a>, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        Self::new(String::new(), At::Nowhere, table, scope).finish(read)
    }

    fn new(path: String, at: At, table: Table, scope: &'a Scope<'a>) -> Self {
        Self { path, at, table, asked: Vec::new(), scope }
    }

    /// Calls the reader; what it did not ask for is unknown.
    fn finish<T>(mut self, read: impl FnOnce(&mut Self) -> T) -> T {
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
    pub fn integer<T: TryFrom<i64>>(&mut self, key: &'static str, range: impl RangeBounds<i64>, default: T) -> T {
        let expected = || format!("a whole number, {}", describe(&range));
        self.value(key, expected, |value| match value {
            Value::Integer(value) if range.contains(value) => T::try_from(*value).ok(),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// A finite number within `range`.
    pub fn number(&mut self, key: &'static str, range: impl RangeBounds<f64>, default: f64) -> f64 {
        let expected = || format!("a number, {}", describe(&range));
        self.value(key, expected, |value| {
            match value {
                Value::Integer(value) => Some(*value as f64),
                Value::Number(value) => Some(*value),
                _ => None,
            }
            .filter(|value| value.is_finite() && range.contains(value))
        })
        .unwrap_or(default)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let expected = || "true or false".to_owned();
        self.value(key, expected, |value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// Any text; none when the key is absent.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.text_that(key, "text", |_| true)
    }

    /// Text that `accepts` accepts, which is what `expected` says; none when the key is absent.
    pub fn text_that(&mut self, key: &'static str, expected: &str, accepts: impl Fn(&str) -> bool) -> Option<String> {
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

    /// Text that must be there. Empty when it is not, and then nobody sees it.
    pub fn required_text(&mut self, key: &'static str, expected: &str, accepts: impl Fn(&str) -> bool) -> String {
        if !self.table.contains_key(key) {
            self.scope.problems.add(self.at, self.message("", format!("missing key {key:?}, expected {expected}")));
        }
        self.text_that(key, expected, accepts).unwrap_or_default()
    }

    /// One of several words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)], default: T) -> T {
        self.option(key, choices).unwrap_or(default)
    }

    /// One of several words; none when the key is absent.
    pub fn option<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let expected = || choices.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
        self.value(key, expected, |value| match value {
            Value::Text(text) => choices.iter().find(|(word, _)| word == text).map(|(_, choice)| *choice),
            _ => None,
        })
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
            _ => join(&self.scope.file_base, path),
        }
    }

    /// The current folder.
    pub fn current_dir(&self) -> &Path {
        &self.scope.set_base
    }

    /// A table of its own, empty when the key is absent.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        let (at, table) = match self.take(key) {
            None => (At::Nowhere, Table::new()),
            Some(Item { at, value: Value::Table(table) }) => (at, table),
            Some(Item { at, value }) => {
                self.wrong(at, key, "a table", &value);
                (at, Table::new())
            }
        };
        Self::new(self.path_of(key), at, table, self.scope).finish(read)
    }

    /// A table inside this one; none when the key is absent.
    pub fn optional<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'a>) -> T) -> Option<T> {
        let is_there = self.table.contains_key(key);
        if !is_there {
            self.asked.push(key);
        }
        is_there.then(|| self.section(key, read))
    }

    /// A list of tables; none when the key is absent.
    pub fn sections<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Section<'a>) -> T) -> Option<Vec<T>> {
        let Item { at, value } = self.take(key)?;
        let Value::List(items) = value else {
            self.wrong(at, key, &format!("a list of tables, [[{}]]", self.path_of(key)), &value);
            return Some(Vec::new());
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, Item { at, value }) in items.into_iter().enumerate() {
            let path = format!("{}.{index}", self.path_of(key));
            match value {
                Value::Table(table) => values.push(Self::new(path, at, table, self.scope).finish(&mut read)),
                other => self.scope.problems.add(at, format!("{path}: expected a table, got {other}")),
            }
        }
        Some(values)
    }

    /// A plugin's settings, flat.
    pub fn settings(&mut self, key: &'static str) -> toml::Table {
        let Some(Item { at, value }) = self.take(key) else { return toml::Table::new() };
        let Value::Table(entries) = value else {
            self.wrong(at, key, "a table", &value);
            return toml::Table::new();
        };
        let mut settings = toml::Table::new();
        for (name, Entry { item: Item { at, value }, .. }) in entries {
            match value.to_toml().filter(|value| plugin::convert(value).is_some()) {
                Some(value) => drop(settings.insert(name, value)),
                None => {
                    let message = format!("{}.{name}: expected {}, got {value}", self.path_of(key), plugin::EXPECTED);
                    self.scope.problems.add(at, message);
                }
            }
        }
        settings
    }

    /// A key that is known but not wanted here: a problem, when it is there, that says `why`.
    pub fn misplaced(&mut self, key: &str, why: impl Display) {
        if let Some(entry) = self.table.remove(key) {
            self.scope.problems.add(entry.key_at, self.message(key, why));
        }
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

    fn take(&mut self, key: &'static str) -> Option<Item> {
        self.asked.push(key);
        let item = self.table.remove(key)?.item;
        self.scope.places.borrow_mut().insert(self.path_of(key), item.at);
        Some(item)
    }

    fn wrong(&self, at: At, key: &str, expected: &str, got: &Value) {
        self.scope.problems.add(at, self.message(key, format!("expected {expected}, got {got}")));
    }

    /// Where the value of a key is; none when it is absent.
    fn place(&self, key: &str) -> Option<At> {
        self.scope.places.borrow().get(&self.path_of(key)).copied()
    }

    fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            (path, "") => path.to_owned(),
            ("", key) => key.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn message(&self, key: &str, message: impl Display) -> String {
        match self.path_of(key).as_str() {
            "" => message.to_string(),
            path => format!("{path}: {message}"),
        }
    }
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
