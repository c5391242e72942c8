//! What is wrong with a document of a file, and what becomes of it as the source says.

use super::counts::{ReadCounts, count};
use crate::corpus::{InvalidLines, SourceConfig};
use crate::{Error, Result};

/// Where a setting is given: what a message tells people to change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Settings {
    Config,
    CommandLine,
}

impl Settings {
    /// `set data.source.invalid_lines to "skip"`, `give --invalid-lines skip`.
    pub fn cure(self, name: &str, value: &str) -> String {
        match self {
            Self::Config => format!("set data.source.{name} to \"{value}\""),
            Self::CommandLine => format!("give --{} {value}", name.replace('_', "-")),
        }
    }
}

/// Where a document is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// For errors: `corpus/a.jsonl:7`.
    pub long: &'a dyn Fn() -> String,
    /// For reports: `a.jsonl:7`.
    pub short: &'a dyn Fn() -> String,
}

/// Why there is no document.
pub(super) enum Fault {
    /// What is there holds none.
    Invalid {
        /// For reports, the same for all documents of the kind.
        what: String,
        /// For people.
        message: String,
    },
    /// The source lets it go; counted already.
    Dropped,
    Stop(Error),
}

impl Fault {
    pub fn invalid(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), message: message.into() }
    }

    /// Leaves the document out and counts it, or stops, as the source says of what is invalid.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn settle<T>(
        self,
        source: &SourceConfig,
        settings: Settings,
        place: Place<'_>,
        counts: &mut ReadCounts,
    ) -> Result<Option<T>> {
        match self {
            Self::Dropped => Ok(None),
            Self::Stop(error) => Err(error),
            Self::Invalid { what, message } => match source.invalid_lines {
                InvalidLines::Skip => {
                    count(&mut counts.invalid_lines, &what, (place.short)());
                    Ok(None)
                }
                InvalidLines::Error => {
                    let cure = settings.cure("invalid_lines", "skip");
                    Err(Error::run(format!("{}: {message}, or {cure}", (place.long)())))
                }
            },
        }
    }
}

/// What was found, or why there is none.
pub(super) type Parsing<T> = std::result::Result<T, Fault>;
