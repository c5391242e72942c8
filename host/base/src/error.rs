//! The error type of the host. A message is one line in lower case: the culprit, what was expected, what it got, and
//! what to do.

use crate::clean;
use crate::interrupt::Signal;
use std::any::Any;
use std::fmt::{self, Display};
use std::path::Path;
use trainyard_plugin::{ErrorKind, PluginError};

/// An error, by who can fix it. The functions below turn a library's message of several lines into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The command line or the config is wrong. For a config, there is one line per problem.
    Usage(String),
    /// A plugin is at fault.
    Plugin(String),
    /// Everything else: files, data, numbers that are not finite.
    Run(String),
    /// A signal asked the program to end, and it did: nothing went wrong.
    Interrupted(Signal, String),
}

/// The result of every host function that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error: the command line or the config is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(one_line(message.into()))
    }

    /// Makes an error: a plugin is at fault.
    pub fn plugin(message: impl Into<String>) -> Self {
        Self::Plugin(one_line(message.into()))
    }

    /// Makes an error about everything else.
    pub fn run(message: impl Into<String>) -> Self {
        Self::Run(one_line(message.into()))
    }

    /// Makes the error of a program that ends because `signal` asked for it; `message` says what was done of its work.
    pub fn interrupted(signal: Signal, message: impl Into<String>) -> Self {
        Self::Interrupted(signal, one_line(message.into()))
    }

    /// Makes an error about a file operation: `path: cannot verb: reason`.
    pub fn io(path: &Path, verb: &str, error: &std::io::Error) -> Self {
        Self::run(format!("{}: cannot {verb}: {error}", path.display()))
    }

    /// Makes an error about a thread that panicked while it did `what`, which is a bug in this program or in a library.
    pub fn panicked(what: &str, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Self::Run(format!("{what} panicked: {}", text.unwrap_or("without saying why")))
    }

    /// Returns the same error with `context: ` in front.
    pub fn context(self, context: impl Display) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(format!("{context}: {message}")),
            Self::Plugin(message) => Self::Plugin(format!("{context}: {message}")),
            Self::Run(message) => Self::Run(format!("{context}: {message}")),
            Self::Interrupted(signal, message) => Self::Interrupted(signal, format!("{context}: {message}")),
        }
    }

    /// Returns the same error with `; cure` at the end.
    pub fn followed_by(self, cure: &str) -> Self {
        self.reword(|message| format!("{message}; {cure}"))
    }

    /// Returns the same error with its message changed by `change`.
    pub fn reword(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(change(message)),
            Self::Plugin(message) => Self::Plugin(change(message)),
            Self::Run(message) => Self::Run(change(message)),
            Self::Interrupted(signal, message) => Self::Interrupted(signal, change(message)),
        }
    }

    /// Returns the program's exit code: 2 for usage and config, 3 for a plugin's fault, 130 and 143 for an interruption
    /// as shells have it, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Plugin(_) => 3,
            Self::Run(_) => 1,
            Self::Interrupted(signal, _) => signal.exit_code(),
        }
    }
}

/// Joins the lines of `message` into one, without indentation and empty lines.
pub fn one_line(message: String) -> String {
    if !message.contains(['\n', '\r']) {
        return message;
    }
    message.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Display for Error {
    /// Writes one line, or one for each mistake of a config. Text from files in it is cleaned here, once for all
    /// messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(&clean::message(message)),
            Self::Plugin(message) | Self::Run(message) | Self::Interrupted(_, message) => {
                f.write_str(&clean::message(&clean::line(message)))
            }
        }
    }
}

impl std::error::Error for Error {}

/// Converts an error of a plugin: a wrong setting is the config's fault, everything else the plugin's.
impl From<PluginError> for Error {
    fn from(error: PluginError) -> Self {
        match error.kind {
            ErrorKind::Config => Self::usage(error.message),
            _ => Self::plugin(error.message),
        }
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::run(format!("tensor operation failed: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line() {
        let said = "cannot be parsed\r\n\nCaused by:\n    0: at offset 7\n    1: wrong magic\n";
        let expected = "cannot be parsed Caused by: 0: at offset 7 1: wrong magic";
        let io = std::io::Error::other(said);
        for error in [
            Error::usage(said),
            Error::plugin(said),
            Error::run(said),
            PluginError::config(said).into(),
            PluginError::internal(said).into(),
            candle_core::Error::Msg(said.into()).into(),
            Error::io(Path::new("a"), "read", &io),
        ] {
            let text = error.context("model.bin").to_string();
            assert!(text.starts_with("model.bin: ") && text.ends_with(expected), "{text:?}");
            assert!(!text.contains(['\n', '\r']), "{text:?}");
        }
    }
}
