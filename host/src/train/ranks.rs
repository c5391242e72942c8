//! What the first rank of a run tells the others, and how all make sure that they train the same.

use super::step::Trainer;
use crate::base::files::hex;
use crate::ops::{arithmetic, with_slice_lists, with_type};
use crate::ranks::Group;
use crate::run::{COMMIT, NUMERICS, RunIdentity, VERSION};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::time::Duration;

/// What the first rank tells the others, which do nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Make the trainer ready; the answer is a [`Readiness`].
    Begin {
        /// Folder of the prepared data.
        data: PathBuf,
        /// Checkpoint to resume from.
        checkpoint: Option<PathBuf>,
    },
    /// Train one step.
    Step,
    /// Take the parameters that follow, train these parts of steps (see [`super::apart`]) and answer.
    Chunk {
        /// Number of the first part.
        first: u64,
        /// How many there are.
        parts: u64,
    },
    /// Send the reports on them, and what they changed.
    Push,
    /// Measure a share of what a validation while training reads.
    Validate,
    /// Measure a share of the texts that are watched.
    Watch,
    /// Measure a share of the held-out text for the report on the model of this step, then write a share of the texts
    /// that it asks for.
    Report {
        /// How many steps the model has seen.
        step: u64,
        /// Where its parameters are, if they are not those of the last step.
        checkpoint: Option<PathBuf>,
    },
    /// Say how long was waited for the network and for others: the answer is a number of seconds.
    Waited,
    /// Send the part of the optimizer's state, for a checkpoint.
    Send,
    /// The run is over, however it went.
    End,
}

/// What a rank answers: what its training depends on, or why it cannot train.
pub(super) type Readiness = std::result::Result<Value, String>;

/// What a rank answers to a chunk: how many numbers its reports have, or why it cannot train.
pub(super) type Trained = std::result::Result<usize, String>;

impl Order {
    /// Tells all others.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn tell(&self, group: &Group) -> Result<()> {
        group.tell(&serde_json::to_vec(self).map_err(unreadable)?)
    }

    /// Tells one other rank.
    ///
    /// # Errors
    /// A rank that is gone.
    pub fn tell_one(&self, group: &Group, rank: usize) -> Result<()> {
        group.tell_one(rank, &serde_json::to_vec(self).map_err(unreadable)?)
    }

    /// Lets a rank that has come send what it trained: returns the numbers of its reports. What it changed follows.
    ///
    /// # Errors
    /// Why it could not train, or that it is gone.
    pub fn push(group: &Group, rank: usize) -> Result<Vec<f64>> {
        let answer: Trained = serde_json::from_slice(&group.answer_of(rank)?).map_err(unreadable)?;
        let n = answer.map_err(|why| Error::run(format!("rank {rank}: {why}")))?;
        Self::Push.tell_one(group, rank)?;
        let mut numbers = vec![0.0; n];
        group.receive(rank, &mut numbers)?;
        Ok(numbers)
    }

    /// The next order, for which it is waited as long as it takes; or only within the deadline of a step.
    ///
    /// # Errors
    /// The first rank is gone, or does not answer in time.
    pub fn hear(group: &Group, in_time: bool) -> Result<Self> {
        let message = if in_time { group.listen_in_time()? } else { group.listen()? };
        serde_json::from_slice(&message).map_err(unreadable)
    }
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::run(format!("a message between ranks cannot be read: {error}"))
}

/// Begins on all ranks, and makes sure that they are ready for the same.
///
/// # Errors
/// A rank that is not ready, or would train something else: its number and the first thing that differs.
pub(super) fn begin(group: &Group, order: &Order, own: &Value) -> Result<()> {
    order.tell(group)?;
    for (rank, answer) in (1..).zip(group.collect()?) {
        let answer: Readiness = serde_json::from_slice(&answer).map_err(unreadable)?;
        let theirs = answer.map_err(|why| Error::run(format!("rank {rank}: {why}")))?;
        if let Some((place, [ours, theirs])) = difference(own, &theirs, "") {
            return Err(Error::usage(format!(
                "rank {rank} differs from rank 0: {place} is {theirs} there, {ours} here; all ranks need the same program, config, \
                 plugins and data"
            )));
        }
    }
    Ok(())
}

/// Answers the first rank: a [`Readiness`], or [`Trained`].
///
/// # Errors
/// The first rank is gone.
pub(super) fn answer(group: &Group, answer: &impl Serialize) -> Result<()> {
    group.answer(&serde_json::to_vec(answer).map_err(unreadable)?)
}

/// What every other rank answers to [`Order::Waited`], from rank 1 on.
///
/// # Errors
/// A rank that is gone.
pub(super) fn waited(group: &Group) -> Result<impl Iterator<Item = Duration>> {
    let seconds = |answer: Vec<u8>| answer.first_chunk().map_or(0.0, |bytes| f64::from_le_bytes(*bytes));
    Ok(group
        .collect()?
        .into_iter()
        .map(seconds)
        .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// Everything that a step depends on, in the order in which it is compared.
///
/// # Errors
/// Parameters that cannot be read.
pub(super) fn fingerprint(trainer: &Trainer, identity: &RunIdentity, data: &str) -> Result<Value> {
    Ok(json!([
        { "program": format!("trainyard {VERSION} ({COMMIT})") },
        { "numerics": NUMERICS, "arithmetic": arithmetic() },
        { "config": identity },
        { "data": data },
        { "parameters": parameters(trainer)? },
    ]))
}

/// A digest of the parameters.
fn parameters(trainer: &Trainer) -> Result<String> {
    let mut digest = Sha256::new();
    for (name, param) in trainer.model.params().iter().filter(|(_, param)| param.blocks.is_none()) {
        digest.update(name.as_bytes());
        with_type!(param.value, T => with_slice_lists::<T>(&[&param.value], &[], |values, _| {
            values.into_iter().for_each(|values| digest.update(bytemuck::cast_slice::<T, u8>(values)));
            Ok(())
        }))?;
    }
    Ok(hex(&digest.finalize()))
}

/// The first place where two values differ, and what is there.
fn difference(ours: &Value, theirs: &Value, place: &str) -> Option<(String, [String; 2])> {
    let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).find_map(|(a, b)| difference(a, b, place))
        }
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            let value = |of: &serde_json::Map<String, Value>, key: &str| of.get(key).cloned().unwrap_or(Value::Null);
            keys.into_iter().find_map(|key| difference(&value(a, key), &value(b, key), &below(key)))
        }
        _ => (ours != theirs).then(|| (place.to_owned(), [ours, theirs].map(shown))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let own = json!([{ "program": "1" }, { "config": { "a": 1, "b": { "c": [1, 2] } } }]);
        let of = |theirs: Value| difference(&own, &theirs, "").map(|(place, values)| (place, values.join(" ")));
        assert_eq!(of(own.clone()), None);
        let other = json!([{ "program": "2" }, { "config": { "a": 2 } }]);
        assert_eq!(of(other), Some(("program".into(), "1 2".into())));
        let other = json!([{ "program": "1" }, { "config": { "a": 1, "b": { "c": [1, 3] }, "d": 4 } }]);
        assert_eq!(of(other), Some(("config.b.c".into(), "2 3".into())));
        let other = json!([{ "program": "1" }, { "config": { "a": 1, "b": { "c": [1, 2] }, "d": 4 } }]);
        assert_eq!(of(other), Some(("config.d".into(), "missing 4".into())));
    }
}
