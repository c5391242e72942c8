//! Settings: TOML text and its overrides (`--set`, `--unset`), read section by section.
//!
//! A reader asks its [`Section`] for each key with type, range and default; all problems are reported at once, each
//! with its place. Each section is read next to the type that holds it: `TrainConfig::read` says what `[train]` may
//! contain. This module knows none of them.

mod document;
mod extends;
mod overrides;
mod plugin;
mod problems;
mod reference;
mod section;
mod suggest;
mod tables;

pub use plugin::{plugin_name, plugin_settings};
pub use reference::{Condition, Setting, reference};
pub use section::Section;
pub use suggest::did_you_mean;

use crate::base::files::{MAX_TEXT_BYTES, read_text};
use crate::{Error, Result};
use problems::Problems;
use section::Scope;
use std::cell::RefCell;
use std::path::Path;

/// Reads the file at `path`, changed by the `overrides`, with the reader `read` of its root.
///
/// An override `section.key=value` sets a key, `!section.key` removes one; removals come first. Where `x.plugin` is set
/// to another plugin, the old one's `x.config` is dropped, and a warning says so.
///
/// Relative paths in the file start at its folder, those in an override at the current folder.
///
/// # Errors
/// All problems of file and overrides, one line each: `configs/x.toml:12:5: train.batch: expected 1 or more, got 0`.
pub fn read_file<T>(path: &Path, overrides: &[String], read: impl FnOnce(&mut Section<'_>) -> T) -> Result<T> {
    let text = read_text(path, MAX_TEXT_BYTES)
        .map_err(|error| Error::usage(format!("{}: cannot read the config: {error}", path.display())))?;
    parse(path, &text, overrides, read)
}

/// The same with the `text` of a file that is, or would be, at `path`.
///
/// # Errors
/// As [`read_file`].
pub fn parse<T>(path: &Path, text: &str, overrides: &[String], read: impl FnOnce(&mut Section<'_>) -> T) -> Result<T> {
    let current_dir = std::env::current_dir()
        .and_then(|dir| dir.canonicalize())
        .map_err(|error| Error::run(format!("cannot find the current folder: {error}")))?;
    let file_base = match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => parent.canonicalize().map_err(|error| Error::io(parent, "resolve", &error))?,
        None => current_dir.clone(),
    };
    let problems = Problems::new(path, text, overrides);
    let (places, requests, misplaced) = (RefCell::default(), None, RefCell::default());
    let mut document = document::parse(text, 0, &problems);
    extends::apply(&mut document, &file_base, &problems);
    problems.check()?;
    let scope = Scope { problems, file_base, set_base: current_dir, places, requests, misplaced };
    overrides::apply(&mut document, overrides, &scope.problems);
    let value = Section::root(document, &scope, read);
    scope.problems.check()?;
    scope.problems.take_notes().iter().for_each(|note| tracing::warn!("{note}"));
    Ok(value)
}
