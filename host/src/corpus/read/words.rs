//! A text that is given as a list of its words.

use super::fault::{Fault, Parsing};
use serde_json::Value;

/// The words of the field `name`, which holds `json`.
///
/// # Errors
/// A list of something else.
pub(super) fn words_of(name: &str, json: &str) -> Parsing<Vec<String>> {
    let word = |(index, value): (usize, Value)| match value {
        Value::String(word) => Ok(word),
        other => Err(no_word(name, index, &other.to_string())),
    };
    let values: Vec<Value> = serde_json::from_str(json).map_err(|_| no_list(name))?;
    values.into_iter().enumerate().map(word).collect()
}

fn no_list(name: &str) -> Fault {
    let message = format!("field {name:?}: expected text or a list of words, got another list; correct it");
    Fault::invalid(format!("the field {name:?} is no text"), message)
}

/// The words as one text, a space between them.
///
/// # Errors
/// A word that is empty or has white space in it: the words could not be told apart again.
pub(super) fn join(name: &str, words: &[String]) -> Parsing<String> {
    match words.iter().position(|word| word.is_empty() || word.contains(char::is_whitespace)) {
        Some(index) => Err(no_word(name, index, &format!("{:?}", words[index]))),
        None => Ok(words.join(" ")),
    }
}

fn no_word(name: &str, index: usize, got: &str) -> Fault {
    let place = index + 1;
    let message =
        format!("field {name:?}: expected a word without white space as number {place}, got {got}; correct it");
    Fault::invalid(format!("the field {name:?} has words that are none"), message)
}
