//! Ranks that an MPI launcher started. The library is opened at run time, so the program needs none to be built or to
//! run alone.

mod abi;
mod find;

use crate::group::CHANNELS;
use crate::{Error, Launch, Result, Transport, Wait};
use abi::{Abi, Handle};
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Marks the messages of each channel.
const TAGS: [i32; CHANNELS] = [1, 2];

/// Bytes of one message of MPI, at most.
const MOST: usize = 64 << 20;

/// Looks at a request this often before the processor is left to others, where nobody waits for it: what comes at once
/// is not waited for long.
const SPINS: usize = 20_000;

/// How long a rank sleeps between looks then, at most.
const NAP: Duration = Duration::from_micros(500);

/// This process among those of its job.
struct Mpi {
    rank: usize,
    size: usize,
    /// One thread calls at a time; none calls after the job was left.
    library: Mutex<Option<Abi>>,
}

// SAFETY: the library is opened for calls from one thread at a time (MPI_THREAD_SERIALIZED), and the lock sees to that.
unsafe impl Send for Mpi {}
// SAFETY: as above.
unsafe impl Sync for Mpi {}

impl Debug for Mpi {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mpi").field("rank", &self.rank).field("size", &self.size).finish_non_exhaustive()
    }
}

/// Joins the job that `launch` tells of.
///
/// # Errors
/// No library with MPI's standard interface, or one that knows another job than the launcher: the library of another
/// implementation.
pub fn join(launch: Launch) -> Result<Arc<dyn Transport>> {
    let Launch { by, rank, size, .. } = launch;
    let place = |error: Error| error.context(format!("rank {rank} of {size}"));
    let library = open(by).map_err(place)?;
    let (own_rank, own_size) = library.init().map_err(place)?;
    if (own_rank, own_size) != (rank, size) {
        return Err(place(Error::usage(format!(
            "{by} started {size} processes, but the MPI library sees {own_size}: launcher and library are of different \
             implementations; start with the mpirun of the library, or name its folder in {}",
            find::VARIABLE
        ))));
    }
    Ok(Arc::new(Mpi { rank, size, library: Mutex::new(Some(library)) }))
}

fn open(by: &str) -> Result<Abi> {
    let candidates = find::candidates();
    let mut reasons = Vec::new();
    for path in &candidates {
        match Abi::open(path) {
            Ok(library) => return Ok(library),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    let older = find::older().map(|path| format!("; {} is of an older version", path.display())).unwrap_or_default();
    Err(Error::usage(format!(
        "started by {by}, but there is no MPI library with the standard interface (libmpi_abi.so.1, of MPICH 5 and Open MPI 6): \
         {}{older}; install one, or name its folder in {}",
        reasons.join(", "),
        find::VARIABLE
    )))
}

impl Mpi {
    fn lock(&self) -> MutexGuard<'_, Option<Abi>> {
        self.library.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `f` gives, which is alone with the library.
    fn call<R>(&self, f: impl FnOnce(&Abi) -> Result<R>) -> Result<R> {
        match &*self.lock() {
            Some(library) => f(library),
            None => Err(Error::run("MPI was left already")),
        }
    }

    /// Waits until all are done. A rank that waits in vain cannot take its requests back: the memory that they write to
    /// would be used for something else. It says so and ends the process, and the launcher ends the others.
    fn await_all(&self, mut requests: Vec<Handle>, wait: &Wait, with: usize) {
        let (begun, mut looks) = (Instant::now(), 0);
        loop {
            let open = self.call(|library| {
                let mut open = Vec::with_capacity(requests.len());
                for mut request in requests {
                    if !library.is_done(&mut request)? {
                        open.push(request);
                    }
                }
                Ok(open)
            });
            requests = match open {
                Ok(open) if open.is_empty() => return,
                Ok(open) => open,
                Err(error) => lost(&error.context(format!("rank {with}"))),
            };
            looks += 1;
            let in_background = wait.is_in_background();
            if looks < SPINS && !in_background {
                std::hint::spin_loop();
                continue;
            }
            if wait.deadline.is_some_and(|deadline| begun.elapsed() > deadline) {
                let seconds = begun.elapsed().as_secs();
                lost(&Error::run(format!("rank {with} did not answer within {seconds} s (ranks.deadline_s)")));
            }
            // in the background every look costs the others time
            let share = if in_background { 4 } else { 20 };
            std::thread::sleep(NAP.min(begun.elapsed() / share));
        }
    }
}

impl Transport for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, with: usize, send: &[u8], receive: &mut [u8], wait: &Wait) -> Result<()> {
        let (named, tag) = (|error: Error| error.context(format!("rank {with}")), TAGS[wait.channel]);
        let (mut send, mut receive) = (send.chunks(MOST), receive.chunks_mut(MOST));
        loop {
            let (sent, received) = (send.next(), receive.next());
            if sent.is_none() && received.is_none() {
                return Ok(());
            }
            let mut requests = Vec::with_capacity(2);
            // not locked while it is waited: another thread may use another channel
            if let Some(bytes) = received {
                // SAFETY: `await_all` returns when the request is done, or ends the process.
                requests.push(self.call(|library| unsafe { library.receive(bytes, with, tag) }).map_err(named)?);
            }
            if let Some(bytes) = sent {
                // SAFETY: as above.
                requests.push(self.call(|library| unsafe { library.send(bytes, with, tag) }).map_err(named)?);
            }
            self.await_all(requests, wait, with);
        }
    }

    fn has_sent(&self, rank: usize) -> Result<bool> {
        self.call(|library| library.is_there(rank, TAGS[0])).map_err(|error| error.context(format!("rank {rank}")))
    }

    fn give_up(&self, error: Error) -> Error {
        lost(&error)
    }

    fn finish(&self) -> Result<()> {
        self.lock().take().map_or(Ok(()), |library| library.finalize())
    }
}

/// Ends the process: see [`Mpi::await_all`].
fn lost(error: &Error) -> ! {
    eprintln!("error: {error}; the job ends, and can be resumed with any number of ranks");
    std::process::exit(1)
}
