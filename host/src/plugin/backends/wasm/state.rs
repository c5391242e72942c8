//! What a sandbox may do: log, and grow to its limits.

use super::types::Level;
use super::wasi::Wasi;
use crate::plugin::checked::one_line;
use crate::plugin::grant::Grant;
use crate::plugin::limits::Limits;
use crate::plugin::log::Log;
use std::sync::{Arc, Mutex, PoisonError};
use trainyard_plugin::Result;
use wasmtime::component::Linker;
use wasmtime::{ResourceLimiter, StoreContextMut, bail};

/// The host's side of one instance.
pub struct State {
    limits: Limits,
    /// Bytes of all linear memories together.
    memory_bytes: usize,
    /// Elements of all tables together.
    table_elements: usize,
    /// The limit that stopped the current call.
    pub limit_reached: Option<String>,
    /// The last line that the current call logged as an error: a panic's text, if it panics.
    last_error: Option<String>,
    log: Arc<Mutex<Log>>,
    /// The system that a component sees which imports WASI.
    wasi: Option<Box<Wasi>>,
}

impl State {
    /// `grants` are those of a component that imports WASI.
    ///
    /// # Errors
    /// A folder of the grants that cannot be opened.
    pub fn new(name: Arc<str>, limits: Limits, grants: Option<&[Grant]>) -> Result<Self> {
        let log = Arc::new(Mutex::new(Log::new(name, &limits)));
        let wasi = grants.map(|grants| Wasi::open(grants, &log).map(Box::new)).transpose()?;
        Ok(Self { limits, memory_bytes: 0, table_elements: 0, limit_reached: None, last_error: None, log, wasi })
    }

    /// Begins a call.
    pub fn begin(&mut self) {
        (self.limit_reached, self.last_error) = (None, None);
        if let Some(wasi) = &mut self.wasi {
            wasi.take_last_line();
        }
    }

    /// The system that the component sees. It is there when it is linked.
    pub fn wasi(&mut self) -> &mut Wasi {
        self.wasi.get_or_insert_with(|| Box::new(Wasi::empty(&self.log)))
    }

    /// What the current call said last of an error, in the log or on stderr.
    pub fn last_words(&mut self) -> Option<String> {
        let on_stderr = self.wasi.as_mut().map(|wasi| wasi.take_last_line()).filter(|line| !line.is_empty());
        self.last_error.take().or(on_stderr)
    }

    fn log(&mut self, level: Level, message: &str) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).write(level.into(), message);
        if level == Level::Error {
            self.last_error = Some(one_line(message));
        }
    }

    /// Remembers why the call ends. An error and not a refusal: the guest would only abort, and its trap would say
    /// nothing.
    fn refuse(&mut self, why: String) -> wasmtime::Result<bool> {
        self.limit_reached = Some(why);
        bail!("a limit was reached")
    }
}

/// Gives components the only import that they may have without being asked.
///
/// # Errors
/// A name that is taken.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("trainyard:plugin/types@0.1.2")?;
    linker.instance("trainyard:plugin/networks@0.1.2")?;
    linker.instance("trainyard:plugin/log@0.1.2")?.func_wrap(
        "write",
        |mut store: StoreContextMut<'_, State>, (level, message): (Level, String)| {
            store.data_mut().log(level, &message);
            Ok(())
        },
    )
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let (total, limit) = (self.memory_bytes.saturating_add(desired - current), self.limits.memory_mb);
        if (total as u64) > limit.saturating_mul(1 << 20) {
            return self.refuse(format!("memory limit of {limit} MiB reached (limits.memory_mb)"));
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let (total, limit) = (self.table_elements.saturating_add(desired - current), self.limits.table_elements);
        if total > limit {
            return self.refuse(format!("limit of {limit} table elements reached (limits.table_elements)"));
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.instances()
    }

    fn memories(&self) -> usize {
        self.instances()
    }
}
