//! What happens when a call fails: `on_error`. Also counts every call.
//!
//! [`Guarded`] stands between the host and a [`Checked`] instance. With `abort` an error passes through. With `restart`
//! a new instance, brought to where the old one was, tries again after a pause that doubles, for errors that are the
//! plugin's own. With `skip` the item at fault is found and left out, as its kind says ([`Skip`]).

mod counters;
#[cfg(test)]
mod tests;

pub use counters::{Counters, Usage};

use super::call::{Answer, Call, Function};
use super::checked::{Checked, blame, one_line};
use super::kinds::{self, Skip};
use super::log::Log;
use super::seat::{Backend, Seat};
use super::{OnError, PluginConfig};
use crate::base::caught;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use trainyard_plugin::log::{self, Level};
use trainyard_plugin::{ErrorKind, Identity, PluginError, Result, Setting};

/// The pause before the first restart of a call; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where instances of a plugin come from, and what they share.
pub struct Source {
    /// Begins every error.
    pub culprit: Arc<str>,
    pub identity: Identity,
    /// The config's settings.
    pub settings: Vec<Setting>,
    /// The loaded plugin.
    pub backend: Arc<dyn Backend>,
    /// What an instance may use, and what to do about errors.
    pub config: PluginConfig,
    /// What was done so far.
    pub counters: Counters,
    /// Whether there was a warning about an answer already: one is enough for all instances.
    pub is_warned: AtomicBool,
    /// Whether an instance was loaded before: all say the same of the model.
    pub is_loaded: AtomicBool,
    /// For lines that plugins leave with the SDK; those in a sandbox or another process log by themselves.
    pub log: Mutex<Log>,
}

impl Source {
    /// A new instance as the backend makes it: nothing checked, no culprit named.
    ///
    /// # Errors
    /// Errors of the plugin and its backend.
    pub fn seat(&self) -> Result<Box<dyn Seat>> {
        self.backend.seat(&self.settings)
    }

    fn create(&self) -> Result<Box<dyn Seat>> {
        let seat = caught(|| self.seat()).unwrap_or_else(|panic| Err(PluginError::internal(panic)));
        seat.map_err(|error| blame(&self.culprit, "create", error))
    }

    fn check(&self, seat: Box<dyn Seat>) -> Result<Checked> {
        let checks = (kinds::entry(self.identity.kind).checks)(&self.config.limits);
        Checked::new(self.culprit.clone(), &self.identity, checks, seat)
    }

    /// Shows what was logged during a call.
    fn show_log(&self) {
        for (level, line) in log::take() {
            self.write_log(level, &line);
        }
    }

    fn write_log(&self, level: Level, line: &str) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).write(level, line);
    }

    /// Warns of what an answer showed, once for all instances.
    fn warn(&self, error: &PluginError) {
        if !self.is_warned.swap(true, Ordering::Relaxed) {
            self.write_log(Level::Warn, &error.message);
        }
    }

    /// Leaves one item out, or returns the error because too many were left out before.
    fn skip(&self, item: &str, error: PluginError) -> Result<()> {
        let max = self.config.max_errors;
        if !self.counters.skip(max) {
            let message = format!("{}; {max} items were skipped before it (max_errors)", error.message);
            return Err(PluginError { message, ..error });
        }
        self.write_log(Level::Warn, &format!("{}; the {item} is left out", error.message));
        Ok(())
    }
}

/// How an instance is brought to where another one was.
#[derive(Debug, Clone, PartialEq)]
enum Kept {
    /// It was never told anything.
    Nothing,
    /// What `train`, or `state`, returned.
    Bytes(Vec<u8>),
    /// It cannot: only the instance itself knew.
    Lost,
}

/// An instance under the policy of its config.
pub struct Guarded {
    source: Arc<Source>,
    /// None before the first call and after an error that ended the last one.
    plugin: Option<Checked>,
    kept: Kept,
    /// Whether what it logs is not shown, because another instance logged it before.
    is_quiet: bool,
}

impl Seat for Guarded {
    fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        match call {
            // what is observed has no form that another instance could take over, before the first pass is over
            Call::Observe(_) => self.kept = Kept::Lost,
            Call::Judge(_) | Call::Measure(_) if self.kept == Kept::Lost => self.keep_state()?,
            Call::Load(_) => self.is_quiet = self.source.is_loaded.swap(true, Ordering::Relaxed),
            _ => {}
        }
        let result = self.with_policy(|guarded| guarded.call_once(call));
        self.is_quiet = false;
        let answer = match result {
            Err(error) => return self.leave_out(call, error),
            Ok(answer) => answer,
        };
        match call {
            Call::Load(model) if self.keeps() => self.kept = Kept::Bytes(model.to_owned()),
            Call::Merge(_) | Call::Update(_) | Call::UpdatePrompted(_) => self.keep_state()?,
            _ => {}
        }
        Ok(answer)
    }
}

impl Guarded {
    /// The first instance; its errors follow the policy too.
    ///
    /// # Errors
    /// Settings that the plugin refuses, and whatever else keeps it from making an instance.
    pub fn new(source: Arc<Source>) -> Result<Self> {
        let mut guarded = Self { source, plugin: None, kept: Kept::Nothing, is_quiet: false };
        guarded.with_policy(|guarded| guarded.revive().map(|_| ()))?;
        Ok(guarded)
    }

    /// Does something with the instance, again with a new one if that is the policy.
    fn with_policy<R>(&mut self, once: impl Fn(&mut Self) -> Result<R>) -> Result<R> {
        let (mut result, mut pause) = (once(self), FIRST_PAUSE);
        while let (OnError::Restart, Err(error)) = (self.source.config.on_error, &result) {
            if !is_own_fault(error) {
                break;
            }
            let max = self.source.config.max_errors;
            let why = match self.kept {
                Kept::Lost => Some("what it had observed is lost, so that no restart can help".to_owned()),
                _ if !self.source.counters.restart(max) => Some(format!("after {max} restarts (max_errors)")),
                _ => None,
            };
            if let Some(why) = why {
                return result.map_err(|error| PluginError { message: format!("{}; {why}", error.message), ..error });
            }
            self.source.write_log(Level::Warn, &format!("{}; a new instance tries again", error.message));
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            self.plugin = None;
            result = once(self);
        }
        result
    }

    /// One try, counted.
    fn call_once(&mut self, call: Call<'_>) -> Result<Answer> {
        let plugin = self.revive()?;
        let begun = Instant::now();
        let result = caught(|| plugin.call(call));
        let warning = plugin.take_warning();
        let result = result.unwrap_or_else(|panic| {
            // what it left half done is not used again
            self.plugin = None;
            Err(PluginError::internal(format!("{}: {}", self.source.culprit, one_line(&panic))))
        });
        self.source.counters.count(call.work(), begun.elapsed(), result.is_err());
        match self.is_quiet {
            true => drop(log::take()),
            false => self.source.show_log(),
        }
        if let Some(warning) = warning {
            self.source.warn(&warning);
        }
        result
    }

    /// The instance; where there is none, a new one that is brought to where the last one was.
    fn revive(&mut self) -> Result<&mut Checked> {
        let plugin = match self.plugin.take() {
            Some(plugin) => plugin,
            None => {
                let seat = self.source.create();
                self.source.show_log();
                let mut plugin = self.source.check(seat?)?;
                let restore = kinds::entry(self.source.identity.kind).restore;
                if let (Some(restore), Kept::Bytes(bytes)) = (restore, &self.kept) {
                    plugin.call(restore(bytes))?;
                }
                plugin
            }
        };
        Ok(self.plugin.insert(plugin))
    }

    /// Leaves out what the call failed at, if that is the policy; otherwise the error.
    fn leave_out(&mut self, call: Call<'_>, error: PluginError) -> Result<Answer> {
        if self.source.config.on_error != OnError::Skip || error.kind == ErrorKind::Config || self.kept == Kept::Lost {
            return Err(error);
        }
        if is_own_fault(&error) {
            // it may have ended: the next call gets a new instance
            self.plugin = None;
        }
        let Some(skip) = self.skips(call.function()) else { return Err(error) };
        if skip.changes {
            // some items of the batch may be counted already: a new instance begins from before it
            self.plugin = None;
        }
        let items = call.for_each_item();
        if items.len() == 1 {
            self.source.skip(skip.item, error)?;
            return (skip.left_out)();
        }
        let answers = items.into_iter().map(|item| self.call(item)).collect::<Result<_>>()?;
        (skip.join)(answers)
    }

    /// What can be left out of a call of `function`.
    fn skips(&self, function: Function) -> Option<&'static Skip> {
        kinds::entry(self.source.identity.kind).skip.as_ref().filter(|skip| skip.functions.contains(&function))
    }

    /// Whether any policy asks how to bring another instance here.
    fn keeps(&self) -> bool {
        self.source.config.on_error != OnError::Abort
    }

    /// Remembers the state, which costs nothing when no policy asks for it.
    fn keep_state(&mut self) -> Result<()> {
        if self.keeps()
            && let Some(plugin) = &mut self.plugin
        {
            self.kept = Kept::Bytes(plugin.call(Call::State)?.try_into()?);
        }
        Ok(())
    }
}

/// A trap, a crash, a broken promise: what a new instance may do better. Not what it says of settings and documents.
fn is_own_fault(error: &PluginError) -> bool {
    matches!(error.kind, ErrorKind::Internal | ErrorKind::State)
}
