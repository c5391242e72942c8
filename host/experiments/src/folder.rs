//! How a run's folder is known, and whether a process trains in it.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use trainyard_base::write::is_alive;
use trainyard_report::host_name;

/// The resolved config.
pub const CONFIG: &str = "config.toml";
/// The plugins.
pub const PLUGINS: &str = "plugins.lock";
/// The record.
pub const METRICS: &str = "metrics.jsonl";
/// The file that marks a folder as a run's.
pub const MARKER: &str = ".trainyard-run.json";
/// The file that a process locks while it trains; it holds the process's id.
pub const LOCK: &str = ".trainyard-lock";

/// Says whether a folder is a run's: marked, or with the files of a run of a version that made no mark.
pub fn is_run(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).is_file();
    has(MARKER) || has(CONFIG) && (has(PLUGINS) || has(METRICS))
}

/// Says whether a process trains in the folder of a run that was last trained on machine `host`, empty if unknown.
///
/// Where the process of that name is known to have ended, the lock is not touched: a process that begins to train at
/// the same moment could find it taken.
pub fn is_running(folder: &Path, host: &str) -> bool {
    let path = folder.join(LOCK);
    let holder = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    let is_here = host.is_empty() || host == host_name();
    if is_here && !holder.is_some_and(is_alive) {
        return false;
    }
    let Ok(file) = File::open(&path) else { return false };
    // released when the file is closed, right after
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
