//! The rows of a log's line, without changing a digit of its numbers.

use super::TABLES;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::{self, Formatter};
use trainyard_report::Record;

/// Keys whose `null` says that a value is not known, not that it is not finite.
const OPTIONAL: [&str; 5] = ["seconds", "tokens", "epochs", "share_of_peak", "validation_batches"];

/// A field of a row.
pub struct Cell<'l> {
    pub text: Cow<'l, str>,
    /// Says that it was a string in the log.
    is_string: bool,
}

/// Fields by the names of their columns.
pub type Row<'l> = Vec<(Cow<'l, str>, Cell<'l>)>;

/// The rows of a line, each with the place of its table; none where the line is no object.
pub fn rows(line: &[u8]) -> Option<Vec<(usize, Row<'_>)>> {
    let object: Object = serde_json::from_slice(line).ok()?;
    let kind = object.0.iter().find(|(key, _)| key == "kind");
    let kind = match kind {
        Some((_, kind)) => serde_json::from_str(kind.get()).unwrap_or_default(),
        None => old_kind(line).to_owned(),
    };
    let Some(table) = TABLES.iter().position(|(name, _)| *name == kind) else { return Some(Vec::new()) };
    let rows = if kind == "final" { finals(object) } else { vec![flat(object)] };
    Some(rows.into_iter().map(|row| (table, row)).collect())
}

/// The kind of a line of the versions that wrote none.
fn old_kind(line: &[u8]) -> &'static str {
    match serde_json::from_slice(line).ok().and_then(Record::from_json) {
        Some(Record::Step(_)) => "step",
        Some(Record::Validation(_)) => "validation",
        Some(Record::Final(_)) => "final",
        _ => "",
    }
}

/// The fields of an object, without its kind.
fn flat(object: Object<'_>) -> Row<'_> {
    let mut row = Row::new();
    object.0.into_iter().filter(|(key, _)| key != "kind").for_each(|(key, value)| add(&mut row, key, value));
    row
}

/// A row for each number of a final report, with the number's split and name.
fn finals(object: Object<'_>) -> Vec<Row<'_>> {
    let is_step = |key: &str| key == "step" || key == "model_step";
    let of_record: Vec<_> = object.0.iter().filter(|(key, _)| is_step(key)).cloned().collect();
    let begun = |split: Cow<'_, str>| {
        let mut row = Row::new();
        of_record.iter().cloned().for_each(|(key, value)| add(&mut row, key, value));
        row.push(("split".into(), Cell { text: split.into_owned().into(), is_string: true }));
        row
    };
    let report = object.0.into_iter().find(|(key, _)| key == "final");
    let report = report.and_then(|(_, report)| serde_json::from_str::<Object>(report.get()).ok()).unwrap_or_default();
    let mut rows = Vec::new();
    for (split, values) in report.0 {
        if split == "validation" || split == "test" {
            let measured: Vec<Object> = serde_json::from_str(values.get()).unwrap_or_default();
            for value in measured {
                let mut row = begun(split.clone());
                row.extend(flat(value));
                rows.push(row);
            }
        } else if split == "predictions" {
            let by_split: Object = serde_json::from_str(values.get()).unwrap_or_default();
            for (split, values) in by_split.0 {
                let values = flat(serde_json::from_str(values.get()).unwrap_or_default());
                for (name, value) in values.into_iter().filter(|(_, cell)| !cell.is_string) {
                    let mut row = begun(split.clone());
                    row.push(("name".into(), Cell { text: name, is_string: true }));
                    row.push(("value".into(), value));
                    rows.push(row);
                }
            }
        }
    }
    rows
}

/// Adds a value, or the values within it.
fn add<'l>(row: &mut Row<'l>, name: Cow<'l, str>, value: &'l RawValue) {
    let text = value.get();
    // what is within a value was read once before
    match text.as_bytes().first() {
        Some(b'{') => {
            let object: Object = serde_json::from_str(text).unwrap_or_default();
            object.0.into_iter().for_each(|(key, value)| add(row, format!("{name}.{key}").into(), value));
        }
        Some(b'[') => {
            let list: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let indexed = list.into_iter().enumerate();
            indexed.for_each(|(index, value)| add(row, format!("{name}.{index}").into(), value));
        }
        Some(b'"') => {
            let string: String = serde_json::from_str(text).unwrap_or_default();
            row.push((name, Cell { text: string.into(), is_string: true }));
        }
        Some(b'n') if OPTIONAL.contains(&&*name) => {}
        Some(b'n') => row.push((name, Cell { text: "NaN".into(), is_string: false })),
        _ => row.push((name, Cell { text: text.into(), is_string: false })),
    }
}

/// A JSON object as it is written: its keys in their order, its values as text.
#[derive(Clone, Default)]
struct Object<'l>(Vec<(Cow<'l, str>, &'l RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((Key(key), value)) = map.next_entry()? {
            entries.push((key, value));
        }
        Ok(Object(entries))
    }
}

/// A key that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'l>(#[serde(borrow)] Cow<'l, str>);
