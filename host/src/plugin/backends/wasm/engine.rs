//! The compilers that all sandboxes share, one with and one without deadlines, and the clock of those with.

use super::address_space;
use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;
use wasmtime::{Config, Engine};

/// How often the clock ticks that interrupts calls: the precision of `limits.call_ms`.
const TICK: Duration = Duration::from_millis(10);

/// Compiles and runs.
pub struct Shared {
    pub engine: Engine,
    /// Missing where calls have no deadline.
    clock: Option<Ticking>,
}

impl Shared {
    /// The clock of calls that take at most `call_ms`; none where calls have no deadline.
    pub fn deadline(&self, call_ms: u64) -> Option<Deadline> {
        let Ticking { clock, thread } = self.clock.as_ref()?;
        // one more, because the next tick may be close
        let ticks = call_ms.div_ceil(TICK.as_millis() as u64) + 1;
        clock.longest.fetch_max(ticks, SeqCst);
        Some(Deadline { clock: clock.clone(), thread: thread.clone(), ticks })
    }
}

/// The clock with its thread.
struct Ticking {
    clock: Arc<Clock>,
    thread: Thread,
}

/// Ticks until the last call must have ended and sleeps then: training, which calls no plugin, is not disturbed.
///
/// A call writes here only once per tick. Otherwise the threads would wait for each other's writes, which is what most
/// of a short call would be.
struct Clock {
    /// So many, and one: no call has begun in tick 0.
    ticks: AtomicU64,
    /// The tick in which the last call began.
    last_call: AtomicU64,
    /// The longest that any call may take, in ticks.
    longest: AtomicU64,
    sleeps: AtomicBool,
}

impl Clock {
    fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { ticks: AtomicU64::new(1), last_call: zero(), longest: zero(), sleeps: AtomicBool::new(false) }
    }

    fn run(&self, engine: &Engine) {
        loop {
            while self.is_needed() {
                thread::sleep(TICK);
                engine.increment_epoch();
                self.ticks.fetch_add(1, SeqCst);
            }
            self.sleeps.store(true, SeqCst);
            // a call that began before it could see `sleeps` is seen here
            while !self.is_needed() {
                thread::park();
            }
            self.sleeps.store(false, SeqCst);
        }
    }

    /// Whether a call may be under way.
    fn is_needed(&self) -> bool {
        self.ticks.load(SeqCst) <= self.last_call.load(SeqCst).saturating_add(self.longest.load(SeqCst))
    }
}

/// How long each call of one instance may take.
pub struct Deadline {
    clock: Arc<Clock>,
    thread: Thread,
    /// After which a call is interrupted.
    pub ticks: u64,
}

impl Deadline {
    /// Makes the clock tick for a call whose end, in ticks of the engine, was set before.
    pub fn begin(&self) {
        let now = self.clock.ticks.load(Relaxed);
        if self.clock.last_call.load(Relaxed) == now {
            return; // the clock ticks since another call of this tick, and long enough for this one too
        }
        self.clock.last_call.store(now, SeqCst);
        if self.clock.sleeps.load(SeqCst) {
            self.thread.unpark();
        }
    }
}

/// The engine for calls with or without deadlines. Made at the first use; shared because compiled code belongs to one
/// engine, and every engine with deadlines needs a ticking thread.
///
/// # Errors
/// An engine that this machine cannot have.
pub fn shared(deadlines: bool) -> Result<&'static Shared> {
    type Made = OnceLock<std::result::Result<Shared, String>>;
    static SHARED: [Made; 2] = [Made::new(), Made::new()];
    let shared = SHARED[usize::from(deadlines)].get_or_init(|| start(deadlines).map_err(|error| error.to_string()));
    shared.as_ref().map_err(|error| Error::run(format!("cannot start the WASM engine: {error}")))
}

fn start(deadlines: bool) -> std::result::Result<Shared, Box<dyn std::error::Error>> {
    let mut config = Config::new();
    // the check at every loop's start is compiled in only where a clock ticks
    config.wasm_component_model(true).epoch_interruption(deadlines);
    // the same plugin must give the same bits on every machine
    config.wasm_simd(true).wasm_relaxed_simd(false).cranelift_nan_canonicalization(true);
    address_space::fit(&mut config);
    let engine = Engine::new(&config)?;
    if !deadlines {
        return Ok(Shared { engine, clock: None });
    }
    let clock = Arc::new(Clock::new());
    let (ticking, ticked) = (clock.clone(), engine.clone());
    let thread = thread::Builder::new().name("plugin-clock".into()).spawn(move || ticking.run(&ticked))?;
    Ok(Shared { engine, clock: Some(Ticking { clock, thread: thread.thread().clone() }) })
}
