//! `isolation = "process"`: every instance in a process of its own, so that whatever a plugin does ends an instance and
//! never the run.
//!
//! A worker is this same program, started with the hidden subcommand `plugin-worker`; it opens the plugin as its host
//! would and answers calls (a [`message`] each, over a [`link`]). It ends with its host. A worker that
//! crashes, hangs or takes too much memory is an error of the call that was under way. What the worker of a native
//! plugin may ask of the system is said in [`confine`].

mod budget;
mod chatter;
mod compile;
mod confine;
mod death;
mod environment;
mod host;
mod link;
mod memory;
mod message;
mod starter;
mod worker;

pub use budget::within;
pub use compile::{compile, is_worker, serve_as_worker};
pub use death::Limited;
pub use worker::work;

use crate::plugin::PluginConfig;
use crate::plugin::call::{Answer, Call, Function};
use crate::plugin::file::{Form, PluginFile};
use crate::plugin::kinds;
use crate::plugin::seat::{Backend, Seat};
use crate::{Error, Result};
use host::Worker;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use trainyard_plugin::{Kind, PluginError, Setting};

/// The subcommand that makes the program a worker.
const SUBCOMMAND: &str = "plugin-worker";
/// Names the program to start, where that is not the running one: in tests, and in programs that embed the library.
const PROGRAM_VARIABLE: &str = "TRAINYARD_PROGRAM";
/// Set for every worker, which therefore never starts another.
const WORKER_VARIABLE: &str = "TRAINYARD_PLUGIN_WORKER";

/// A plugin whose instances are processes.
pub struct Isolated {
    kind: Kind,
    name: Arc<str>,
    is_wasm: bool,
    /// What workers open: the bytes that were checked here, whatever becomes of the file.
    file: Arc<[u8]>,
    /// How they open it.
    config: PluginConfig,
    /// The same, as the worker is told.
    config_text: String,
    /// Set once the user was told what is missing here.
    said: AtomicBool,
}

impl Isolated {
    /// Prepares the plugin in `file`. Nothing of it is loaded before the first instance.
    ///
    /// # Errors
    /// A config that cannot be passed on.
    pub fn new(file: &PluginFile, config: &PluginConfig) -> Result<Self> {
        let config = PluginConfig { sha256: Some(file.sha256.clone()), isolation: None, ..config.clone() };
        let name: Arc<str> = file.identity.name.as_str().into();
        let config_text = config_text(&name, &config)?;
        let is_wasm = matches!(file.form, Form::Component { .. });
        let kind = file.identity.kind;
        let (file, said) = (file.bytes.as_slice().into(), AtomicBool::new(false));
        Ok(Self { kind, name, is_wasm, file, config, config_text, said })
    }

    /// Says once what this system does not keep from the plugin.
    fn say_missing(&self, missing: &[String]) {
        if !missing.is_empty() && !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!("plugin {:?}: isolation holds less here: {}", self.name, missing.join("; "));
        }
    }
}

impl Backend for Isolated {
    /// What runs in the worker. The answers are the same as without isolation.
    fn name(&self) -> &'static str {
        if self.is_wasm { "wasm" } else { "native" }
    }

    /// A new instance, in a new process.
    fn seat(&self, _settings: &[Setting]) -> trainyard_plugin::Result<Box<dyn Seat>> {
        let mut worker = Worker::start(&program()?, self)?;
        if !kinds::entry(self.kind).functions.contains(&Function::TwoPass) {
            return Ok(Box::new(worker));
        }
        // asked here, where an error is heard: the trait's function cannot fail, and any call can
        let two_pass = worker.call(Call::TwoPass)?;
        Ok(Box::new(Remote { worker, two_pass }))
    }

    fn with_settings(&self, settings: &toml::Table) -> Result<Option<Arc<dyn Backend>>> {
        let config = PluginConfig { config: settings.clone(), ..self.config.clone() };
        let config_text = config_text(&self.name, &config)?;
        let Self { kind, is_wasm, .. } = *self;
        let (name, file) = (self.name.clone(), self.file.clone());
        let said = AtomicBool::new(self.said.load(Ordering::Relaxed));
        Ok(Some(Arc::new(Self { kind, name, is_wasm, file, config, config_text, said })))
    }
}

/// A worker, and what it said of the one function that is not asked again.
struct Remote {
    worker: Worker,
    two_pass: Answer,
}

impl Seat for Remote {
    fn call(&mut self, call: Call<'_>) -> trainyard_plugin::Result<Answer> {
        match call {
            Call::TwoPass => Ok(self.two_pass.clone()),
            call => self.worker.call(call),
        }
    }
}

/// As the worker is told.
fn config_text(name: &str, config: &PluginConfig) -> Result<String> {
    serde_json::to_string(config)
        .map_err(|error| Error::run(format!("plugin {name:?}: cannot pass on its config: {error}")))
}

/// The program to start as a worker: the one that runs, even when its file was replaced meanwhile.
fn program() -> trainyard_plugin::Result<PathBuf> {
    let cure = name_the_program();
    if std::env::var_os(WORKER_VARIABLE).is_some() {
        return Err(PluginError::internal(format!("this program is itself a plugin's worker; {cure}")));
    }
    match std::env::var_os(PROGRAM_VARIABLE) {
        Some(program) => Ok(program.into()),
        None => crate::base::dirs::program()
            .map_err(|error| PluginError::internal(format!("cannot find the running program: {error}; {cure}"))),
    }
}

/// What to do where the running program cannot be a worker.
fn name_the_program() -> String {
    format!("name the trainyard program of this version with the environment variable {PROGRAM_VARIABLE}")
}
