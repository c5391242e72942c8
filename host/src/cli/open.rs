//! How `eval` and `generate` open a run.

use super::overrides::Overrides;
use clap::Args;
use trainyard::eval::OpenOptions;

/// What `eval` and `generate` have in common.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// A checkpoint of the run: step-N, best or last. Without it the run's model, which its summary reports: the best
    /// one of a run with train.patience, the last one of any other
    #[arg(long, value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Go ahead although this plugin is not the one that the run was trained with: tokenizer, loss or metric; the
    /// result says so
    #[arg(long, value_name = "PART")]
    pub allow_changed: Vec<String>,
}

impl OpenArgs {
    /// As the library takes it.
    pub fn options(&self) -> OpenOptions {
        let Self { checkpoint, overrides, allow_changed } = self;
        OpenOptions { checkpoint: checkpoint.clone(), set: overrides.list(), allow_changed: allow_changed.clone() }
    }
}
