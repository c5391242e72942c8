//! Overrides: `a.b.0.c=value` sets a key, `!a.b.0.c` removes one. They change the document before it is read, so that
//! an override obeys the same rules as the file.

use super::document::{Entry, Item, Table, Value, parse_value};
use super::plugin::plugin_name;
use super::problems::{At, Problems};
use super::suggest::did_you_mean;
use std::cmp::Ordering;

/// Names between dots: many more than any section lies deep. Tables are walked by recursion.
const MAX_DEPTH: usize = 32;

/// The key that names a plugin, and that of the plugin's own settings, in the table of a plugin.
const PLUGIN: &str = "plugin";
const CONFIG: &str = "config";

/// Applies all overrides: removals first, then the others in order. A key that no section knows is found when the
/// section is read, as in a file. What else they changed is noted.
pub fn apply(document: &mut Table, overrides: &[String], problems: &Problems<'_>) {
    let mut removals = Vec::new();
    for (index, text) in overrides.iter().enumerate() {
        let Some(path) = text.strip_prefix('!') else { continue };
        match keys_of(path) {
            Ok(keys) => removals.push((keys, At::Set(index))),
            Err(message) => problems.add(At::Set(index), message),
        }
    }
    // from the end of each list, so that an index means the same whatever else is removed
    removals.sort_by(|a, b| in_order(&b.0, &a.0));
    removals.dedup_by(|a, b| a.0 == b.0);
    for (keys, at) in removals {
        if let Err(message) = remove(document, "", &keys) {
            problems.add(at, message);
        }
    }
    for (index, text) in overrides.iter().enumerate().filter(|(_, text)| !text.starts_with('!')) {
        let at = At::Set(index);
        let Some((path, value)) = text.split_once('=') else {
            problems.add(at, "expected key=value, for example train.batch=8");
            continue;
        };
        let item = parse_value(value, at);
        let changed = keys_of(path).and_then(|keys| {
            if let (Some((&PLUGIN, table)), Value::Text(plugin)) = (keys.split_last(), &item.value) {
                drop_settings(document, table, plugin).iter().for_each(|note| problems.note(note));
            }
            set(document, "", &keys, item)
        });
        if let Err(message) = changed {
            problems.add(at, message);
        }
    }
}

/// The names of a path, at least one.
fn keys_of(path: &str) -> Result<Vec<&str>, String> {
    let keys: Vec<_> = path.trim().split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err("the key has an empty part, expected names between dots, for example train.batch".into());
    }
    if keys.len() > MAX_DEPTH {
        return Err(format!("expected at most {MAX_DEPTH} names between dots, got {}", keys.len()));
    }
    Ok(keys)
}

/// The order of paths in a document: entries of a list by number.
fn in_order(a: &[&str], b: &[&str]) -> Ordering {
    let number = |key: &str| key.parse::<usize>().ok();
    let parts = a.iter().zip(b).map(|(a, b)| match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    });
    parts.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
}

/// Removes what `keys`, never empty, lead to from `table`, which is at `path`.
fn remove(table: &mut Table, path: &str, keys: &[&str]) -> Result<(), String> {
    let (key, rest) = (keys[0], &keys[1..]);
    if !table.contains_key(key) {
        let known: Vec<_> = table.keys().map(String::as_str).collect();
        let (place, hint) = (if path.is_empty() { "the config" } else { path }, did_you_mean(key, &known));
        let hint = if known.is_empty() { "it is empty".to_owned() } else { hint };
        return Err(format!("{place} has no key {key:?}, {hint}"));
    }
    if rest.is_empty() {
        table.remove(key);
        return Ok(());
    }
    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match table.get_mut(key).map(|entry| &mut entry.item.value) {
        Some(value) => remove_in(value, &path, rest),
        None => Ok(()),
    }
}

fn remove_in(value: &mut Value, path: &str, keys: &[&str]) -> Result<(), String> {
    let (key, rest) = (keys[0], &keys[1..]);
    let items = match value {
        Value::Table(table) => return remove(table, path, keys),
        Value::List(items) => items,
        other => return Err(format!("{path} is {other}, not a table: it has no {key:?}")),
    };
    let n_items = items.len();
    let Some(index) = key.parse::<usize>().ok().filter(|&index| index < n_items) else {
        let expected = match n_items {
            0 => "there is nothing to remove".to_owned(),
            n => format!("expected a number from 0 to {} after it, got {key:?}", n - 1),
        };
        return Err(format!("{path} is a list of {n_items}: {expected}"));
    };
    if rest.is_empty() {
        items.remove(index);
        return Ok(());
    }
    remove_in(&mut items[index].value, &format!("{path}.{key}"), rest)
}

/// Drops the settings of the plugin that the table at `keys` names when `plugin` takes its place: all but those that
/// an override gave. Another form of the same plugin keeps them. Returns what to say about it.
fn drop_settings(document: &mut Table, keys: &[&str], plugin: &str) -> Option<String> {
    let table = table_at(document, keys)?;
    let Value::Text(old) = &table.get(PLUGIN)?.item.value else { return None };
    let (old, new) = (plugin_name(old), plugin_name(plugin));
    if old == new || keys.contains(&CONFIG) {
        return None;
    }
    let Value::Table(settings) = &mut table.get_mut(CONFIG)?.item.value else { return None };
    let is_old = |entry: &Entry| !matches!(entry.item.at, At::Set(_));
    let dropped: Vec<_> = settings.iter().filter(|(_, entry)| is_old(entry)).map(|(key, _)| key.clone()).collect();
    settings.retain(|_, entry| !is_old(entry));
    let (place, dropped_keys) = (keys.join("."), dropped.join(", "));
    (!dropped.is_empty())
        .then(|| format!("{place}.config: dropped {dropped_keys}, set for {old:?}: the plugin is now {new:?}"))
}

fn table_at<'a>(table: &'a mut Table, keys: &[&str]) -> Option<&'a mut Table> {
    let Some((key, mut rest)) = keys.split_first() else { return Some(table) };
    let mut value = &mut table.get_mut(*key)?.item.value;
    while let Value::List(items) = value {
        let (index, after) = rest.split_first()?;
        value = &mut items.get_mut(index.parse::<usize>().ok()?)?.value;
        rest = after;
    }
    match value {
        Value::Table(table) => table_at(table, rest),
        _ => None,
    }
}

/// `path` is where `table` is, for messages; `keys` is the way from there, never empty.
fn set(table: &mut Table, path: &str, keys: &[&str], item: Item) -> Result<(), String> {
    let (key, rest) = (keys[0], &keys[1..]);
    let Some(next) = rest.first() else {
        table.insert(key.to_owned(), Entry { key_at: item.at, item });
        return Ok(());
    };
    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let at = item.at;
    let entry = table.entry(key.to_owned()).or_insert_with(|| {
        let value = if is_index(next) { Value::List(Vec::new()) } else { Value::Table(Table::new()) };
        Entry { key_at: at, item: Item { at, value } }
    });
    match &mut entry.item.value {
        Value::Table(table) => set(table, &path, rest, item),
        Value::List(items) => set_in_list(items, &path, rest, item),
        other => Err(format!("{path} is {other}, not a table: it has no {next:?}")),
    }
}

/// An index one past the end appends.
fn set_in_list(items: &mut Vec<Item>, path: &str, keys: &[&str], item: Item) -> Result<(), String> {
    let (key, rest) = (keys[0], &keys[1..]);
    let n_items = items.len();
    let index = key.parse::<usize>().ok().filter(|&index| index <= n_items).ok_or_else(|| {
        let example = if rest.is_empty() { String::new() } else { format!(".{}", rest.join(".")) };
        format!(
            "{path} is a list of {n_items}: expected a number from 0 to {n_items} after it, got {key:?}; \
                 write {path}.0{example}"
        )
    })?;
    let path = format!("{path}.{key}");
    if rest.is_empty() {
        match items.get_mut(index) {
            Some(old) => *old = item,
            None => items.push(item),
        }
        return Ok(());
    }
    if index == n_items {
        items.push(Item { at: item.at, value: Value::Table(Table::new()) });
    }
    match &mut items[index].value {
        Value::Table(table) => set(table, &path, rest, item),
        other => Err(format!("{path} is {other}, not a table: it has no {:?}", rest[0])),
    }
}

fn is_index(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_digit())
}
