//! Address space that the system gives this process, where it gives little: `ulimit -v`, as shared servers set it.
//!
//! A sandbox reserves more than 4 GiB for each memory, without using it, so that the processor checks every access.
//! Under a limit compiled code checks them itself: the same results, in a little more time.

use wasmtime::Config;

/// For each memory under a limit, in addition to what it holds.
const GUARD_BYTES: u64 = 64 << 10;
/// What a memory can grow by before it is moved.
const GROWTH_BYTES: u64 = 1 << 20;

/// Makes memories of the engine small where address space is limited.
pub fn fit(config: &mut Config) {
    if limit().is_some() {
        config.memory_reservation(0).memory_reservation_for_growth(GROWTH_BYTES).memory_guard_size(GUARD_BYTES);
    }
}

/// What to tell the user of an error that says that there is no address space left; none for any other.
pub fn exhausted(message: &str) -> Option<String> {
    let limit = limit().filter(|_| message.contains("mmap") || message.contains("Cannot allocate memory"))?;
    Some(format!(
        "{message}: the system gives this process {} MiB of address space; raise it with `ulimit -v`, or lower \
         train.threads or limits.memory_mb",
        limit >> 20
    ))
}

/// The limit in bytes; none where there is none.
#[cfg(unix)]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn limit() -> Option<u64> {
    None
}
