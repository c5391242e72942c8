//! `limits.memory_mb` for a native plugin: the system refuses its process more memory.
//!
//! The host sets the limit, and the worker cannot lift it: see [`super::confine`].

use rustix::process::Pid;
use std::process::Child;

/// What the worker itself may need during a call, on top of the copies of arguments and answer.
const SLACK_BYTES: u64 = 16 << 20;

/// The limit on the data of a worker. Without effect where the system does not know the size of a process, as outside
/// of Linux, or for a sandbox, which has a limit of its own.
pub struct MemoryLimit {
    worker: Option<Pid>,
    /// Bytes that the process may have; none when there is no limit.
    bytes: Option<u64>,
}

impl MemoryLimit {
    /// `limit_bytes` more than the worker has now.
    pub fn beyond_now(worker: &Child, limit_bytes: u64) -> Self {
        let now = data_bytes(&worker.id().to_string());
        let bytes = now.map(|now| now.saturating_add(limit_bytes).saturating_add(SLACK_BYTES));
        Self { worker: Pid::from_raw(worker.id() as i32), bytes }
    }

    /// No limit.
    pub fn none() -> Self {
        Self { worker: None, bytes: None }
    }

    /// Limits the worker from now on, for a call whose message has so many bytes.
    pub fn begin(&self, message_bytes: usize) {
        let (Some(worker), Some(bytes)) = (self.worker, self.bytes) else { return };
        // once as they came and once as the plugin is given them
        set(worker, bytes.saturating_add(2 * message_bytes as u64));
    }
}

/// Sets the soft limit. Where it cannot be set, the call continues without it.
#[cfg(target_os = "linux")]
fn set(worker: Pid, bytes: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    // the worker's hard limit is this process's own
    let hard = getrlimit(Resource::Data).maximum;
    let soft = hard.map_or(bytes, |hard| bytes.min(hard));
    let _ = prlimit(Some(worker), Resource::Data, Rlimit { current: Some(soft), maximum: hard });
}

#[cfg(not(target_os = "linux"))]
fn set(_worker: Pid, _bytes: u64) {}

/// What a process has of what `RLIMIT_DATA` counts: private memory that it can write to.
pub fn data_bytes(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
