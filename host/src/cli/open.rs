//! How a run, or the model in a folder of another program, is opened.

use super::overrides::Overrides;
use clap::Args;
use std::path::Path;
use trainyard::eval::{OpenOptions, OpenRun, PredictingModel, is_model};
use trainyard::ranks::Group;
use trainyard::{Error, Result};

/// Options of commands that open a run.
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

/// The model of a run, or of a folder of another program, for `command`; all `ranks` have the same checkpoint.
///
/// # Errors
/// A folder that is neither, or a run's checkpoint; whatever keeps the model from being opened.
pub fn model(run: &Path, args: &OpenArgs, command: &str, ranks: Option<&Group>) -> Result<PredictingModel> {
    let open = args.options();
    if !is_model(run) {
        return Ok(PredictingModel::of_run(OpenRun::open_alike(run, &open, ranks)?));
    }
    let of_run = run.parent().filter(|parent| parent.ends_with("checkpoints")).and_then(Path::parent);
    if let (Some(of_run), Some(name)) = (of_run.filter(|of_run| of_run.join("config.toml").is_file()), run.file_name())
    {
        let (run, of_run, name) = (run.display(), of_run.display(), name.display());
        let message = format!("{run}: is a checkpoint of a run; name the run: {command} {of_run} --checkpoint {name}");
        return Err(Error::usage(message));
    }
    if open.checkpoint.is_some() {
        return Err(Error::usage(format!("--checkpoint: {} is no run, it has none", run.display())));
    }
    PredictingModel::of_folder(run, &open.set)
}
