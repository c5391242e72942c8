//! A TOML document as a tree whose values remember where they were written: in the file or in a `--set`.
//!
//! This is the config as written. It fails on syntax only; [`super::Section`] decides what values mean.

use super::problems::{At, Problems};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Item {
    pub at: At,
    pub value: Value,
}

/// The types of TOML, as far as a config has a use for them.
#[derive(Debug, Clone)]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Item>),
    Table(Table),
    /// A date or a whole number beyond 64 bits, as written: no setting takes one.
    Other(String),
}

/// Keys in the order of the alphabet.
pub type Table = BTreeMap<String, Entry>;

/// A key of a table and what it holds.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key_at: At,
    pub item: Item,
}

/// Reads a whole file, which has this number. Every syntax error is a problem.
pub fn parse(text: &str, file: usize, problems: &Problems) -> Table {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(At::Nowhere, |span| At::File { file, offset: span.start });
        problems.add(at, error.message().replace('\n', ", "));
    }
    table(document.get_ref(), Origin::File(file))
}

/// What values are written in.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// The file with this number.
    File(usize),
    /// All at one place.
    At(At),
}

impl Origin {
    fn at(self, offset: usize) -> At {
        match self {
            Self::File(file) => At::File { file, offset },
            Self::At(at) => at,
        }
    }
}

/// Reads the value of a `--set`: TOML, or text when it is not TOML, so that words need no quotes.
pub fn parse_value(text: &str, at: At) -> Item {
    match DeValue::parse(text.trim()) {
        Ok(parsed) => Item { at, value: value(parsed.get_ref(), Origin::At(at)) },
        Err(_) => Item { at, value: Value::Text(text.to_owned()) },
    }
}

fn table(table: &DeTable<'_>, origin: Origin) -> Table {
    let entry = |(key, item): (&Spanned<_>, &Spanned<_>)| {
        let item = Item { at: origin.at(item.span().start), value: value(item.get_ref(), origin) };
        Entry { key_at: origin.at(key.span().start), item }
    };
    table.iter().map(|pair| (pair.0.get_ref().to_string(), entry(pair))).collect()
}

fn value(parsed: &DeValue<'_>, origin: Origin) -> Value {
    match parsed {
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Integer(value) => match i64::from_str_radix(value.as_str(), value.radix()) {
            Ok(value) => Value::Integer(value),
            Err(_) => Value::Other(value.to_string()),
        },
        DeValue::Float(value) => value.as_str().parse().map_or_else(|_| Value::Other(value.to_string()), Value::Number),
        DeValue::String(value) => Value::Text(value.to_string()),
        DeValue::Datetime(value) => Value::Other(value.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Item { at: origin.at(item.span().start), value: value(item.get_ref(), origin) })
                .collect(),
        ),
        DeValue::Table(entries) => Value::Table(table(entries, origin)),
    }
}

impl fmt::Display for Value {
    /// For messages: `got ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value:?}"),
            Value::Text(text) if text.chars().count() > 40 => {
                write!(f, "{:?}", text.chars().take(39).chain(['…']).collect::<String>())
            }
            Value::Text(text) => write!(f, "{text:?}"),
            Value::List(_) => write!(f, "a list"),
            Value::Table(_) => write!(f, "a table"),
            Value::Other(text) => write!(f, "{text}"),
        }
    }
}

impl Value {
    /// The value in the `toml` crate's form; none for `Other`.
    pub fn to_toml(&self) -> Option<toml::Value> {
        Some(match self {
            Value::Boolean(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Number(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(|item| item.value.to_toml()).collect::<Option<Vec<_>>>()?.into(),
            Value::Table(table) => {
                let pair = |(key, entry): (&String, &Entry)| Some((key.clone(), entry.item.value.to_toml()?));
                table.iter().map(pair).collect::<Option<toml::Table>>()?.into()
            }
            Value::Other(_) => return None,
        })
    }
}
