//! minijinja set up as transformers sets up jinja2.

use crate::expression::{CHECKED, CHECKED_PART, ITEMS, TEXT};
use crate::marks::Marks;
use crate::source::{MARKING, Source};
use crate::{bounds, filters, methods, python, time};
use chrono::NaiveDateTime;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Object};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Value, functions};
use std::fmt;

/// What a template may take: steps, each an instruction or 64 bytes that it writes or reads. Conversations of 20
/// megabytes take less.
pub const FUEL: u64 = 5_000_000;

/// How deep macros and blocks may be nested.
const DEPTH: usize = 100;

/// The name of the template in its environment.
pub const NAME: &str = "chat template";

/// The variable of `Given`; no template can name it, for it is no identifier.
pub const GIVEN: &str = "given by the host";

/// What a rendering is given beside the variables of the template.
#[derive(Debug)]
pub struct Given {
    pub now: NaiveDateTime,
    pub marks: Option<Marks>,
}

impl Object for Given {}

/// The error of `raise_exception`, whose message the caller gets as it is.
#[derive(Debug)]
pub struct Raised(pub String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

/// Compiles a template.
///
/// # Errors
/// A mistake in the template.
pub fn compiled(source: Source) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.set_unknown_method_callback(methods::call);
    environment.set_formatter(print);
    environment.remove_global("debug");
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment.add_function("dict", |state: &State, value: Option<Value>, named: Kwargs| {
        bounds::part(state, &functions::dict(value, named)?)
    });
    environment.add_function(CHECKED, |state: &State, value: &Value| bounds::value(state, value));
    environment.add_function(CHECKED_PART, |state: &State, value: &Value| bounds::part(state, value));
    environment.add_function(ITEMS, items);
    environment.add_function(TEXT, |state: &State, value: &Value| python::str(state, value));
    environment.add_filter(MARKING, mark);
    filters::add_to(&mut environment);
    environment.add_template_owned(NAME, source.text)?;
    Ok(environment)
}

/// Prints the value of an expression.
fn print(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let text = match value.as_str() {
        Some(text) => return out.write_str(text).map_err(Error::from),
        None => python::str(state, value)?,
    };
    out.write_str(&text).map_err(Error::from)
}

fn given<T>(state: &State, get: impl Fn(&Given) -> T) -> Option<T> {
    state.lookup(GIVEN)?.downcast_object_ref::<Given>().map(get)
}

/// Puts marks around what the assistant generated.
fn mark(state: &State, text: String) -> String {
    match given(state, |given| given.marks).flatten() {
        Some(Marks { open, close }) => format!("{open}{text}{close}"),
        None => text,
    }
}

fn items(value: &Value) -> Result<Value, Error> {
    match value.is_none() {
        true => Err(Error::new(ErrorKind::InvalidOperation, "None has no items to loop over")),
        false => Ok(value.clone()),
    }
}

fn raise_exception(state: &State, message: &Value) -> Result<Value, Error> {
    let message = python::str(state, message)?;
    Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Raised(message)))
}

fn strftime_now(state: &State, format: &str) -> Result<String, Error> {
    let now = given(state, |given| given.now);
    let now = now.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "strftime_now: no time is given"))?;
    Ok(time::formatted(now, format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_what_is_given_is_no_identifier() {
        assert!(GIVEN.contains(' ') && MARKING.chars().all(|char| char.is_ascii_lowercase() || char == '_'));
    }
}
