//! How a run starts: what the command line says beside the config.

/// How to start.
#[derive(Debug, Clone, Default)]
pub struct TrainOptions {
    /// Go on from the newest checkpoint.
    pub resume: bool,
    /// Resume from this checkpoint, `step-N`, or from the state before a failed step, `replay-N`.
    pub from: Option<String>,
    /// Replace a run of this name.
    pub overwrite: bool,
    /// Places of the config that may differ from the checkpoint's.
    pub allow_changed: Vec<String>,
    /// No progress on stderr.
    pub quiet: bool,
}
