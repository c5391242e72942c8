//! What happens when a call fails: `on_error`. Also counts every call.
//!
//! [`Guarded`] stands between the host and a [`Checked`] instance. With `abort` an error passes through. With `restart`
//! a new instance, brought to where the old one was, tries again after a pause that doubles, for errors that are the
//! plugin's own. With `skip` ([`kinds`]) the item at fault is found and left out.

mod counters;
mod kinds;
mod revive;
#[cfg(test)]
mod tests;

pub use counters::{Counters, Usage};
pub use kinds::PLUGIN_ERROR;

use super::checked::{blame, one_line};
use super::instance::Instance;
use super::log::Log;
use super::{Backend, OnError, PluginConfig, builtin};
use crate::base::caught;
use counters::Work;
use revive::Revive;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use trainyard_plugin::log::{self, Level};
use trainyard_plugin::{ErrorKind, PluginError, Result, Setting};

/// The pause before the first restart of a call; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where instances of a plugin come from, and what they share.
pub struct Source {
    /// Begins every error.
    pub culprit: Arc<str>,
    /// The config's settings.
    pub settings: Vec<Setting>,
    /// Built-in, WASM, native.
    pub backend: Arc<Backend>,
    /// What an instance may use, and what to do about errors.
    pub config: PluginConfig,
    /// Whether its identity lists that ability.
    pub measures: bool,
    /// What was done so far.
    pub counters: Counters,
    /// Whether a special token in encoded text was already warned of.
    pub is_special_reported: AtomicBool,
    /// Whether an instance was loaded before: all say the same of the model.
    pub is_loaded: AtomicBool,
    /// For lines that plugins leave with the SDK; those in a sandbox or another process log by themselves.
    pub log: Mutex<Log>,
}

impl Source {
    /// A new instance as the backend makes it: nothing checked, no culprit named.
    pub fn instance(&self) -> Result<Instance> {
        match &*self.backend {
            Backend::Builtin(builtin) => builtin::create(builtin, &self.settings),
            Backend::Wasm(module) => module.create(&self.settings),
            Backend::Native(library) => library.create(&self.settings),
            #[cfg(unix)]
            Backend::Process(isolated) => isolated.create(),
        }
    }

    fn create(&self) -> Result<Instance> {
        let instance = caught(|| self.instance()).unwrap_or_else(|panic| Err(PluginError::internal(panic)));
        instance.map_err(|error| blame(&self.culprit, "create", error))
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

    /// Warns of text that became a special token, once for all instances.
    fn warn_of_special(&self, error: &PluginError) {
        if !self.is_special_reported.swap(true, Ordering::Relaxed) {
            let cure = "its bytes are lost; use a tokenizer that passes `plugin check`";
            self.write_log(Level::Warn, &format!("{}; {cure}", error.message));
        }
    }

    /// Leaves one item out, or returns the error because too many were left out before.
    fn skip(&self, what: &str, error: PluginError) -> Result<()> {
        let max = self.config.max_errors;
        if !self.counters.skip(max) {
            let message = format!("{}; {max} items were skipped before it (max_errors)", error.message);
            return Err(PluginError { message, ..error });
        }
        self.write_log(Level::Warn, &format!("{}; the {what} is left out", error.message));
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
pub struct Guarded<P> {
    source: Arc<Source>,
    /// The traits have functions that only look, but even these may end in a new instance.
    live: RefCell<Live<P>>,
}

struct Live<P> {
    /// None before the first call and after an error that ended the last one.
    plugin: Option<P>,
    kept: Kept,
    /// Whether what it says is not shown, because another instance said it before.
    is_quiet: bool,
}

impl<P: Revive> Guarded<P> {
    /// The first instance; its errors follow the policy too.
    pub fn new(source: Arc<Source>) -> Result<Self> {
        let guarded = Self { source, live: RefCell::new(Live { plugin: None, kept: Kept::Nothing, is_quiet: false }) };
        guarded.with_policy(|| guarded.revive())?;
        Ok(guarded)
    }

    /// Calls a function, and restarts if that is the policy.
    fn call<R>(&self, work: Work, call: impl Fn(&mut P) -> Result<R>) -> Result<R> {
        self.with_policy(|| self.call_once(work, &call))
    }

    fn with_policy<R>(&self, once: impl Fn() -> Result<R>) -> Result<R> {
        let (mut result, mut pause) = (once(), FIRST_PAUSE);
        while let (OnError::Restart, Err(error)) = (self.source.config.on_error, &result) {
            if !is_own_fault(error) {
                break;
            }
            let max = self.source.config.max_errors;
            let why = match self.live.borrow().kept {
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
            self.live.borrow_mut().plugin = None;
            result = once();
        }
        result
    }

    /// One try, counted.
    fn call_once<R>(&self, work: Work, call: impl Fn(&mut P) -> Result<R>) -> Result<R> {
        self.revive()?;
        let mut live = self.live.borrow_mut();
        let Some(plugin) = &mut live.plugin else { return Err(PluginError::state("there is no instance")) };
        let begun = Instant::now();
        let result = caught(|| call(plugin)).unwrap_or_else(|panic| {
            // what it left half done is not used again
            live.plugin = None;
            Err(PluginError::internal(format!("{}: {}", self.source.culprit, one_line(&panic))))
        });
        self.source.counters.count(work, begun.elapsed(), result.is_err());
        match live.is_quiet {
            true => drop(log::take()),
            false => self.source.show_log(),
        }
        result
    }

    /// Makes an instance where there is none, and brings it to where the last one was.
    fn revive(&self) -> Result<()> {
        let mut live = self.live.borrow_mut();
        if live.plugin.is_none() {
            let instance = self.source.create();
            self.source.show_log();
            let mut plugin = P::check(&self.source, instance?)?;
            if let Kept::Bytes(bytes) = &live.kept {
                plugin.restore(bytes)?;
            }
            live.plugin = Some(plugin);
        }
        Ok(())
    }

    /// Whether this error is for [`Source::skip`]. If it may have ended the instance, the next call gets a new one.
    fn skips(&self, error: &PluginError) -> bool {
        let skips = self.source.config.on_error == OnError::Skip && error.kind != ErrorKind::Config;
        let mut live = self.live.borrow_mut();
        if skips && is_own_fault(error) && live.kept != Kept::Lost {
            live.plugin = None;
        }
        skips && live.kept != Kept::Lost
    }

    /// From here on only the instance itself knows what it was told.
    fn lose(&self) {
        self.live.borrow_mut().kept = Kept::Lost;
    }

    /// Remembers how to bring another instance here, which costs nothing when no policy asks for it.
    fn keep(&self, kept: impl FnOnce(&mut P) -> Result<Kept>) -> Result<()> {
        if self.source.config.on_error == OnError::Abort {
            return Ok(());
        }
        let mut live = self.live.borrow_mut();
        let Some(plugin) = &mut live.plugin else { return Ok(()) };
        live.kept = kept(plugin)?;
        Ok(())
    }
}

/// A trap, a crash, a broken promise: what a new instance may do better. Not what it says of settings and documents.
fn is_own_fault(error: &PluginError) -> bool {
    matches!(error.kind, ErrorKind::Internal | ErrorKind::State)
}
