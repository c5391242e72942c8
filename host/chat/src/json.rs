//! The filter `tojson`, as transformers defines it: Python's `json.dumps` without escapes for HTML.

use crate::arguments::Arguments;
use crate::python;
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// Writes a value as JSON: `tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
///
/// # Errors
/// Other arguments, a value that JSON has no form for, or one that takes more fuel than is left.
pub fn tojson(state: &State, value: &Value, args: &[Value]) -> Result<String, Error> {
    let settings = Settings::new(args)?;
    let mut dump = Dump { out: String::new(), state, settings };
    dump.value(value, 0)?;
    Ok(dump.out)
}

/// How the JSON is written.
struct Settings {
    ensure_ascii: bool,
    indent: Option<String>,
    between_items: String,
    after_key: String,
    sort_keys: bool,
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

impl Settings {
    fn new(args: &[Value]) -> Result<Self, Error> {
        let args = Arguments::new(args, &["ensure_ascii", "indent", "separators", "sort_keys"])?;
        let ensure_ascii = args.get(0, "ensure_ascii").is_some_and(|value| value.is_true());
        let indent = match args.get(1, "indent") {
            None => None,
            Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
            Some(number) => {
                let n = i64::try_from(number).map_err(|_| wrong("tojson: indent is a number or a string"))?;
                // more than anyone uses, and each line begins with it
                Some(" ".repeat(n.clamp(0, 64) as usize))
            }
        };
        let mut between_items = if indent.is_some() { "," } else { ", " }.to_owned();
        let mut after_key = ": ".to_owned();
        if let Some(separators) = args.get(2, "separators") {
            let parts: Vec<Value> = separators.try_iter()?.collect();
            let [item, key] = parts.as_slice() else { return Err(wrong("tojson: separators are two strings")) };
            let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong("tojson: no string"));
            (between_items, after_key) = (text(item)?, text(key)?);
        }
        let sort_keys = args.get(3, "sort_keys").is_some_and(|value| value.is_true());
        Ok(Self { ensure_ascii, indent, between_items, after_key, sort_keys })
    }
}

struct Dump<'a, 'b, 'c> {
    out: String,
    state: &'a State<'b, 'c>,
    settings: Settings,
}

impl Dump<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.state.consume_fuel(1)?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&number(value)),
            ValueKind::String => self.text(value.as_str().unwrap_or(""))?,
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?;
                self.items('[', ']', depth, items, |dump, item| dump.value(&item, depth + 1))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.settings.sort_keys {
                    keys.sort();
                }
                self.items('{', '}', depth, keys.into_iter(), |dump, key| {
                    dump.text(&key_text(&key)?)?;
                    dump.out.push_str(&dump.settings.after_key);
                    dump.value(&value.get_item(&key)?, depth + 1)
                })?;
            }
            kind => return Err(wrong(format!("tojson: expected a value of JSON, got {kind}"))),
        }
        Ok(())
    }

    fn items(
        &mut self,
        open: char,
        close: char,
        depth: usize,
        items: impl Iterator<Item = Value>,
        write: impl Fn(&mut Self, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        let mut is_empty = true;
        for item in items {
            if !is_empty {
                self.out.push_str(&self.settings.between_items);
            }
            is_empty = false;
            self.line(depth + 1)?;
            write(self, item)?;
        }
        if !is_empty {
            self.line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    /// Begins a line, where lines are indented.
    fn line(&mut self, depth: usize) -> Result<(), Error> {
        if let Some(indent) = &self.settings.indent {
            self.state.consume_fuel((indent.len() * depth) as u64 / 64)?;
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str(indent));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.state.consume_fuel(text.len() as u64 / 64)?;
        self.out.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => self.out.extend(['\\', char]),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '\0'..='\x1f' => self.escaped(char),
                '\x7f'.. if self.settings.ensure_ascii => self.escaped(char),
                _ => self.out.push(char),
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn escaped(&mut self, char: char) {
        for unit in char.encode_utf16(&mut [0; 2]) {
            self.out.push_str(&format!("\\u{unit:04x}"));
        }
    }
}

fn number(value: &Value) -> String {
    match python::number(value).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        number => number.to_owned(),
    }
}

/// The text of a key, which JSON has as a string.
fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or("").to_owned()),
        ValueKind::Number => Ok(number(key)),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        kind => Err(wrong(format!("tojson: expected a string as a key, got {kind}"))),
    }
}
