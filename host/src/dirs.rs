//! Where this program keeps what it can make again.

use std::path::PathBuf;

/// `$XDG_CACHE_HOME/trainyard` or `~/.cache/trainyard`; none where there is no home.
pub fn cache() -> Option<PathBuf> {
    let set = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    Some(set.or_else(|| Some(std::env::home_dir()?.join(".cache")))?.join("trainyard"))
}
