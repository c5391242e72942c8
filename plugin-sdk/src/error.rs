//! Errors that cross the plugin boundary: a kind and a message, never a bare string.

use std::fmt;

/// Whose fault an error is, so that the host can say what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A setting is missing, unknown or out of range: the run's author can mend it.
    Config,
    /// The documents, ids or model bytes passed in cannot be handled.
    Input,
    /// A function was called out of order, for example `encode` before `load`.
    State,
    /// This plugin does not do what was asked.
    Unsupported,
    /// A defect of the plugin itself.
    Internal,
}

/// What a plugin answers when it cannot do its work. Messages are one line, lower case: what was expected, what it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginError {
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// One line for the user.
    pub message: String,
}

/// The result of every plugin function.
pub type Result<T> = std::result::Result<T, PluginError>;

impl PluginError {
    /// A setting is wrong.
    pub fn config(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Config, message: message.into() }
    }

    /// The input cannot be handled.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Input, message: message.into() }
    }

    /// A function was called out of order.
    pub fn state(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::State, message: message.into() }
    }

    /// The plugin does not do this.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unsupported, message: message.into() }
    }

    /// A defect of the plugin.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Internal, message: message.into() }
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PluginError {}
