//! What compiling a component may take in the process that does it.

use super::memory::data_bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Runs `work` within so many seconds of processor time since this process began, of all its threads together, and so
/// many mebibytes of memory besides what it has. The system ends the process beyond the first, and Rust ends it
/// beyond the second.
pub fn within<T>(cpu_s: u64, memory_mb: u64, work: impl FnOnce() -> T) -> T {
    let memory = data_bytes("self").map(|now| now.saturating_add(memory_mb.saturating_mul(1 << 20)));
    limit(Resource::Data, memory);
    limit(Resource::Cpu, Some(cpu_s));
    let done = work();
    limit(Resource::Data, None);
    limit(Resource::Cpu, None);
    done
}

/// Lowers or lifts a soft limit. What the system does not limit is not limited.
fn limit(resource: Resource, to: Option<u64>) {
    let hard = getrlimit(resource).maximum;
    let current = to.map_or(hard, |to| Some(hard.map_or(to, |hard| to.min(hard))));
    let _ = setrlimit(resource, Rlimit { current, maximum: hard });
}
