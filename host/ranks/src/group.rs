//! What training asks of the ranks.

use crate::{Error, Result};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How many ways there are between two ranks: one for the thread that trains, one for a thread in the background.
pub const CHANNELS: usize = 2;

/// How a rank waits for another one.
#[derive(Debug, Clone, Default)]
pub struct Wait {
    /// The way that is used, below [`CHANNELS`]: what is sent on one does not come out of the other.
    pub channel: usize,
    /// No longer than this, if there is one.
    pub deadline: Option<Duration>,
    /// The processor is left to others at once: they compute on it meanwhile.
    in_background: Arc<AtomicBool>,
}

impl Wait {
    /// Says whether others compute meanwhile, which may end while a rank waits.
    pub fn is_in_background(&self) -> bool {
        self.in_background.load(Ordering::Relaxed)
    }
}

/// Carries bytes between two ranks. What one rank sends to another on one channel arrives in order.
pub trait Transport: Debug + Send + Sync {
    /// Number of this rank, from 0.
    fn rank(&self) -> usize;

    /// Number of ranks.
    fn size(&self) -> usize;

    /// Sends `send` to a rank while `receive` is filled by what that one sends; either may be empty.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    fn exchange(&self, with: usize, send: &[u8], receive: &mut [u8], wait: &Wait) -> Result<()>;

    /// Says whether something that a rank has sent on the first channel is there to be received.
    ///
    /// # Errors
    /// A rank that is gone.
    fn has_sent(&self, rank: usize) -> Result<bool>;

    /// Gives up on a rank that does not answer. A transport that cannot be left without that rank says `error` and ends
    /// the process; else the error is given back.
    fn give_up(&self, error: Error) -> Error {
        error
    }

    /// Says that all ranks are done: what comes after it does not need them.
    ///
    /// # Errors
    /// Ranks that cannot be released.
    fn finish(&self) -> Result<()> {
        Ok(())
    }
}

/// The ranks of a run.
#[derive(Debug, Clone)]
pub struct Group {
    transport: Arc<dyn Transport>,
    /// How long a rank waits for another one in a step.
    deadline: Duration,
    /// Bytes that this rank has sent.
    sent: Arc<AtomicU64>,
    /// See [`Group::in_background`].
    in_background: Arc<AtomicBool>,
    /// See [`Group::fail`].
    has_failed: Arc<AtomicBool>,
    channel: usize,
}

impl Group {
    /// The ranks that `transport` connects; in a step they wait no longer than `deadline` for one another.
    pub fn new(transport: Arc<dyn Transport>, deadline: Duration) -> Self {
        let (in_background, has_failed) = (Arc::default(), Arc::default());
        Self { transport, deadline, sent: Arc::default(), in_background, has_failed, channel: 0 }
    }

    /// The same ranks for a thread that sends while others compute, and may send, too: it leaves them the processor
    /// while it waits. There is one such thread at a time.
    pub fn in_background(&self) -> Self {
        Self { in_background: Arc::new(AtomicBool::new(true)), channel: 1, ..self.clone() }
    }

    /// Ends what [`Group::in_background`] began: nobody computes any more.
    pub fn hurry(&self) {
        self.in_background.store(false, Ordering::Relaxed);
    }

    /// Number of this rank, from 0. Rank 0 leads: it alone writes.
    pub fn rank(&self) -> usize {
        self.transport.rank()
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        self.transport.size()
    }

    /// The part of `n` neighbouring things that this rank has.
    ///
    /// # Errors
    /// Things that cannot be shared out so that every rank has a branch of the tree that they are summed by.
    pub fn share(&self, n: usize) -> Result<std::ops::Range<usize>> {
        share(n, self.rank(), self.size())
    }

    /// As [`Transport::exchange`], within the deadline of a step.
    pub(crate) fn exchange(&self, with: usize, send: &[u8], receive: &mut [u8]) -> Result<()> {
        self.sent.fetch_add(send.len() as u64, Ordering::Relaxed);
        self.transport.exchange(with, send, receive, &self.wait(Some(self.deadline)))
    }

    fn wait(&self, deadline: Option<Duration>) -> Wait {
        Wait { channel: self.channel, deadline, in_background: self.in_background.clone() }
    }

    /// Bytes that this rank has sent.
    pub fn bytes_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Gives every rank the bytes of all, by rank: all call it with equally many.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn share_bytes(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        let size = self.size();
        let mut all = vec![Vec::new(); size];
        all[self.rank()] = own.to_vec();
        // in round r a rank sends r places up, and receives from r places down: nobody waits in a circle
        for distance in 1..size {
            let (to, from) = ((self.rank() + distance) % size, (self.rank() + size - distance) % size);
            let mut received = vec![0; own.len()];
            if to == from {
                self.exchange(to, own, &mut received)?;
            } else if self.rank() < to {
                self.exchange(to, own, &mut [])?;
                self.exchange(from, &[], &mut received)?;
            } else {
                self.exchange(from, &[], &mut received)?;
                self.exchange(to, own, &mut [])?;
            }
            all[from] = received;
        }
        Ok(all)
    }

    /// Sends a message of rank 0, which is not empty, to all others, who get it by [`Group::listen`].
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn tell(&self, message: &[u8]) -> Result<()> {
        (1..self.size()).try_for_each(|rank| self.tell_one(rank, message))
    }

    /// As [`Group::tell`], to one rank.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn tell_one(&self, rank: usize, message: &[u8]) -> Result<()> {
        self.exchange(rank, &(message.len() as u64).to_le_bytes(), &mut [])?;
        self.exchange(rank, message, &mut [])
    }

    /// Tells all others that rank 0 has failed: what they listen for does not come.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn fail(&self) -> Result<()> {
        self.tell(&[])
    }

    /// Says whether rank 0 has failed, which ended a [`Group::listen`].
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// As [`Transport::has_sent`].
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn has_sent(&self, rank: usize) -> Result<bool> {
        self.transport.has_sent(rank)
    }

    /// What a rank answers, which [`Group::has_sent`] has found.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn answer_of(&self, rank: usize) -> Result<Vec<u8>> {
        self.message(rank, Some(self.deadline))
    }

    /// As [`Transport::give_up`].
    pub fn give_up(&self, error: Error) -> Error {
        self.transport.give_up(error)
    }

    /// How long a rank waits for another one in a step.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The next message of rank 0, for which it is waited as long as it takes.
    ///
    /// # Errors
    /// Rank 0 is gone, or [has failed](Group::fail).
    pub fn listen(&self) -> Result<Vec<u8>> {
        let message = self.message(0, None)?;
        if message.is_empty() {
            self.has_failed.store(true, Ordering::Relaxed);
            return Err(Error::run("rank 0 has failed"));
        }
        Ok(message)
    }

    /// As [`Group::listen`], within the deadline of a step.
    ///
    /// # Errors
    /// Rank 0 is gone, or does not answer in time.
    pub fn listen_in_time(&self) -> Result<Vec<u8>> {
        self.message(0, Some(self.deadline))
    }

    /// Sends rank 0 a message, which gets it by [`Group::collect`] or [`Group::next_answer`].
    ///
    /// # Errors
    /// Rank 0 is gone.
    pub fn answer(&self, message: &[u8]) -> Result<()> {
        self.tell_one(0, message)
    }

    /// What every other rank answers, from rank 1 on.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn collect(&self) -> Result<Vec<Vec<u8>>> {
        (1..self.size()).map(|rank| self.next_answer(rank)).collect()
    }

    /// The next answer of a rank, for which it is waited as long as it takes.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn next_answer(&self, rank: usize) -> Result<Vec<u8>> {
        self.message(rank, None)
    }

    fn message(&self, from: usize, deadline: Option<Duration>) -> Result<Vec<u8>> {
        const MOST: u64 = 1 << 32;
        let mut length = [0; 8];
        self.transport.exchange(from, &[], &mut length, &self.wait(deadline))?;
        let length = u64::from_le_bytes(length);
        if length > MOST {
            return Err(Error::run(format!("rank {from}: a message of {length} bytes, expected at most {MOST}")));
        }
        let mut message = vec![0; length as usize];
        self.transport.exchange(from, &[], &mut message, &self.wait(Some(self.deadline)))?;
        Ok(message)
    }

    /// As [`Transport::finish`].
    ///
    /// # Errors
    /// Ranks that cannot be released.
    pub fn finish(&self) -> Result<()> {
        self.transport.finish()
    }
}

/// The things of one rank: all have equally many, and one rank's are a branch of the tree of [`crate::Fold`].
fn share(n: usize, rank: usize, size: usize) -> Result<std::ops::Range<usize>> {
    if n.is_multiple_of(size) && (size == 1 || (n / size).is_power_of_two()) {
        let each = n / size;
        return Ok(rank * each..(rank + 1) * each);
    }
    let fits = |size: &usize| n.is_multiple_of(*size) && (n / size).is_power_of_two();
    let possible: Vec<String> = (2..=n).filter(fits).map(|size| size.to_string()).collect();
    let cure = match possible.is_empty() {
        true => format!("set train.accumulate to {size}, or to it times a power of two"),
        false => {
            format!("start {} ranks, or set train.accumulate to {size} times a power of two", possible.join(" or "))
        }
    };
    Err(Error::usage(format!(
        "train.accumulate = {n}: its micro-batches cannot be shared out to {size} ranks, each of which gets a power of two of \
         them; {cure}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_branches() {
        assert_eq!(share(4, 1, 2).unwrap(), 2..4);
        assert_eq!(share(6, 2, 3).unwrap(), 4..6);
        assert_eq!(share(5, 0, 1).unwrap(), 0..5);
        for (n, size, cure) in [
            (6, 2, "start 3 or 6 ranks, or set train.accumulate to 2 times a power of two"),
            (4, 3, "start 2 or 4 ranks"),
            (1, 2, "set train.accumulate to 2, or to it times"),
        ] {
            let error = share(n, 0, size).unwrap_err().to_string();
            assert!(error.contains(cure), "{error}");
        }
    }
}
