//! What the operating system says of this process.

use std::time::Duration;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// Processor time of all threads so far, user and system; none where the system does not say. Linux counts in
/// hundredths of a second.
pub fn processor_time() -> Option<Duration> {
    let pid = get_current_pid().ok()?;
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        false,
        ProcessRefreshKind::nothing().with_cpu(),
    );
    Some(Duration::from_millis(system.process(pid)?.accumulated_cpu_time()))
}

/// The most memory in bytes that this process has held at any time; none on systems other than Linux.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
