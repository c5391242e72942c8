//! A component compiled in a process of its own, which takes only so much time and memory.

use super::death::Limited;
use super::environment::of_compiler;
use super::host::{Setup, Worker};
use super::message::Sent;
use super::{PROGRAM_VARIABLE, WORKER_VARIABLE};
use crate::plugin::limits::Limits;
use std::env::var_os;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A machine may be so busy that a process takes so many times as long as it computes.
const PATIENCE: u64 = 20;

/// Whether the running program is known to be trainyard.
static IS_TRAINYARD: AtomicBool = AtomicBool::new(false);

/// Says that the running program, started again with the subcommand `plugin-worker`, is a worker. For trainyard's own
/// `main`: any other program that uses this library would be started as itself.
pub fn serve_as_worker() {
    IS_TRAINYARD.store(true, Ordering::Relaxed);
}

/// Whether this process is a worker, which compiles what it needs itself.
pub fn is_worker() -> bool {
    var_os(WORKER_VARIABLE).is_some()
}

/// The code of a component, for calls with deadlines or without, if compiling takes at most so many seconds of
/// processor time and mebibytes of memory. None where no program is known that could be started for it.
///
/// # Errors
/// Why there is no code: the compiler's message, or the limit that was reached.
pub fn compile(
    deadlines: bool,
    component: &[u8],
    (cpu_s, memory_mb): (u64, u64),
    limited: Limited,
) -> Option<Result<Vec<u8>, String>> {
    let program = match var_os(PROGRAM_VARIABLE) {
        Some(program) => PathBuf::from(program),
        None => IS_TRAINYARD.load(Ordering::Relaxed).then(|| crate::base::dirs::program().ok()).flatten()?,
    };
    // code is some times as long as the component
    let limits = Limits { output_mb: 64 + (component.len() as u64 >> 16), memory_mb, ..Limits::default() };
    let time = Duration::from_secs(cpu_s.saturating_mul(PATIENCE));
    let setup = Setup { name: "compiler".into(), limits, grace: Duration::ZERO, variables: of_compiler(), limited };
    let message = Sent::Compile(deadlines, cpu_s, memory_mb, component);
    let code = Worker::begin(&program, setup)
        .and_then(|mut worker| worker.ask_within(&message, Some(time), || format!("no code within {time:?}")));
    Some(code.map_err(|error| error.message))
}
