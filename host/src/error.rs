//! The one error type of the host. A message is one line, lower case: culprit, what was expected, what came, what to
//! do.

use std::fmt::{self, Display};
use std::path::Path;
use trainyard_plugin::{ErrorKind, PluginError};

/// What went wrong, sorted by who can mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The command line or the config is wrong.
    Usage(String),
    /// A plugin is at fault.
    Plugin(String),
    /// Everything else: files, data, numbers that are not finite.
    Run(String),
}

/// The result of every host function that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The command line or the config is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// A plugin is at fault.
    pub fn plugin(message: impl Into<String>) -> Self {
        Self::Plugin(message.into())
    }

    /// Everything else.
    pub fn run(message: impl Into<String>) -> Self {
        Self::Run(message.into())
    }

    /// A file operation failed: `path: cannot verb: reason`.
    pub fn io(path: &Path, verb: &str, error: &std::io::Error) -> Self {
        Self::Run(format!("{}: cannot {verb}: {error}", path.display()))
    }

    /// The same error with `context: ` in front.
    pub fn context(self, context: impl Display) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(format!("{context}: {message}")),
            Self::Plugin(message) => Self::Plugin(format!("{context}: {message}")),
            Self::Run(message) => Self::Run(format!("{context}: {message}")),
        }
    }

    /// The same error with its message as `change` puts it.
    pub fn reword(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(change(message)),
            Self::Plugin(message) => Self::Plugin(change(message)),
            Self::Run(message) => Self::Run(change(message)),
        }
    }

    /// The program's exit code: 2 for usage and config, 3 for a plugin's fault, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Plugin(_) => 3,
            Self::Run(_) => 1,
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(message) | Self::Plugin(message) | Self::Run(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Error {}

/// A wrong setting is the config's fault, everything else the plugin's.
impl From<PluginError> for Error {
    fn from(error: PluginError) -> Self {
        match error.kind {
            ErrorKind::Config => Self::Usage(error.message),
            _ => Self::Plugin(error.message),
        }
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Run(format!("tensor operation failed: {error}"))
    }
}
