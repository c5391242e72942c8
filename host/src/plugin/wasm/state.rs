//! What a sandbox may do: log, and grow to its limits.

use super::super::checked::one_line;
use super::super::limits::Limits;
use super::types::Level;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::Linker;
use wasmtime::{ResourceLimiter, StoreContextMut, bail};

/// Log lines per second of one instance.
const MAX_LINES: u32 = 20;
/// A component of one Rust crate has two or three core instances, and tables of a few hundred functions.
const MAX_INSTANCES: usize = 20;
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// The host's side of one instance.
pub struct State {
    name: Arc<str>,
    limits: Limits,
    /// The limit on memory stopped the current call.
    pub out_of_memory: bool,
    /// The last line that the current call logged as an error: a panic's text, if it panics.
    pub last_error: Option<String>,
    second: Instant,
    n_lines: u32,
}

impl State {
    pub fn new(name: Arc<str>, limits: Limits) -> Self {
        Self { name, limits, out_of_memory: false, last_error: None, second: Instant::now(), n_lines: 0 }
    }

    fn log(&mut self, level: Level, message: &str) {
        let message = one_line(message);
        if self.second.elapsed() > Duration::from_secs(1) {
            if self.n_lines > MAX_LINES {
                tracing::warn!(plugin = &*self.name, "{} more lines were not shown", self.n_lines - MAX_LINES);
            }
            (self.second, self.n_lines) = (Instant::now(), 0);
        }
        self.n_lines += 1;
        if self.n_lines <= MAX_LINES {
            match level {
                Level::Error => tracing::error!(plugin = &*self.name, "{message}"),
                Level::Warn => tracing::warn!(plugin = &*self.name, "{message}"),
                Level::Info => tracing::info!(plugin = &*self.name, "{message}"),
                Level::Debug => tracing::debug!(plugin = &*self.name, "{message}"),
            }
        }
        if level == Level::Error {
            self.last_error = Some(message);
        }
    }
}

/// Gives components the only import that they may have.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("trainyard:plugin/types@0.1.0")?;
    linker.instance("trainyard:plugin/log@0.1.0")?.func_wrap(
        "write",
        |mut store: StoreContextMut<'_, State>, (level, message): (Level, String)| {
            store.data_mut().log(level, &message);
            Ok(())
        },
    )
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if (desired as u64) <= self.limits.memory_mb.saturating_mul(1 << 20) {
            return Ok(true);
        }
        // an error and not a refusal: the guest would only abort, and its trap would say nothing
        self.out_of_memory = true;
        bail!("memory limit reached")
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        1
    }
}
