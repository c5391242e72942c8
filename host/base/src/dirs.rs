//! Folders: where this program is, and where it keeps its cache.

use std::path::PathBuf;

/// Returns `$XDG_CACHE_HOME/trainyard` or `~/.cache/trainyard`; none if there is no home.
pub fn cache() -> Option<PathBuf> {
    let set = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    Some(set.or_else(|| Some(std::env::home_dir()?.join(".cache")))?.join("trainyard"))
}

/// Returns the file of the running program. On Linux this is the running file even if it was replaced on disk.
///
/// # Errors
/// The system does not know it.
pub fn program() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    match cfg!(target_os = "linux") && running.exists() {
        true => Ok(running),
        false => std::env::current_exe(),
    }
}
