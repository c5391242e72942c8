//! Fields of a document that tasks learn from.

use crate::corpus::Document;
use crate::{Error, Result};
use serde_json::Value;

pub(super) const LABEL: &str = "label";
pub(super) const TAGS: &str = "tags";
pub(super) const TARGET: &str = "target";

/// A field of the document; none where it has none.
pub(super) fn field(document: &Document, name: &str) -> Option<Value> {
    let fields = document.metadata.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok())?;
    fields.get(name).filter(|value| !value.is_null()).cloned()
}

/// An error that names the document.
pub(super) fn wrong(document: &Document, name: &str, what: &str) -> Error {
    Error::run(format!("document {:?}: {name}: {what}", document.id))
}

/// The text of a field.
///
/// # Errors
/// A document without the field, or one that is no text.
pub(super) fn text(document: &Document, name: &str) -> Result<String> {
    match field(document, name) {
        Some(Value::String(text)) => Ok(text),
        None => Err(wrong(document, name, &format!("expected text, got none; name it in [data.fields] {name}"))),
        Some(other) => Err(wrong(document, name, &format!("expected text, got {other}"))),
    }
}

/// The labels of a document; none of one that has none. `several` says whether there may be more or fewer than one.
///
/// # Errors
/// A label that is neither text nor a whole number.
pub(super) fn labels(document: &Document, several: bool) -> Result<Option<Vec<String>>> {
    let Some(value) = field(document, LABEL) else { return Ok(None) };
    let name = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(_) => {
            let cure = "set task.values = \"number\" to learn numbers";
            Err(wrong(document, LABEL, &format!("expected a label, got the number {value}; {cure}")))
        }
        other => Err(wrong(document, LABEL, &format!("expected text or a whole number, got {other}"))),
    };
    match (&value, several) {
        (Value::Array(values), true) => {
            let mut names = values.iter().map(name).collect::<Result<Vec<_>>>()?;
            names.sort_unstable();
            names.dedup();
            Ok(Some(names))
        }
        (Value::Array(values), false) if values.len() != 1 => {
            let cure = "set task.values = \"several\" for several labels of a document";
            Err(wrong(document, LABEL, &format!("expected one label, got {}; {cure}", values.len())))
        }
        (Value::Array(values), false) => Ok(Some(vec![name(&values[0])?])),
        (value, _) => Ok(Some(vec![name(value)?])),
    }
}

/// The number that a document has as its label; none of one that has none.
///
/// # Errors
/// A label that is no number.
pub(super) fn number(document: &Document) -> Result<Option<f64>> {
    let Some(value) = field(document, LABEL) else { return Ok(None) };
    let number = match &value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite());
    number.map(Some).ok_or_else(|| wrong(document, LABEL, &format!("expected a number, got {value}")))
}
