//! The one error type of the host. A message is one line, lower case: culprit, what was expected, what came, what to
//! do.

use crate::base::clean;
use crate::base::interrupt::Signal;
use std::any::Any;
use std::fmt::{self, Display};
use std::path::Path;
use trainyard_plugin::{ErrorKind, PluginError};

/// What went wrong, sorted by who can fix it. The functions below make a line of what a library says in several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The command line or the config is wrong. Of a config one line per problem.
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
    /// The command line or the config is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(one_line(message.into()))
    }

    /// A plugin is at fault.
    pub fn plugin(message: impl Into<String>) -> Self {
        Self::Plugin(one_line(message.into()))
    }

    /// Everything else.
    pub fn run(message: impl Into<String>) -> Self {
        Self::Run(one_line(message.into()))
    }

    /// The program ends because `signal` asked for it; `message` says what was done of its work.
    pub fn interrupted(signal: Signal, message: impl Into<String>) -> Self {
        Self::Interrupted(signal, one_line(message.into()))
    }

    /// A file operation failed: `path: cannot verb: reason`.
    pub fn io(path: &Path, verb: &str, error: &std::io::Error) -> Self {
        Self::run(format!("{}: cannot {verb}: {error}", path.display()))
    }

    /// A thread that did `what` ended in a panic, which is a defect of this program or of a library in it.
    pub fn panicked(what: &str, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Self::Run(format!("{what} panicked: {}", text.unwrap_or("without saying why")))
    }

    /// The same error with `context: ` in front.
    pub fn context(self, context: impl Display) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(format!("{context}: {message}")),
            Self::Plugin(message) => Self::Plugin(format!("{context}: {message}")),
            Self::Run(message) => Self::Run(format!("{context}: {message}")),
            Self::Interrupted(signal, message) => Self::Interrupted(signal, format!("{context}: {message}")),
        }
    }

    /// The same error with `; cure` behind.
    pub fn followed_by(self, cure: &str) -> Self {
        self.reword(|message| format!("{message}; {cure}"))
    }

    /// The same error with its message as `change` puts it.
    pub fn reword(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(change(message)),
            Self::Plugin(message) => Self::Plugin(change(message)),
            Self::Run(message) => Self::Run(change(message)),
            Self::Interrupted(signal, message) => Self::Interrupted(signal, change(message)),
        }
    }

    /// The program's exit code: 2 for usage and config, 3 for a plugin's fault, 130 and 143 for an interruption as
    /// shells have it, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Plugin(_) => 3,
            Self::Run(_) => 1,
            Self::Interrupted(signal, _) => signal.exit_code(),
        }
    }
}

/// The lines of `message` one behind the other, without indentation and empty ones.
pub(crate) fn one_line(message: String) -> String {
    if !message.contains(['\n', '\r']) {
        return message;
    }
    message.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Display for Error {
    /// A line, or one for each mistake of a config. What a file wrote into it is cleaned here, once for all messages.
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

/// A wrong setting is the config's fault, everything else the plugin's.
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
