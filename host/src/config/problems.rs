//! What is wrong with a config: collected, so that one look at the output mends everything.

use crate::error::one_line;
use crate::{Error, Result};
use std::cell::RefCell;
use std::path::Path;

/// Where a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Nowhere: a default, or the file as a whole.
    Nowhere,
    /// In the file, at this byte.
    File(usize),
    /// In the `--set` with this number.
    Set(usize),
}

/// The problems found so far, and what is needed to say where they are.
pub struct Problems<'a> {
    path: &'a Path,
    text: &'a str,
    overrides: &'a [String],
    found: RefCell<Vec<(At, String)>>,
}

impl<'a> Problems<'a> {
    /// None so far.
    pub fn new(path: &'a Path, text: &'a str, overrides: &'a [String]) -> Self {
        Self { path, text, overrides, found: RefCell::default() }
    }

    /// One more.
    pub fn add(&self, at: At, message: impl Into<String>) {
        self.found.borrow_mut().push((at, message.into()));
    }

    /// Whether there is one at this place.
    pub fn any_at(&self, at: At) -> bool {
        self.found.borrow().iter().any(|(place, _)| *place == at)
    }

    /// All of them as one error, a line each, in the order of their places.
    pub fn check(&self) -> Result<()> {
        let mut found = self.found.borrow().clone();
        found.sort();
        let lines: Vec<_> =
            found.iter().map(|(at, message)| one_line(format!("{}: {message}", self.place(*at)))).collect();
        if lines.is_empty() { Ok(()) } else { Err(Error::Usage(lines.join("\n"))) }
    }

    /// `file`, `file:line:column` or `--set key=value`. Columns count characters, from 1.
    fn place(&self, at: At) -> String {
        match at {
            At::Nowhere => self.path.display().to_string(),
            At::File(offset) => {
                let before = self.text.get(..offset).unwrap_or(self.text);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                format!("{}:{line}:{column}", self.path.display())
            }
            At::Set(index) => format!("--set {}", self.overrides.get(index).map_or("", String::as_str)),
        }
    }
}
