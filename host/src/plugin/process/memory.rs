//! `limits.memory_mb` for a native plugin: the system refuses more memory while a call is under way.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the worker itself may need during a call, beside the copies of arguments and answer.
const SLACK_BYTES: u64 = 16 << 20;

/// The limit on the data of this process. Without effect where the system does not know its own size, as outside of
/// Linux, or in a sandbox, which has a limit of its own.
pub struct MemoryLimit {
    /// Bytes that the process may have; none when there is no limit.
    bytes: Option<u64>,
}

impl MemoryLimit {
    /// `limit_bytes` more than this process has now.
    pub fn beyond_now(limit_bytes: u64) -> Self {
        Self { bytes: data_bytes().map(|now| now.saturating_add(limit_bytes).saturating_add(SLACK_BYTES)) }
    }

    /// No limit.
    pub fn none() -> Self {
        Self { bytes: None }
    }

    /// Runs `call`, whose arguments take `argument_bytes`, within the limit.
    pub fn hold<T>(&self, argument_bytes: usize, call: impl FnOnce() -> T) -> T {
        let Some(bytes) = self.bytes else { return call() };
        // once as they came and once as the plugin is given them
        let bytes = bytes.saturating_add(2 * argument_bytes as u64);
        set(Some(bytes));
        let answer = call();
        set(None);
        answer
    }
}

/// Lowers or lifts the soft limit. What cannot be limited is not: the call goes on.
fn set(bytes: Option<u64>) {
    let hard = getrlimit(Resource::Data).maximum;
    let bytes = bytes.map_or(hard, |bytes| Some(hard.map_or(bytes, |hard| bytes.min(hard))));
    let _ = setrlimit(Resource::Data, Rlimit { current: bytes, maximum: hard });
}

/// What this process has of what `RLIMIT_DATA` counts: private memory that it can write to.
fn data_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
