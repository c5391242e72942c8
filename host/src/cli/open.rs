//! How `eval` and `generate` open a run.

use super::overrides::Overrides;
use clap::Args;
use trainyard::eval::OpenOptions;

/// Options of `eval` and `generate`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// A checkpoint of the run: step-N, best or last (default: the one that the run's summary reports: the best with
    /// train.patience, otherwise the last)
    #[arg(long, value_name = "CHECKPOINT")]
    pub checkpoint: Option<String>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Proceed although this plugin is not the one that the run was trained with: tokenizer, loss or metric; the result
    /// says so
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
