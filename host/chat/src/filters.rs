//! Filters and tests of jinja2, where minijinja's differ.

use crate::arguments::Arguments;
use crate::{json, methods, python};
use minijinja::formatting::FormatStyle;
use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

/// The width of an indentation at most.
const MAX_WIDTH: i64 = 1000;

/// Adds the filters and tests.
pub fn add_to(environment: &mut Environment) {
    // they put lists into lists without bounds, or are not of jinja2
    for name in ["batch", "slice", "groupby", "zip", "chain", "lines", "split", "bool", "pprint"] {
        environment.remove_filter(name);
    }
    // these make a text of their value, which may be a list that is computed when it is used
    for name in ["upper", "lower", "title", "capitalize", "replace"] {
        environment.add_filter(name, move |state: &mut State, value: &Value, args: Rest<Value>| {
            let text = Value::from(python::str(state, value)?);
            methods::call(state, &text, name, &args)
        });
    }
    environment.add_filter("indent", indent);
    environment.add_filter("format", |state: &State, format: &Value, args: Rest<Value>| {
        methods::format(state, FormatStyle::Printf, &python::str(state, format)?, &args)
    });
    environment.add_filter("join", join);
    environment.add_filter("tojson", |state: &State, value: &Value, args: Rest<ValueOrKwargs>| {
        json::tojson(state, value, &values(args))
    });
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("trim", trim);
    environment.add_filter("string", |state: &State, value: &Value| python::str(state, value));
    environment.add_filter("escape", escape);
    environment.add_filter("e", escape);
    environment.add_test("sequence", is_sequence);
    environment.add_test("iterable", is_iterable);
    environment.add_test("callable", |value: &Value| value.kind() == ValueKind::Plain);
}

fn values(args: Rest<ValueOrKwargs>) -> Vec<Value> {
    args.0.into_iter().map(ValueOrKwargs::into_value).collect()
}

fn default(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = values(args);
    let args = Arguments::new(&args, &["default_value", "boolean"])?;
    let replaces_false = args.get(1, "boolean").is_some_and(|value| value.is_true());
    let is_replaced = value.is_undefined() || (replaces_false && !value.is_true());
    match is_replaced {
        // None is a default like any other, an empty string is the usual one
        true if args.is_given(0, "default_value") => Ok(args.get(0, "default_value").unwrap_or(Value::from(()))),
        true => Ok(Value::from("")),
        false => Ok(value.clone()),
    }
}

fn int(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = values(args);
    let args = Arguments::new(&args, &["default", "base"])?;
    let base = args.get(1, "base").and_then(|base| u32::try_from(base).ok());
    let base = base.filter(|base| (2..=36).contains(base)).unwrap_or(10);
    let found = match value.as_str() {
        Some(text) => {
            let text = methods::stripped(text, None, true, true);
            i128::from_str_radix(text, base).ok().or_else(|| text.parse().ok().and_then(whole))
        }
        None if value.is_integer() => return Ok(value.clone()),
        None if value.kind() == ValueKind::Bool => Some(i128::from(value.is_true())),
        None => f64::try_from(value.clone()).ok().and_then(whole),
    };
    Ok(found.map(Value::from).or_else(|| args.get(0, "default")).unwrap_or(Value::from(0)))
}

/// A number without its fraction, where it has a value.
fn whole(number: f64) -> Option<i128> {
    number.is_finite().then_some(number as i128)
}

fn float(value: &Value, args: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let args = values(args);
    let args = Arguments::new(&args, &["default"])?;
    let found = match value.as_str() {
        Some(text) => methods::stripped(text, None, true, true).parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    Ok(found.map(Value::from).or_else(|| args.get(0, "default")).unwrap_or(Value::from(0.0)))
}

fn join(state: &State, value: &Value, args: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let args = values(args);
    let args = Arguments::new(&args, &["d", "attribute"])?;
    let separator = args.get(0, "d").map(|text| python::str(state, &text)).transpose()?.unwrap_or_default();
    let attribute = args.get(1, "attribute");
    let mut out = String::new();
    if value.is_undefined() {
        return Ok(out);
    }
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            state.consume_fuel(separator.len() as u64 / 64)?;
            out.push_str(&separator);
        }
        let item = match &attribute {
            Some(attribute) => item.get_item(attribute)?,
            None => item,
        };
        let text = python::str(state, &item)?;
        state.consume_fuel(1 + text.len() as u64 / 64)?;
        out.push_str(&text);
    }
    Ok(out)
}

fn indent(state: &State, value: &Value, args: Rest<ValueOrKwargs>) -> Result<String, Error> {
    let args = values(args);
    let args = Arguments::new(&args, &["width", "first", "blank"])?;
    let is_set = |index, name| args.get(index, name).is_some_and(|value: Value| value.is_true());
    let (first, blank) = (is_set(1, "first"), is_set(2, "blank"));
    let width = args.get(0, "width").unwrap_or(Value::from(4));
    let before = match width.as_str() {
        Some(text) => text.to_owned(),
        None => " ".repeat(usize::try_from(i64::try_from(width)?.clamp(0, MAX_WIDTH)).unwrap_or(0)),
    };
    let text = python::str(state, value)?;
    let mut out = String::new();
    // a line end at the end stays, and begins an empty line
    for (index, line) in methods::lines(&(text + "\n"), false).iter().filter_map(Value::as_str).enumerate() {
        state.consume_fuel(1 + before.len() as u64 / 64)?;
        out.push_str(if index == 0 { "" } else { "\n" });
        let is_indented = if index == 0 { first } else { blank || !line.is_empty() };
        out.push_str(if is_indented { &before } else { "" });
        out.push_str(line);
    }
    Ok(out)
}

fn trim(state: &State, value: &Value, chars: Option<&Value>) -> Result<String, Error> {
    let text = python::str(state, value)?;
    let chars = chars.filter(|chars| !chars.is_none()).and_then(Value::as_str);
    Ok(methods::stripped(&text, chars, true, true).to_owned())
}

fn escape(state: &State, value: &Value) -> Result<String, Error> {
    let text = python::str(state, value)?;
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            _ => out.push(char),
        }
    }
    Ok(out)
}

/// Whether a value has a length and items, which strings, mappings and undefined ones also have in jinja2.
fn is_sequence(value: &Value) -> bool {
    let kind = value.kind();
    // slices are iterables with a length here, lists in Python
    matches!(kind, ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined)
        || (kind == ValueKind::Iterable && value.len().is_some())
}

fn is_iterable(value: &Value) -> bool {
    let has_items = |kind| matches!(kind, ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable);
    has_items(value.kind()) || value.is_undefined()
}
