//! What a component that imports WASI sees: an empty system in which no time passes, and what the config grants.
//!
//! Components of languages with a runtime, such as Python, import WASI whether they use it or not. They get all of it,
//! but nothing behind it: no arguments, variables, folders or network, clocks that only count how often they are asked,
//! and the same random numbers every time. So a plugin stays a function of its input.

use super::state::State;
use crate::base::random::Stream;
use crate::plugin::checked::one_line;
use crate::plugin::grant::Grant;
use crate::plugin::log::Log;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWrite;
use trainyard_plugin::log::Level;
use trainyard_plugin::{PluginError, Result};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{self, DynPollable, OutputStream, Pollable, StreamResult, subscribe};
use wasmtime_wasi::{
    Deterministic, FsPerms, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, async_trait,
};

/// The parts of WASI 0.2 that exist here.
const PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// What one instance may hold of the host's: open files, streams and the like.
const MAX_RESOURCES: usize = 10_000;
/// A line of output without an end is cut here.
const MAX_LINE_BYTES: usize = 4096;
/// Random bytes begin again after so many: a prime, so that no power of two sees a pattern.
const RANDOM_BYTES: usize = 4093;

/// Whether a component may import this part of WASI.
pub fn is_known(import: &str) -> bool {
    let version = import.rsplit_once('@').map_or("", |(_, version)| version);
    version.starts_with("0.2.") && PACKAGES.iter().any(|package| import.starts_with(package))
}

/// Gives components the parts of WASI that exist here.
///
/// # Errors
/// A name that is taken.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    p2::add_to_linker_sync(linker)?;
    // in place of one with which a plugin could sleep for ever, where no deadline reaches it
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<State, Clock>(linker, State::wasi)
}

/// The system that one instance sees.
pub struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    /// Nanoseconds on the clock.
    now: u64,
    /// On stderr: where languages say why they end.
    last_line: Arc<Mutex<String>>,
}

impl Wasi {
    /// An empty system. Its stdout and stderr are the log.
    pub fn empty(log: &Arc<Mutex<Log>>) -> Self {
        Self::build(WasiCtx::builder(), log)
    }

    /// An empty system with what is granted.
    ///
    /// # Errors
    /// A folder of the grants that cannot be opened.
    pub fn open(grants: &[Grant], log: &Arc<Mutex<Log>>) -> Result<Self> {
        let mut builder = WasiCtx::builder();
        for grant in grants {
            let refused = |why: String| PluginError::config(format!("allow: {grant}: {why}"));
            match grant {
                Grant::Env(name) => {
                    let value = std::env::var(name).map_err(|error| refused(error.to_string()))?;
                    builder.env(name, value);
                }
                Grant::Dir { host, guest, write } => {
                    let perms = if *write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
                    builder.preopened_dir(host, guest, perms).map_err(|error| refused(format!("{error:#}")))?;
                }
            }
        }
        Ok(Self::build(builder, log))
    }

    fn build(mut builder: WasiCtxBuilder, log: &Arc<Mutex<Log>>) -> Self {
        builder.allow_tcp(false).allow_udp(false).wall_clock(NoTime);
        let random = || {
            let stream = Stream::new(0, "plugin");
            let bytes = (0..RANDOM_BYTES as u64).flat_map(|index| stream.block(0, index)).flat_map(u32::to_le_bytes);
            Deterministic::new(bytes.take(RANDOM_BYTES).collect())
        };
        builder.secure_random(random()).insecure_random(random()).insecure_random_seed(0);
        let last_line = Arc::default();
        builder.stdout(Stdio { level: Level::Info, log: log.clone(), last_line: Arc::default() });
        builder.stderr(Stdio { level: Level::Warn, log: log.clone(), last_line: Arc::clone(&last_line) });
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self { ctx: builder.build(), table, now: 0, last_line }
    }

    /// The last line on stderr since the last call of this.
    pub fn take_last_line(&mut self) -> String {
        std::mem::take(&mut *lock(&self.last_line))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let Wasi { ctx, table, .. } = self.wasi();
        WasiCtxView { ctx, table }
    }
}

/// The date never changes.
struct NoTime;

impl HostWallClock for NoTime {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A clock that advances by a microsecond whenever it is asked, so that a loop that waits for it ends. Sleeping takes
/// no time.
struct Clock;

impl HasData for Clock {
    type Data<'a> = &'a mut Wasi;
}

impl monotonic_clock::Host for Wasi {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.now = self.now.saturating_add(1000);
        Ok(self.now)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1000)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.now = self.now.max(when);
        let awake = self.table.push(Awake)?;
        subscribe(&mut self.table, awake)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(self.now.saturating_add(duration))
    }
}

/// The end of a sleep.
struct Awake;

#[async_trait]
impl Pollable for Awake {
    async fn ready(&mut self) {}
}

/// A stream whose lines go to the plugin's log.
#[derive(Clone)]
struct Stdio {
    level: Level,
    log: Arc<Mutex<Log>>,
    last_line: Arc<Mutex<String>>,
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    /// Interfaces of later versions of WASI, which are not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        MemoryOutputPipe::new(0).async_stream()
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Lines { stdio: self.clone(), line: Vec::new() })
    }
}

/// What is behind a mutex stays whole: nothing panics while it is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cuts what is written into lines.
struct Lines {
    stdio: Stdio,
    line: Vec<u8>,
}

impl Lines {
    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        if !text.trim().is_empty() {
            lock(&self.stdio.log).write(self.stdio.level, &text);
            *lock(&self.stdio.last_line) = one_line(&text);
        }
        self.line.clear();
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        for byte in bytes {
            if byte == b'\n' || self.line.len() == MAX_LINE_BYTES {
                self.end_line();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(1 << 16)
    }
}

/// The last line need not have an end.
impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_linked_is_not_known() {
        assert!(is_known("wasi:cli/environment@0.2.0") && is_known("wasi:io/streams@0.2.9"));
        for import in
            ["wasi:http/types@0.2.0", "wasi:cli/environment@0.3.0", "wasi:cli/environment", "wasi:clip/a@0.2.0"]
        {
            assert!(!is_known(import), "{import}");
        }
    }
}
