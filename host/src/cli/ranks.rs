//! The ranks that a launcher, such as `mpirun`, started this process as one of.

use std::time::Duration;
use trainyard::Result;
use trainyard::ranks::{Group, launched, mpi};
use trainyard::run::RunConfig;

/// Joins the others, if there are any. Where the config says no number of threads, the ranks of one machine share its
/// cores.
///
/// # Errors
/// No MPI library, or the wrong one.
pub fn join(config: &mut RunConfig) -> Result<Option<Group>> {
    let Some(launch) = launched() else { return Ok(None) };
    let transport = mpi::join(launch)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [&mut config.train.threads, &mut config.data.threads] {
        if *threads == 0 {
            *threads = (cores / launch.local).max(1);
        }
    }
    config.ranks.size = launch.size;
    Ok(Some(Group::new(transport, Duration::from_secs_f64(config.ranks.deadline_s))))
}
