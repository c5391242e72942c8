//! How a run starts: what the command line adds to the config.

use crate::ranks::Group;
use std::path::PathBuf;

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct TrainOptions {
    /// Resume from the newest checkpoint; an error where there is no run.
    pub resume: bool,
    /// With `resume`: start the run where there is none.
    pub or_start: bool,
    /// Resume from this checkpoint, `step-N`, or from the state before a failed step, `replay-N`.
    pub from: Option<String>,
    /// Replace a run of this name.
    pub overwrite: bool,
    /// Places of the config that may differ from the checkpoint's.
    pub allow_changed: Vec<String>,
    /// Settings that the command line changed, for the record.
    pub set: Vec<String>,
    /// The command that resumes the run, for messages.
    pub resume_command: String,
    /// Repeat the order in which the ranks of this run came, of ranks that do not wait for one another.
    pub replay: Option<PathBuf>,
    /// No progress on stderr.
    pub quiet: bool,
    /// The ranks that train together, of which this process is the first.
    pub ranks: Option<Group>,
}
