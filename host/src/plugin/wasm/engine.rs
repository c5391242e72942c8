//! The one compiler and clock that all sandboxes share.

use crate::{Error, Result};
use std::sync::OnceLock;
use std::time::Duration;
use wasmtime::{Config, Engine};

/// How often the clock ticks that interrupts calls: the precision of `limits.call_ms`.
const TICK: Duration = Duration::from_millis(10);

/// Ticks after which a call of at most `call_ms` is interrupted: one more, because the next tick may be close.
pub fn ticks(call_ms: u64) -> u64 {
    call_ms.div_ceil(TICK.as_millis() as u64) + 1
}

/// The engine, made at the first call. It is shared because compiled code belongs to one engine, and every engine
/// needs a ticking thread.
pub fn shared() -> Result<&'static Engine> {
    static ENGINE: OnceLock<std::result::Result<Engine, String>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| start().map_err(|error| error.to_string()));
    engine.as_ref().map_err(|error| Error::run(format!("cannot start the WASM engine: {error}")))
}

fn start() -> std::result::Result<Engine, Box<dyn std::error::Error>> {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    // the same plugin must give the same bits on every machine
    config.wasm_simd(true).wasm_relaxed_simd(false).cranelift_nan_canonicalization(true);
    let engine = Engine::new(&config)?;
    let clock = engine.weak();
    std::thread::Builder::new().name("plugin-clock".into()).spawn(move || {
        while let Some(engine) = clock.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}
