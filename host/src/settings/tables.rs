//! Tables inside a table of a config.

use super::document::{Entry, Item, Table, Value};
use super::plugin;
use super::problems::At;
use super::section::Section;
use serde_json::json;

impl<'a> Section<'a> {
    /// A table of its own, empty when the key is absent.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        self.request_table(key, "a table", json!({ "type": "object" }));
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

    /// Tells if a table inside this one, which was not asked for yet, has a key.
    pub fn holds_inside(&self, table: &str, key: &str) -> bool {
        match self.table.get(table).map(|entry| &entry.item.value) {
            Some(Value::Table(table)) => table.contains_key(key),
            _ => false,
        }
    }

    /// A table inside this one; none when the key is absent.
    pub fn optional<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'a>) -> T) -> Option<T> {
        let is_there = self.table.contains_key(key);
        if is_there || self.is_dry() {
            let value = self.section(key, read);
            return is_there.then_some(value);
        }
        self.asked.push(key);
        None
    }

    /// A list of tables; none when the key is absent.
    pub fn sections<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Section<'a>) -> T) -> Option<Vec<T>> {
        self.request_table(key, "a list of tables", json!({ "type": "array" }));
        if self.is_dry() && !self.table.contains_key(key) {
            let path = format!("{}.0", self.path_of(key));
            drop(Self::new(path, At::Nowhere, Table::new(), self.scope).finish(&mut read));
        }
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
        self.request_table(key, "a table of settings", json!({ "type": "object", "additionalProperties": true }));
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
}
