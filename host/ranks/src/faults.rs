//! A transport that fails as it is told, to try what ranks do then.

use crate::{Error, Result, Transport, Wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every exchange waits so long before it begins.
    Delay(Duration),
    /// Nothing is sent or received from this exchange on: the rank hangs.
    Hang(usize),
    /// From this exchange on the rank knows nothing of the others.
    Die(usize),
}

/// Another transport, with a fault.
#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn Transport>,
    fault: Fault,
    n_exchanges: AtomicUsize,
}

impl Faulty {
    /// `inner`, which goes wrong in this way.
    pub fn new(inner: Arc<dyn Transport>, fault: Fault) -> Self {
        Self { inner, fault, n_exchanges: AtomicUsize::new(0) }
    }
}

impl Transport for Faulty {
    fn rank(&self) -> usize {
        self.inner.rank()
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn exchange(&self, with: usize, send: &[u8], receive: &mut [u8], wait: &Wait) -> Result<()> {
        let n = self.n_exchanges.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::Delay(time) => std::thread::sleep(time),
            Fault::Hang(from) if n >= from => {
                // longer than the others wait
                std::thread::sleep(wait.deadline.unwrap_or_default() * 2);
                return Err(Error::run("this rank hung, as it was told to"));
            }
            Fault::Die(from) if n >= from => return Err(Error::run("this rank died, as it was told to")),
            Fault::Hang(_) | Fault::Die(_) => {}
        }
        self.inner.exchange(with, send, receive, wait)
    }

    fn has_sent(&self, rank: usize) -> Result<bool> {
        self.inner.has_sent(rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Group, threads};

    /// What each of three ranks says when rank 1 has a fault.
    fn said(fault: Fault) -> Vec<String> {
        let transports = threads::transports(3).into_iter().enumerate().map(|(rank, transport)| match rank {
            1 => Arc::new(Faulty::new(transport, fault)) as Arc<dyn Transport>,
            _ => transport,
        });
        std::thread::scope(|scope| {
            let ranks: Vec<_> = transports
                .map(|transport| {
                    scope.spawn(move || {
                        let group = Group::new(transport, Duration::from_millis(300));
                        let sums = (0..3).try_for_each(|_| group.sum(&mut [1.0_f32; 4]));
                        sums.map_or_else(|error| error.to_string(), |()| "done".to_owned())
                    })
                })
                .collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn the_rank_is_named() {
        assert_eq!(said(Fault::Delay(Duration::from_millis(5))), ["done"; 3]);
        let hangs = said(Fault::Hang(2));
        assert_eq!(hangs[0], "rank 1 did not answer within 0.3 s");
        let dies = said(Fault::Die(2));
        assert!(dies[0].starts_with("rank 1 "), "{dies:?}");
        assert!(hangs[2].starts_with("rank 0 ") && dies[2].starts_with("rank 0 "), "{hangs:?} {dies:?}");
    }
}
