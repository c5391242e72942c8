//! The number of threads of a command.

use crate::{Error, Result};

/// Runs `work` on `n` threads, 0 for one per core. `place` is where the user says how many.
///
/// # Errors
/// Threads that cannot be started, and what `work` reports.
pub fn on_threads<T: Send>(n: usize, place: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build();
    pool.map_err(|error| Error::run(format!("{place}: cannot start threads: {error}")))?.install(work)
}
