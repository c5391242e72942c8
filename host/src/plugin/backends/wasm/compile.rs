//! From a component to code, within limits: what a compiler needs is not in proportion to what it is given, so that
//! counting ([`super::size`]) does not bound it.

use super::engine;
use super::size::{Size, What};
use crate::plugin::checked::one_line;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Seconds of processor time for anything. A filter in Rust took a tenth of one when this was written, on a core of a
/// server.
const BASE_S: u64 = 8;
/// More of them for each MiB of code. A Python interpreter took 1.6.
const S_PER_MIB: u64 = 8;
/// Mebibytes of memory for anything.
const BASE_MB: u64 = 640;
/// More of them for each MiB of code. A Python interpreter took 60.
const MB_PER_MIB: u64 = 96;

/// What was compiled: here, or in another process, which gives bytes.
pub enum Code {
    Here(Component),
    Elsewhere(Vec<u8>),
}

/// What compiling may take.
#[derive(Debug, Clone, Copy)]
struct Budget {
    /// Seconds of processor time, of all threads together.
    cpu_s: u64,
    memory_mb: u64,
    code_kib: u64,
}

impl Budget {
    /// For a component of so many bytes.
    fn of(size: &Size, n_bytes: usize) -> Self {
        let code_bytes = size.get(What::CodeBytes);
        Self {
            cpu_s: BASE_S + ((S_PER_MIB * code_bytes) >> 20),
            // the file itself is there several times
            memory_mb: BASE_MB + ((MB_PER_MIB * code_bytes) >> 20) + ((8 * n_bytes as u64) >> 20),
            code_kib: code_bytes.div_ceil(1 << 10),
        }
    }

    /// Why something is refused that takes more.
    fn exceeded(&self, what: &str, limit: u64, unit: &str) -> String {
        format!(
            "compiling it took more than {limit} {unit} of {what}, which is the most for {} KiB of code; make the plugin \
             smaller",
            self.code_kib
        )
    }
}

/// Compiles a component with the engine for calls with deadlines or without.
///
/// # Errors
/// It is no component, has more of something than any plugin needs, or takes too long or too much memory: what to say
/// after its name.
pub fn compile(engine: &Engine, deadlines: bool, component: &[u8]) -> Result<Code, String> {
    let size = Size::of(component)?;
    let budget = Budget::of(&size, component.len());
    #[cfg(unix)]
    {
        use super::super::process::{self, Limited};
        let Budget { cpu_s, memory_mb, .. } = budget;
        if process::is_worker() {
            return process::within(cpu_s, memory_mb, || here(engine, component)).map(Code::Here);
        }
        let limited = Limited {
            memory: budget.exceeded("memory", memory_mb, "MiB"),
            time: budget.exceeded("processor time", cpu_s, "s"),
        };
        if let Some(code) = process::compile(deadlines, component, (cpu_s, memory_mb), limited) {
            return code.map(Code::Elsewhere);
        }
    }
    here(engine, component).map(Code::Here)
}

/// The code of a component, as a worker gives it.
///
/// # Errors
/// It is no component.
pub fn code(deadlines: bool, component: &[u8]) -> Result<Vec<u8>, String> {
    let shared = engine::shared(deadlines).map_err(|error| error.to_string())?;
    let component = here(&shared.engine, component)?;
    component.serialize().map_err(|error| invalid(&error))
}

fn here(engine: &Engine, component: &[u8]) -> Result<Component, String> {
    let compiled = catch_unwind(AssertUnwindSafe(|| Component::new(engine, component)));
    // the compiler's own limits are not all errors
    let compiled = compiled.map_err(|_| "the compiler panicked at it; make the plugin smaller".to_owned())?;
    compiled.map_err(|error| invalid(&error))
}

fn invalid(error: &wasmtime::Error) -> String {
    format!("is no valid component: {}", one_line(&format!("{error:#}")))
}
