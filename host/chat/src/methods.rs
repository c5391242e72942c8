//! Methods of Python's strings and lists, where they differ from what `minijinja-contrib` has.

use crate::arguments::Arguments;
use crate::bounds;
use crate::python::is_space;
use minijinja::formatting::{self, FormatStyle};
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Calls a method that minijinja does not know.
///
/// # Errors
/// No such method, or wrong arguments.
pub fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let found = match value.as_str() {
        Some(text) if method == "join" => Some(joined(state, text, args)?),
        Some(text) if method == "format" => Some(format(state, FormatStyle::StrFormat, text, args)?),
        Some(text) => of_string(text, method, args)?,
        None if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) => of_list(state, value, method, args)?,
        None => None,
    };
    match found {
        Some(found) => Ok(found),
        None => unknown_method_callback(state, value, method, args),
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

fn of_list(state: &State, value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let ("index" | "count", [wanted]) = (method, args) else { return Ok(None) };
    let (mut n_items, mut n_found) = (0_usize, 0_usize);
    for item in value.try_iter()? {
        state.consume_fuel(1)?;
        if item == *wanted {
            n_found += 1;
            if method == "index" {
                return Ok(Some(Value::from(n_items)));
            }
        }
        n_items += 1;
    }
    if method == "index" { Err(wrong("index: the list has no such item")) } else { Ok(Some(Value::from(n_found))) }
}

fn of_string(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "strip" | "lstrip" | "rstrip" => {
            let chars = match args {
                [] => None,
                [none] if none.is_none() => None,
                [chars] => Some(string(chars, method)?),
                _ => return Err(Error::from(ErrorKind::TooManyArguments)),
            };
            Value::from(stripped(text, chars, method != "rstrip", method != "lstrip"))
        }
        "split" | "rsplit" => {
            let (separator, maximum) = split_arguments(args)?;
            match separator.as_ref() {
                Some(separator) => Value::from(split(text, string(separator, method)?, maximum, method == "rsplit")?),
                None => Value::from(words(text, maximum, method == "rsplit")),
            }
        }
        "splitlines" => Value::from(lines(text, args.first().is_some_and(Value::is_true))),
        "partition" | "rpartition" => {
            let [separator] = args else { return Err(Error::from(ErrorKind::MissingArgument)) };
            let separator = string(separator, method)?;
            if separator.is_empty() {
                return Err(wrong("empty separator"));
            }
            let (found, otherwise) = match method {
                "partition" => (text.split_once(separator), [text, "", ""]),
                _ => (text.rsplit_once(separator), ["", "", text]),
            };
            let parts = found.map_or(otherwise, |(before, after)| [before, separator, after]);
            Value::from(Tuple::from(parts.map(Value::from)))
        }
        "removeprefix" | "removesuffix" => {
            let [affix] = args else { return Err(Error::from(ErrorKind::MissingArgument)) };
            let affix = string(affix, method)?;
            let short = if method == "removeprefix" { text.strip_prefix(affix) } else { text.strip_suffix(affix) };
            Value::from(short.unwrap_or(text))
        }
        "index" | "rindex" => {
            let [part] = args else { return Err(Error::from(ErrorKind::MissingArgument)) };
            let part = string(part, method)?;
            let found = if method == "index" { text.find(part) } else { text.rfind(part) };
            let start = found.ok_or_else(|| wrong("substring not found"))?;
            Value::from(text[..start].chars().count())
        }
        _ => return Ok(None),
    }))
}

/// Fills in a format of Python.
///
/// # Errors
/// Arguments that do not fit, or a width of more than 4 digits.
pub fn format(state: &State, style: FormatStyle, format: &str, args: &[Value]) -> Result<Value, Error> {
    if format.split(|char: char| !char.is_ascii_digit()).any(|number| number.len() > 4) || format.contains('*') {
        return Err(wrong("format: a width of more than 4 digits"));
    }
    let args: Vec<Value> = args.iter().map(|arg| bounds::part(state, arg)).collect::<Result<_, _>>()?;
    formatting::format(style, format, &args).map(Value::from)
}

/// Joins strings.
fn joined(state: &State, separator: &str, args: &[Value]) -> Result<Value, Error> {
    let [items] = args else { return Err(Error::from(ErrorKind::MissingArgument)) };
    let mut out = String::new();
    for (index, item) in items.try_iter()?.enumerate() {
        let item = string(&item, "join")?;
        state.consume_fuel(1 + (separator.len() + item.len()) as u64 / 64)?;
        out.push_str(if index == 0 { "" } else { separator });
        out.push_str(item);
    }
    Ok(Value::from(out))
}

fn string<'a>(value: &'a Value, method: &str) -> Result<&'a str, Error> {
    value.as_str().ok_or_else(|| wrong(format!("{method}: expected a string, got {}", value.kind())))
}

/// Removes characters at the sides that are asked for: spaces, or those of `chars`.
pub fn stripped<'a>(text: &'a str, chars: Option<&str>, at_start: bool, at_end: bool) -> &'a str {
    let is_removed = |char: char| chars.map_or_else(|| is_space(char), |chars| chars.contains(char));
    let text = if at_start { text.trim_start_matches(is_removed) } else { text };
    if at_end { text.trim_end_matches(is_removed) } else { text }
}

/// The separator and how often to split at most.
fn split_arguments(args: &[Value]) -> Result<(Option<Value>, Option<usize>), Error> {
    let args = Arguments::new(args, &["sep", "maxsplit"])?;
    let maximum = args.get(1, "maxsplit").map(i64::try_from).transpose()?;
    // a negative number is no limit
    Ok((args.get(0, "sep"), maximum.and_then(|maximum| usize::try_from(maximum).ok())))
}

fn split(text: &str, separator: &str, maximum: Option<usize>, is_from_end: bool) -> Result<Vec<Value>, Error> {
    if separator.is_empty() {
        return Err(wrong("empty separator"));
    }
    let n = maximum.unwrap_or(usize::MAX).saturating_add(1);
    Ok(match is_from_end {
        false => text.splitn(n, separator).map(Value::from).collect(),
        true => {
            let mut parts: Vec<_> = text.rsplitn(n, separator).map(Value::from).collect();
            parts.reverse();
            parts
        }
    })
}

/// Splits at spaces, of which any number separate words. What is left after `maximum` splits keeps its spaces.
fn words(text: &str, maximum: Option<usize>, is_from_end: bool) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        rest = stripped(rest, None, !is_from_end, is_from_end);
        if rest.is_empty() {
            break;
        }
        let cut = match is_from_end {
            false => rest.find(is_space),
            true => rest.char_indices().rfind(|(_, char)| is_space(*char)).map(|(at, char)| at + char.len_utf8()),
        };
        let cut = cut.filter(|_| maximum.is_none_or(|maximum| parts.len() < maximum));
        let cut = cut.unwrap_or(if is_from_end { 0 } else { rest.len() });
        let (before, after) = rest.split_at(cut);
        let (word, others) = if is_from_end { (after, before) } else { (before, after) };
        parts.push(Value::from(word));
        rest = others;
    }
    if is_from_end {
        parts.reverse();
    }
    parts
}

/// Splits at line ends as Python counts them.
pub fn lines(text: &str, keeps_ends: bool) -> Vec<Value> {
    let is_end = |char: char| matches!(char, '\n'..='\r' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_end).unwrap_or(rest.len());
        let len =
            if rest[end..].starts_with("\r\n") { 2 } else { rest[end..].chars().next().map_or(0, char::len_utf8) };
        lines.push(Value::from(&rest[..if keeps_ends { end + len } else { end }]));
        rest = &rest[end + len..];
    }
    lines
}
