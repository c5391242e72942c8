//! The one compiler and clock that all sandboxes share.

use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;
use wasmtime::{Config, Engine};

/// How often the clock ticks that interrupts calls: the precision of `limits.call_ms`.
const TICK: Duration = Duration::from_millis(10);

/// Ticks after which a call of at most `call_ms` is interrupted: one more, because the next tick may be close.
pub fn ticks(call_ms: u64) -> u64 {
    call_ms.div_ceil(TICK.as_millis() as u64) + 1
}

/// What all sandboxes share.
pub struct Shared {
    /// Compiles and runs.
    pub engine: Engine,
    clock: Arc<Clock>,
    thread: Thread,
}

/// Ticks while a call is under way and sleeps else: training, which calls no plugin, is not disturbed.
#[derive(Default)]
struct Clock {
    calls: AtomicUsize,
    sleeps: AtomicBool,
}

impl Clock {
    fn run(&self, engine: &Engine) {
        loop {
            self.sleeps.store(true, SeqCst);
            while self.calls.load(SeqCst) == 0 {
                thread::park();
            }
            self.sleeps.store(false, SeqCst);
            while self.calls.load(SeqCst) > 0 {
                engine.increment_epoch();
                thread::sleep(TICK);
            }
        }
    }
}

/// A call under way: the clock ticks as long as this lives.
pub struct Call<'c>(&'c Clock);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    /// Begins a call.
    pub fn call(&self) -> Call<'_> {
        self.clock.calls.fetch_add(1, SeqCst);
        if self.clock.sleeps.load(SeqCst) {
            self.thread.unpark();
        }
        Call(&self.clock)
    }
}

/// Made at the first use. It is shared because compiled code belongs to one engine, and every engine needs a ticking
/// thread.
pub fn shared() -> Result<&'static Shared> {
    static SHARED: OnceLock<std::result::Result<Shared, String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| start().map_err(|error| error.to_string()));
    shared.as_ref().map_err(|error| Error::run(format!("cannot start the WASM engine: {error}")))
}

fn start() -> std::result::Result<Shared, Box<dyn std::error::Error>> {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    // the same plugin must give the same bits on every machine
    config.wasm_simd(true).wasm_relaxed_simd(false).cranelift_nan_canonicalization(true);
    let engine = Engine::new(&config)?;
    let clock = Arc::new(Clock::default());
    let (ticking, ticked) = (clock.clone(), engine.clone());
    let thread = thread::Builder::new().name("plugin-clock".into()).spawn(move || ticking.run(&ticked))?;
    Ok(Shared { engine, clock, thread: thread.thread().clone() })
}
