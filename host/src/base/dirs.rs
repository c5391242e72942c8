//! Where this program is, and where it keeps what it can make again.

use std::path::PathBuf;

/// `$XDG_CACHE_HOME/trainyard` or `~/.cache/trainyard`; none where there is no home.
pub fn cache() -> Option<PathBuf> {
    let set = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    Some(set.or_else(|| Some(std::env::home_dir()?.join(".cache")))?.join("trainyard"))
}

/// The file of the running program. On Linux this is the file that runs even when another one was put in its place.
///
/// # Errors
/// The system does not say.
pub fn program() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    match cfg!(target_os = "linux") && running.exists() {
        true => Ok(running),
        false => std::env::current_exe(),
    }
}
