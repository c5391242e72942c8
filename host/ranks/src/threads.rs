//! Ranks that are threads of one process.

use crate::group::CHANNELS;
use crate::{Error, Group, Result, Transport, Wait};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long threads wait for one another.
const DEADLINE: Duration = Duration::from_secs(60);

/// One of some threads.
#[derive(Debug)]
struct Thread {
    rank: usize,
    /// To each rank on each channel.
    to: Vec<[Sender<Vec<u8>>; CHANNELS]>,
    /// From each rank on each channel.
    from: Vec<[Mutex<Inbox>; CHANNELS]>,
}

/// What one rank has sent.
#[derive(Debug)]
struct Inbox {
    receiver: Receiver<Vec<u8>>,
    /// The next message, where it was looked for.
    seen: Option<Vec<u8>>,
}

/// The transports of `size` ranks, for as many threads.
pub fn transports(size: usize) -> Vec<Arc<dyn Transport>> {
    let mut to: Vec<Vec<[Sender<Vec<u8>>; CHANNELS]>> = (0..size).map(|_| Vec::new()).collect();
    let mut from: Vec<Vec<[Mutex<Inbox>; CHANNELS]>> = (0..size).map(|_| Vec::new()).collect();
    for sender in &mut to {
        for receiver in &mut from {
            let [first, second] = std::array::from_fn(|_| channel());
            sender.push([first.0, second.0]);
            receiver.push([first.1, second.1].map(|receiver| Mutex::new(Inbox { receiver, seen: None })));
        }
    }
    let threads = to.into_iter().zip(from).enumerate();
    threads.map(|(rank, (to, from))| Arc::new(Thread { rank, to, from }) as Arc<dyn Transport>).collect()
}

/// What `work` gives on each of `size` ranks, by rank.
pub fn run<T: Send>(size: usize, work: impl Fn(Group) -> T + Sync) -> Vec<T> {
    let groups = transports(size).into_iter().map(|transport| Group::new(transport, DEADLINE));
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = groups.map(|group| scope.spawn(move || work(group))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    })
}

impl Transport for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn exchange(&self, with: usize, send: &[u8], receive: &mut [u8], wait: &Wait) -> Result<()> {
        let gone = || Error::run(format!("rank {with} is gone"));
        if !send.is_empty() {
            self.to[with][wait.channel].send(send.to_vec()).map_err(|_| gone())?;
        }
        if receive.is_empty() {
            return Ok(());
        }
        let mut from = self.from[with][wait.channel].lock().unwrap_or_else(PoisonError::into_inner);
        let received = match (from.seen.take(), wait.deadline) {
            (Some(seen), _) => seen,
            (None, None) => from.receiver.recv().map_err(|_| gone())?,
            (None, Some(deadline)) => from.receiver.recv_timeout(deadline).map_err(|error| match error {
                RecvTimeoutError::Disconnected => gone(),
                RecvTimeoutError::Timeout => {
                    Error::run(format!("rank {with} did not answer within {} s", deadline.as_secs_f64()))
                }
            })?,
        };
        if received.len() != receive.len() {
            let (got, wanted) = (received.len(), receive.len());
            return Err(Error::run(format!("rank {with} sent {got} bytes, expected {wanted}")));
        }
        receive.copy_from_slice(&received);
        Ok(())
    }

    fn has_sent(&self, rank: usize) -> Result<bool> {
        let mut from = self.from[rank][0].lock().unwrap_or_else(PoisonError::into_inner);
        if from.seen.is_none() {
            from.seen = match from.receiver.try_recv() {
                Ok(message) => Some(message),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return Err(Error::run(format!("rank {rank} is gone"))),
            };
        }
        Ok(from.seen.is_some())
    }
}
