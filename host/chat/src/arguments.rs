//! Arguments as Python takes them: by position or by name.

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};

/// The arguments of a call.
pub struct Arguments<'a> {
    positional: &'a [Value],
    named: Option<Kwargs>,
}

impl<'a> Arguments<'a> {
    /// Takes the arguments of a function with `names`.
    ///
    /// # Errors
    /// More arguments than names, or a name that is not among them.
    pub fn new(args: &'a [Value], names: &[&str]) -> Result<Self, Error> {
        let (named, positional) = match args.split_last() {
            Some((last, positional)) if last.is_kwargs() => (Some(Kwargs::try_from(last.clone())?), positional),
            _ => (None, args),
        };
        if positional.len() > names.len() {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        let unknown = named.iter().flat_map(Kwargs::args).find(|name| !names.contains(name));
        if let Some(unknown) = unknown {
            return Err(Error::new(ErrorKind::TooManyArguments, format!("no argument is named {unknown}")));
        }
        Ok(Self { positional, named })
    }

    /// Tells if an argument is given.
    pub fn is_given(&self, index: usize, name: &str) -> bool {
        index < self.positional.len() || self.named.as_ref().is_some_and(|named| named.has(name))
    }

    /// Returns the argument at a position or of a name; none where it is not given, or is None.
    pub fn get(&self, index: usize, name: &str) -> Option<Value> {
        let named = self.named.as_ref().filter(|named| named.has(name));
        let named = named.and_then(|named| named.get::<Value>(name).ok());
        self.positional.get(index).cloned().or(named).filter(|value| !value.is_none())
    }
}
