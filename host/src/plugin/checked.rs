//! Checks what a plugin answers before anything uses it, the same way for every backend, and names the culprit in every
//! error. What is checked is said by each kind (`kinds`).

use super::call::{Answer, Call, Function};
use super::seat::Seat;
use crate::base::clean;
use std::sync::Arc;
use trainyard_plugin::{Identity, PluginError, Result};

/// A message is one line of a terminal or a log.
const MAX_MESSAGE_CHARS: usize = 1000;

/// An instance of a plugin, with everything it answers checked.
pub struct Checked {
    checks: Box<dyn Checks>,
    plugin: Blamed,
}

/// The checks of one kind, with what they must know of one instance.
pub trait Checks: Send {
    /// Asks a new instance for what the checks must know of it.
    ///
    /// # Errors
    /// Errors of the plugin, and answers that are wrong.
    fn begin(&mut self, _plugin: &mut Blamed, _identity: &Identity) -> Result<()> {
        Ok(())
    }

    /// Makes a call and checks its answer.
    ///
    /// # Errors
    /// Errors of the plugin, and answers that are wrong.
    fn call(&mut self, plugin: &mut Blamed, call: Call<'_>) -> Result<Answer>;

    /// What the last call showed that is wrong, but no error: plugins of contract 0.1 were never held to it.
    fn take_warning(&mut self) -> Option<PluginError> {
        None
    }
}

impl Checked {
    /// The instance in `seat`. `culprit` begins every error: `plugin "focal" 0.1.0 (wasm, 3f9c…)`.
    ///
    /// # Errors
    /// Errors of the plugin when it is asked what the checks must know.
    pub fn new(culprit: Arc<str>, identity: &Identity, checks: Box<dyn Checks>, seat: Box<dyn Seat>) -> Result<Self> {
        let mut checked = Self { checks, plugin: Blamed { culprit, seat } };
        checked.checks.begin(&mut checked.plugin, identity)?;
        Ok(checked)
    }

    /// See [`Checks::take_warning`].
    pub fn take_warning(&mut self) -> Option<PluginError> {
        self.checks.take_warning()
    }
}

impl Seat for Checked {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        self.checks.call(&mut self.plugin, call)
    }
}

/// An instance whose errors name the culprit and the function.
pub struct Blamed {
    culprit: Arc<str>,
    seat: Box<dyn Seat>,
}

impl Blamed {
    /// Calls a function whose answer needs no check.
    ///
    /// # Errors
    /// Errors of the plugin.
    pub fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        let result = self.seat.call(call);
        self.blame(call.function(), result)
    }

    /// Calls a function and checks, or puts in order, what it answers.
    ///
    /// # Errors
    /// Errors of the plugin and of `check`.
    pub fn checked<T>(&mut self, call: Call<'_>, check: impl FnOnce(&mut T) -> Result<()>) -> Result<Answer>
    where
        T: TryFrom<Answer, Error = PluginError> + Into<Answer>,
    {
        let result = self.seat.call(call).and_then(|answer| {
            let mut value = T::try_from(answer)?;
            check(&mut value).map(|()| value.into())
        });
        self.blame(call.function(), result)
    }

    /// The result, whose error names the culprit and the function.
    ///
    /// # Errors
    /// The error of `result`.
    pub fn blame<R>(&self, function: Function, result: Result<R>) -> Result<R> {
        result.map_err(|error| blame(&self.culprit, function.name(), error))
    }
}

/// The error with culprit and function in front, on one line of bounded length.
pub fn blame(culprit: &str, function: &str, error: PluginError) -> PluginError {
    let message = match one_line(&error.message) {
        empty if empty.is_empty() => "failed without saying why".into(),
        message => message,
    };
    PluginError { kind: error.kind, message: format!("{culprit}: {function}: {message}") }
}

/// A plugin's text as part of one line: line breaks and tabs are spaces, what else cannot be seen is spelled out, and
/// the length is bounded.
pub fn one_line(text: &str) -> String {
    let space = |char| if matches!(char, '\n' | '\r' | '\t') { ' ' } else { char };
    let start: String = text.trim().chars().map(space).take(MAX_MESSAGE_CHARS + 1).collect();
    let clean = clean::line(&start);
    match clean.char_indices().nth(MAX_MESSAGE_CHARS) {
        None => clean.into_owned(),
        Some((end, _)) => format!("{}…", &clean[..end]),
    }
}
