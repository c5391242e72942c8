//! Work that ranks share out where each of them has all that it takes.

use crate::ranks::Group;
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The result of a job, or why there is none.
type Done<T> = std::result::Result<T, String>;

/// The results of `n` jobs, in order. Of several ranks each does every N-th job, and all have all results.
///
/// # Errors
/// The first job that fails, a rank that is gone.
pub fn shared_out<T: Serialize + DeserializeOwned>(
    ranks: Option<&Group>,
    n: usize,
    mut job: impl FnMut(usize) -> Result<T>,
) -> Result<Vec<T>> {
    let Some(group) = ranks else { return (0..n).map(job).collect() };
    if group.rank() > 0 {
        for index in (group.rank()..n).step_by(group.size()) {
            let done: Done<T> = job(index).map_err(|error| error.to_string());
            group.answer(&message(&done)?)?;
        }
        return read(&group.listen()?);
    }
    let (mut results, mut failure) = (Vec::with_capacity(n), None);
    // what others have done is taken, whatever became of one job
    for index in 0..n {
        let done = match index % group.size() {
            0 if failure.is_some() => continue,
            0 => job(index),
            rank => {
                read::<Done<T>>(&group.next_answer(rank)?)?.map_err(|why| Error::run(format!("rank {rank}: {why}")))
            }
        };
        match done {
            Ok(result) => results.push(result),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) => Err(error),
        None => group.tell(&message(&results)?).map(|()| results),
    }
}

/// What each rank has read by itself, where `summary` of it is the same on all. Where the first one has failed, its
/// error alone says why.
///
/// # Errors
/// That of `own`; a rank that has read something else; the first rank is gone or has failed.
pub fn read_alike<T, S: Serialize>(own: Result<T>, ranks: Option<&Group>, summary: impl FnOnce(&T) -> S) -> Result<T> {
    match ranks {
        Some(group) if group.rank() > 0 => {
            let first = group.listen()?;
            let own = own?;
            match message(&summary(&own))? == first {
                true => Ok(own),
                false => Err(Error::run("differs from rank 0 in what it has read; all ranks need the same files")),
            }
        }
        Some(group) => {
            let own = own?;
            group.tell(&message(&summary(&own))?).map(|()| own)
        }
        None => own,
    }
}

/// The ranks of a process that only does its share of what the first one reports; none of that one.
pub fn helping(ranks: Option<&Group>) -> Option<&Group> {
    ranks.filter(|group| group.rank() > 0)
}

/// What is sent, never empty.
pub(super) fn message(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(unreadable)
}

pub(super) fn read<T: DeserializeOwned>(message: &[u8]) -> Result<T> {
    serde_json::from_slice(message).map_err(unreadable)
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::run(format!("a message between ranks cannot be read: {error}"))
}
