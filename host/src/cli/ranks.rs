//! The ranks that a launcher, such as `mpirun`, started this process as one of.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;
use tracing::subscriber::NoSubscriber;
use trainyard::Result;
use trainyard::base::interrupt;
use trainyard::eval::{OpenOptions, config_of};
use trainyard::ranks::{Group, launched, mpi};
use trainyard::run::{self, RunConfig};

/// How long the first rank, which has failed, waits for the others to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does something with a run or model that exists: by this process, or with the others of its launcher. The result is
/// that of the first one; the others warn of nothing, and where the first one fails, its error alone is reported.
///
/// # Errors
/// As [`join`], a folder that cannot be read, whatever `each` reports, a rank that is gone.
pub fn with_ranks<T: Send>(
    (root, options): (&Path, &OpenOptions),
    each: impl FnOnce(Option<&Group>) -> Result<T> + Send,
) -> Result<Option<T>> {
    if launched().is_none() {
        return each(None).map(Some);
    }
    let mut config = config_of(root, &options.set)?;
    let Some(group) = join(&mut config)? else { return Ok(None) };
    run::on_threads(config.train.threads, "train.threads", || match group.rank() {
        0 => {
            let done = each(Some(&group));
            // those that a signal ends do not listen
            match done.is_err() && interrupt::requested().is_none() {
                true => end_after_failure(&group),
                false => done.as_ref().map_or(Ok(()), |_| group.finish())?,
            }
            done.map(Some)
        }
        rank => match tracing::subscriber::with_default(NoSubscriber::default(), || each(Some(&group))) {
            Err(error) if !group.has_failed() => Err(error.context(format!("rank {rank}"))),
            _ => group.finish().map(|()| None),
        },
    })
}

/// Lets the others end, if they do so soon: what there is to say is said by the error.
fn end_after_failure(group: &Group) {
    let (sender, ended) = channel();
    let group = group.clone();
    let ends = move || {
        let _ = sender.send(group.fail().and_then(|()| group.finish()));
    };
    if std::thread::Builder::new().name("end".into()).spawn(ends).is_ok() {
        let _ = ended.recv_timeout(PATIENCE);
    }
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
