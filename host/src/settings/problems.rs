//! What is wrong with a config: collected, so that everything can be fixed after one look at the output.

use crate::base::error::one_line;
use crate::{Error, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Problems that are shown; more of a file that is wrong throughout would not help.
const SHOWN: usize = 20;

/// Where a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Nowhere: a default, or the file as a whole.
    Nowhere,
    /// In a file, at this byte: 0 is the config, others are those that it extends.
    File { file: usize, offset: usize },
    /// In the `--set` with this number.
    Set(usize),
}

/// Characters of a `--set` that a message shows.
const SET_CHARS: usize = 300;

/// A config that another one extends.
struct Extended {
    path: PathBuf,
    text: String,
    folder: PathBuf,
}

/// The problems found so far, and what is needed to say where they are.
pub struct Problems<'a> {
    path: &'a Path,
    text: &'a str,
    /// Configs that this one extends, from number 1 on.
    files: RefCell<Vec<Extended>>,
    overrides: &'a [String],
    found: RefCell<BTreeMap<At, Vec<String>>>,
    notes: RefCell<Vec<String>>,
}

impl<'a> Problems<'a> {
    /// No problems so far.
    pub fn new(path: &'a Path, text: &'a str, overrides: &'a [String]) -> Self {
        Self { path, text, files: RefCell::default(), overrides, found: RefCell::default(), notes: RefCell::default() }
    }

    /// Adds a problem.
    pub fn add(&self, at: At, message: impl Into<String>) {
        self.found.borrow_mut().entry(at).or_default().push(message.into());
    }

    /// Adds a config that this one extends; returns its number.
    pub fn add_file(&self, path: &Path, text: String, folder: PathBuf) -> usize {
        self.files.borrow_mut().push(Extended { path: path.to_owned(), text, folder });
        self.files.borrow().len()
    }

    /// The folder of a config that this one extends.
    pub fn folder(&self, file: usize) -> Option<PathBuf> {
        self.files.borrow().get(file.checked_sub(1)?).map(|extended| extended.folder.clone())
    }

    /// Adds something that is no problem, but that the user should know.
    pub fn note(&self, message: impl Into<String>) {
        self.notes.borrow_mut().push(message.into());
    }

    /// The notes in the order in which they were made.
    pub fn take_notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// Tells if there is a problem at this place.
    pub fn any_at(&self, at: At) -> bool {
        self.found.borrow().contains_key(&at)
    }

    /// All problems as one error, a line each, in the order of their places: the first [`SHOWN`], and the number of the
    /// rest.
    ///
    /// # Errors
    /// There is a problem.
    pub fn check(&self) -> Result<()> {
        let mut found = self.found.borrow_mut();
        found.values_mut().for_each(|messages| messages.sort());
        let n_found: usize = found.values().map(Vec::len).sum();
        let each = found.iter().flat_map(|(at, messages)| messages.iter().map(move |message| (*at, message)));
        let mut lines: Vec<_> =
            each.take(SHOWN).map(|(at, message)| one_line(format!("{}: {message}", self.place(at)))).collect();
        if n_found > SHOWN {
            let rest = n_found - SHOWN;
            lines.push(format!("{}: {rest} more problems are not shown; fix these first", self.path.display()));
        }
        if lines.is_empty() { Ok(()) } else { Err(Error::Usage(lines.join("\n"))) }
    }

    /// `file`, `file:line:column`, `--set key=value` or `--unset key`. Columns count characters, from 1.
    fn place(&self, at: At) -> String {
        match at {
            At::Nowhere => self.path.display().to_string(),
            At::File { file, offset } => {
                let files = self.files.borrow();
                let extended = file.checked_sub(1).and_then(|index| files.get(index));
                let (path, text) = extended.map_or((self.path, self.text), |file| (&file.path, &file.text));
                let before = text.get(..offset).unwrap_or(text);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                format!("{}:{line}:{column}", path.display())
            }
            At::Set(index) => {
                let text = self.overrides.get(index).map_or("", String::as_str);
                let (option, text) = text.strip_prefix('!').map_or(("set", text), |key| ("unset", key));
                let end = text.char_indices().nth(SET_CHARS).map(|(end, _)| end);
                format!("--{option} {}{}", &text[..end.unwrap_or(text.len())], if end.is_some() { "…" } else { "" })
            }
        }
    }
}
