//! What a native plugin in a process of its own may ask of the system, besides computing: to read files, to have
//! threads and memory of its own, and to end itself. Everything else is refused as if the system did not have it:
//! signals to others, their memory, new processes, new programs, sockets, memory that is shared and so counted nowhere,
//! other limits, and files to write unless the config grants a folder for that.
//!
//! On Linux, on the two processors whose system calls are listed here. What cannot be refused is said.

use crate::plugin::grant::Grant;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod calls;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
use linux as system;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod system {
    /// Separates nothing.
    ///
    /// # Errors
    /// None.
    pub fn separate() -> Result<(), String> {
        Ok(())
    }

    /// Refuses nothing.
    ///
    /// # Errors
    /// Always: what is missing here.
    pub fn filter(_allowed: super::Allowed) -> Result<(), String> {
        Err("this system has no filter that trainyard knows, so that the plugin may do all that you may".into())
    }
}

/// What is allowed in addition to what every plugin needs; each includes those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Allowed {
    Reading,
    Writing,
    Loading,
}

/// Files that the plugin may have open at once.
const MAX_FILES: u64 = 1024;
/// Bytes of a stack: of the main thread's, which is not counted as other memory is.
const MAX_STACK_BYTES: u64 = 64 << 20;

/// Limits this process before anything of a plugin is loaded. It can still write files: the library may have to be
/// copied. What is not available here.
pub fn begin(file_bytes: u64) -> Vec<String> {
    lower(Resource::Nofile, MAX_FILES);
    lower(Resource::Stack, MAX_STACK_BYTES);
    // also of files in memory, which are counted nowhere else
    lower(Resource::Fsize, file_bytes);
    let mut missing = Vec::new();
    missing.extend(system::separate().err());
    missing.extend(system::filter(Allowed::Loading).err());
    missing
}

/// Takes away what only loading needed.
///
/// # Errors
/// What could not be taken away.
pub fn end(grants: &[Grant]) -> Result<(), String> {
    let may_write = grants.iter().any(|grant| matches!(grant, Grant::Dir { write: true, .. }));
    system::filter(if may_write { Allowed::Writing } else { Allowed::Reading })
}

/// Lowers a limit for good.
fn lower(resource: Resource, to: u64) {
    let lowest = |limit: Option<u64>| Some(limit.map_or(to, |limit| limit.min(to)));
    let now = getrlimit(resource);
    let _ = setrlimit(resource, Rlimit { current: lowest(now.current), maximum: lowest(now.maximum) });
}
