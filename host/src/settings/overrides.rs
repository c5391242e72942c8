//! `--set a.b.0.c=value`: changes the document before it is read, so that an override obeys the same rules as the file.

use super::document::{Entry, Item, Table, Value, parse_value};
use super::problems::{At, Problems};

/// Names between dots: many more than any section lies deep. Tables are walked by recursion.
const MAX_DEPTH: usize = 32;

/// Applies all overrides in order. A key that no section knows is found when the section is read, as in a file.
pub fn apply(document: &mut Table, overrides: &[String], problems: &Problems<'_>) {
    for (index, text) in overrides.iter().enumerate() {
        let at = At::Set(index);
        let Some((path, value)) = text.split_once('=') else {
            problems.add(at, "expected key=value, for example train.batch=8");
            continue;
        };
        let keys: Vec<_> = path.trim().split('.').map(str::trim).collect();
        if keys.iter().any(|key| key.is_empty()) {
            problems.add(at, "the key has an empty part, expected names between dots, for example train.batch");
            continue;
        }
        if keys.len() > MAX_DEPTH {
            let message = format!("expected at most {MAX_DEPTH} names between dots, got {}", keys.len());
            problems.add(at, message);
            continue;
        }
        if let Err(message) = set(document, "", &keys, parse_value(value, at)) {
            problems.add(at, message);
        }
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
