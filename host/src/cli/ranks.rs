//! The ranks that a launcher, such as `mpirun`, started this process as one of.

use std::path::Path;
use std::time::Duration;
use trainyard::Result;
use trainyard::eval::OpenOptions;
use trainyard::ranks::{Group, launched, mpi};
use trainyard::run::{self, RunConfig, RunFolder};

/// Does something with a run that exists: by this process, or with the others of its launcher, where all but the first
/// one only do their share.
///
/// # Errors
/// As [`join`], a run that cannot be read, whatever `lead` and `follow` report, a rank that is gone.
pub fn with_ranks<T: Send>(
    (root, options): (&Path, &OpenOptions),
    lead: impl FnOnce(Option<&Group>) -> Result<T> + Send,
    follow: impl FnOnce(&Group) -> Result<()> + Send,
) -> Result<Option<T>> {
    if launched().is_none() {
        return lead(None).map(Some);
    }
    let mut config = run::config_of(&RunFolder::open(root)?, &options.set)?;
    let Some(group) = join(&mut config)? else { return Ok(None) };
    run::on_threads(config.train.threads, "train.threads", || {
        let done = match group.rank() {
            0 => lead(Some(&group)).map(Some)?,
            rank => follow(&group).map(|()| None).map_err(|error| error.context(format!("rank {rank}")))?,
        };
        group.finish()?;
        Ok(done)
    })
}

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
