//! Bounds on the values that a template builds.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// How deep lists and mappings may be nested. JSON is read to 128.
const MAX_DEPTH: usize = 200;

/// The items of a value at most, with those of the values in it each time that they are there.
const MAX_ITEMS: u64 = 1_000_000;

/// The bytes of a value's strings at most, each time that they are there.
const MAX_BYTES: u64 = 1 << 28;

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Returns a value that is assigned to a name. A list that is computed when it is used becomes one that is not.
///
/// # Errors
/// A value of too many items, or nested too deep.
pub fn value(state: &State, value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Map if is_namespace(value) => {
            let mut size = Size::default();
            for name in value.try_iter()? {
                size.add(state, &value.get_item(&name)?, 1)?;
            }
            Ok(value.clone())
        }
        _ => part(state, value),
    }
}

/// Returns a value that becomes a part of another.
///
/// # Errors
/// A value of too many items, nested too deep, or a namespace.
pub fn part(state: &State, value: &Value) -> Result<Value, Error> {
    let mut size = Size::default();
    match value.kind() {
        ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                size.add(state, &item, 1)?;
                items.push(item);
            }
            Ok(Value::from(items))
        }
        _ => {
            size.add(state, value, 0)?;
            Ok(value.clone())
        }
    }
}

fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("Namespace"))
}

/// What was counted of a value.
#[derive(Default)]
struct Size {
    items: u64,
    bytes: u64,
}

impl Size {
    fn add(&mut self, state: &State, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(wrong("a value is nested more than 200 deep"));
        }
        self.items += 1;
        self.bytes += value.as_str().map_or(0, str::len) as u64;
        if self.items > MAX_ITEMS || self.bytes > MAX_BYTES {
            return Err(wrong("a value has more than a million items, or 256 megabytes"));
        }
        if self.items.is_multiple_of(8) {
            state.consume_fuel(1)?;
        }
        match value.kind() {
            ValueKind::Map if is_namespace(value) => return Err(wrong("a namespace cannot be a part of a value")),
            ValueKind::Map => {
                for key in value.try_iter()? {
                    self.add(state, &value.get_item(&key)?, depth + 1)?;
                    self.add(state, &key, depth + 1)?;
                }
            }
            ValueKind::Seq | ValueKind::Iterable => {
                for item in value.try_iter()? {
                    self.add(state, &item, depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}
