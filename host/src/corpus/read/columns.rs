//! Columns of a Parquet file by name, nested ones too, and their values as JSON.

use parquet::basic::Repetition;
use parquet::errors::ParquetError;
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The part of a schema that holds the columns `names`: names of the schema's fields, or paths into structs such as
/// `meta.id`; none when it holds none of them.
///
/// # Errors
/// A schema that the library does not accept again.
pub(super) fn project(root: &Type, names: &[String]) -> Result<Option<Type>, ParquetError> {
    let mut fields = Vec::new();
    for field in root.get_fields() {
        let whole = names.iter().any(|name| name == field.name());
        let paths: Vec<Vec<&str>> = names.iter().map(|name| name.split('.').collect()).collect();
        let paths: Vec<&[&str]> = paths.iter().filter_map(|path| below(path, field)).collect();
        match whole {
            true => fields.push(field.clone()),
            false => fields.extend(prune(field, &paths)?),
        }
    }
    match fields.is_empty() {
        true => Ok(None),
        false => Type::group_type_builder(root.name()).with_fields(fields).build().map(Some),
    }
}

/// What is left of a path below `field`; none when it does not lead there.
fn below<'a>(path: &'a [&'a str], field: &Type) -> Option<&'a [&'a str]> {
    path.split_first().filter(|(first, _)| **first == field.name()).map(|(_, rest)| rest)
}

/// `field` with what the paths below it lead to; none when they lead to nothing.
fn prune(field: &TypePtr, paths: &[&[&str]]) -> Result<Option<TypePtr>, ParquetError> {
    if paths.iter().any(|path| path.is_empty()) {
        return Ok(Some(field.clone()));
    }
    if paths.is_empty() || field.is_primitive() || field.get_basic_info().repetition() == Repetition::REPEATED {
        return Ok(None);
    }
    let mut fields = Vec::new();
    for child in field.get_fields() {
        let paths: Vec<_> = paths.iter().filter_map(|path| below(path, child)).collect();
        fields.extend(prune(child, &paths)?);
    }
    if fields.is_empty() {
        return Ok(None);
    }
    let info = field.get_basic_info();
    let group = Type::group_type_builder(field.name()).with_repetition(info.repetition()).with_fields(fields);
    Ok(Some(Arc::new(group.with_converted_type(info.converted_type()).build()?)))
}

/// The value of a column; none where it is null or not there.
pub(super) fn value_at(row: &Row, name: &str) -> Option<Value> {
    let field = match find(row, name) {
        Some(field) => field,
        None => {
            let mut parts = name.split('.');
            let first = find(row, parts.next()?)?;
            parts.try_fold(first, |field, part| match field {
                Field::Group(row) => find(row, part),
                _ => None,
            })?
        }
    };
    Some(to_json(field)).filter(|value| !value.is_null())
}

fn find<'a>(row: &'a Row, name: &str) -> Option<&'a Field> {
    row.get_column_iter().find(|(column, _)| *column == name).map(|(_, field)| field)
}

/// The same value as JSON: structs and maps as objects, lists as arrays, dates and decimals as text, bytes as the text
/// that they are or else in hexadecimal digits.
fn to_json(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float(value) => (*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(value) => value.as_str().into(),
        Field::Bytes(value) => match std::str::from_utf8(value.data()) {
            Ok(text) => text.into(),
            Err(_) => crate::base::files::hex(value.data()).into(),
        },
        // beyond the years that can be written
        Field::Date(days) if days.unsigned_abs() > 95_000_000 => (*days).into(),
        Field::TimestampMillis(ms) if ms.unsigned_abs() > 8_200_000_000_000_000 => (*ms).into(),
        Field::TimestampMicros(us) if us.unsigned_abs() > 8_200_000_000_000_000_000 => (*us).into(),
        Field::Group(row) => {
            let fields: Map<_, _> = row.get_column_iter().map(|(name, field)| (name.clone(), to_json(field))).collect();
            fields.into()
        }
        Field::ListInternal(list) => list.elements().iter().map(to_json).collect::<Vec<_>>().into(),
        Field::MapInternal(map) => {
            let entries = map.entries().iter().map(|(key, value)| match to_json(key) {
                Value::String(key) => (key, to_json(value)),
                key => (key.to_string(), to_json(value)),
            });
            entries.collect::<Map<_, _>>().into()
        }
        other => other.to_string().into(),
    }
}
