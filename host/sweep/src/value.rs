//! Values of an axis, as `trainyard train --set` takes them: TOML, or a word without quotes where it is no TOML.

use serde::Deserialize;
use toml::Value;
use toml::de::ValueDeserializer;
use trainyard_base::{Error, Result};

/// Names between dots that a `--set` may have.
const DEPTH_MAX: usize = 32;

/// The value that a command line means by a text: TOML, or the text itself where it is none.
pub fn parse(text: &str) -> Value {
    read(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The text of a `--set` that means the value.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(word) if read(word).is_none() && !word.contains(char::is_control) => word.clone(),
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        value => value.to_string(),
    }
}

/// The settings that the value of an axis stands for: a table sets each of its keys, everything else sets the axis's.
///
/// # Errors
/// A key that no `--set` can name, a date.
pub fn settings(key: &str, value: &Value) -> Result<Vec<(String, Value)>> {
    check_key(key)?;
    match value {
        Value::Table(table) => {
            let each = table.iter().map(|(inner, value)| settings(&format!("{key}.{inner}"), value));
            Ok(each.collect::<Result<Vec<_>>>()?.concat())
        }
        Value::Datetime(date) => Err(Error::usage(format!(
            "{key}: expected a value of a setting, got the date {date}; no setting takes one"
        ))),
        value => Ok(vec![(key.to_owned(), value.clone())]),
    }
}

/// Checks that a `--set` can name the key.
fn check_key(key: &str) -> Result<()> {
    let is_name = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
    match key.split('.').all(is_name) && key.split('.').count() <= DEPTH_MAX {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "{key:?}: expected at most {DEPTH_MAX} names between dots, of letters, digits, _ and -, for example train.batch"
        ))),
    }
}

/// Splits the values of a flag at commas outside quotes, brackets and braces.
///
/// # Errors
/// A quote, bracket or brace without its partner, an empty value.
pub fn split(list: &str) -> Result<Vec<Value>> {
    let (mut parts, mut start, mut quote, mut open) = (Vec::new(), 0, None, Vec::new());
    let mut is_escaped = false;
    for (offset, char) in list.char_indices() {
        match (quote, char) {
            (Some('"'), '\\') if !is_escaped => {
                is_escaped = true;
                continue;
            }
            (Some(end), char) => quote = (char != end || is_escaped).then_some(end),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ']' | '}') if open.pop() != Some(char) => {
                return Err(Error::usage(format!("{list}: {char} closes nothing; put the value into quotes")));
            }
            // an apostrophe within a word is none
            (None, '"' | '\'') if list[start..offset].trim_end().ends_with(['[', '{', ',', '=', ':']) => {
                quote = Some(char);
            }
            (None, '"' | '\'') if list[start..offset].trim().is_empty() => quote = Some(char),
            (None, ',') if open.is_empty() => {
                parts.push(&list[start..offset]);
                start = offset + 1;
            }
            _ => {}
        }
        is_escaped = false;
    }
    parts.push(&list[start..]);
    if let Some(missing) = quote.or(open.pop()) {
        return Err(Error::usage(format!("{list}: expected a closing {missing}, got the end of the values")));
    }
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err(Error::usage(format!(
            "{list:?}: expected values between commas, got an empty one; write '' for it"
        )));
    }
    Ok(parts.into_iter().map(|part| parse(part.trim())).collect())
}

/// The value at a key of a config; none where the config has none.
pub fn at<'a>(document: &'a toml::Table, key: &str) -> Option<&'a Value> {
    let mut parts = key.split('.');
    let first = document.get(parts.next()?)?;
    parts.try_fold(first, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
}

/// Tells if two values are equal, where a whole number equals its floating-point form.
pub fn are_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Integer(whole), Value::Float(number)) | (Value::Float(number), Value::Integer(whole)) => {
            *whole as f64 == *number
        }
        (a, b) => a == b,
    }
}

fn read(text: &str) -> Option<Value> {
    Value::deserialize(ValueDeserializer::parse(text.trim()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_a_set_reads_them() {
        for (text_of_set, value) in [
            ("focal", Value::from("focal")),
            ("\"1\"", Value::from("1")),
            ("\"true\"", Value::from("true")),
            ("1", Value::from(1)),
            ("0.002", Value::from(2e-3)),
            ("1e-8", Value::from(1e-8)),
            ("1.0", Value::from(1.0)),
            ("true", Value::from(true)),
            ("a/my.wasm", Value::from("a/my.wasm")),
            ("It is", Value::from("It is")),
        ] {
            assert_eq!(text(&value), text_of_set);
            assert_eq!(parse(text_of_set), value);
        }
        for odd in ["", " a ", "two\nlines", "'quoted'", "[1", "{ a = 1 }", "a,b"] {
            assert_eq!(parse(&text(&odd.into())), odd.into(), "{odd:?}");
        }
        let list = parse("[{ plugin = \"a\", config.x = 1e-5 }, { plugin = \"b\" }]");
        assert_eq!(parse(&text(&list)), list);
        assert!(!text(&list).contains('\n'), "{}", text(&list));
    }

    #[test]
    fn values_of_a_flag_are_split_at_its_commas() {
        let texts = |list| split(list).unwrap().iter().map(text).collect::<Vec<_>>();
        assert_eq!(texts("cross-entropy, focal"), ["cross-entropy", "focal"]);
        assert_eq!(texts("1e-3,2"), ["0.001", "2"]);
        assert_eq!(texts("'a,b',c"), ["a,b", "c"]);
        assert_eq!(texts(r#""a\",b",c"#), [r#"a",b"#, "c"]);
        assert_eq!(texts("[0.9, 0.95],[0.9, 0.99]"), ["[0.9, 0.95]", "[0.9, 0.99]"]);
        assert_eq!(texts("{ plugin = 'a,}', config.x = [1, 2] },b").len(), 2);
        assert_eq!(texts("don't,won't"), ["don't", "won't"]);
        let error = |list| split(list).unwrap_err().to_string();
        assert_eq!(error("a,,b"), "\"a,,b\": expected values between commas, got an empty one; write '' for it");
        assert_eq!(error("[1,2"), "[1,2: expected a closing ], got the end of the values");
        assert_eq!(error("a],b"), "a],b: ] closes nothing; put the value into quotes");
        assert_eq!(error("'a"), "'a: expected a closing ', got the end of the values");
    }

    #[test]
    fn a_table_sets_each_of_its_keys() {
        let value = parse("{ plugin = \"bpe\", config.vocab_size = 1024 }");
        let sets = settings("tokenizer", &value).unwrap();
        let sets: Vec<_> = sets.iter().map(|(key, value)| format!("{key}={}", text(value))).collect();
        assert_eq!(sets, ["tokenizer.config.vocab_size=1024", "tokenizer.plugin=bpe"]);
        let error = settings("a", &parse("{ 'b=c' = 1 }")).unwrap_err().to_string();
        assert_eq!(
            error,
            "\"a.b=c\": expected at most 32 names between dots, of letters, digits, _ and -, for example train.batch"
        );
        let error = settings("a", &parse("2020-01-01")).unwrap_err().to_string();
        assert_eq!(error, "a: expected a value of a setting, got the date 2020-01-01; no setting takes one");
    }

    #[test]
    fn values_of_a_config_are_found() {
        let document: toml::Table = "[a]\nb = [{ c = 1 }]".parse().unwrap();
        assert!(are_equal(at(&document, "a.b.0.c").unwrap(), &1.0.into()));
        assert_eq!(at(&document, "a.b.1.c"), None);
        assert_eq!(at(&document, "a.x"), None);
    }
}
