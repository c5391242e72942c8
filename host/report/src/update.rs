//! What ranks that do not wait for one another record, besides steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An update of the parameters by one of the ranks that do not wait for one another. They come in the order of these
/// records; a step has as many parts as there are ranks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Update {
    /// The step of the last part that it is of.
    pub step: u64,
    /// Its number, from 1.
    pub update: u64,
    /// The rank that came.
    pub rank: usize,
    /// The first part that it trained, counted from the start of the run.
    pub first: u64,
    /// How many parts it trained.
    pub parts: u64,
    /// Updates by others since it took the parameters that it trained.
    pub staleness: u64,
    /// Says that all ranks met after it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub met: bool,
}
