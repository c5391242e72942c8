//! The data of a run that is resumed: verified, and prepared again where it is damaged or lost.

use crate::base::interrupt;
use crate::feed::{self, CURE, Dataset};
use crate::run::{Claim, RunConfig, RunFolder, RunPlugins, RunState};
use crate::{Error, Result};

/// Opens the data of the checkpoint `saved`, or prepares the data of a run that begins or whose data may change.
///
/// # Errors
/// Whatever the preparation reports, a signal that asks the program to end, and data of the checkpoint that is damaged
/// and cannot be made again as it was.
pub(super) fn open_or_prepare(
    config: &RunConfig,
    plugins: &RunPlugins,
    folder: &RunFolder,
    claim: &Claim,
    saved: Option<&RunState>,
) -> Result<Dataset> {
    let data = match saved {
        Some(saved) => open(config, plugins, folder, claim, saved),
        None => plugins.data.prepare(config, &claim.data_to_prepare()?),
    };
    data.map_err(interrupted)
}

/// Opens the data that a checkpoint was trained on.
fn open(
    config: &RunConfig,
    plugins: &RunPlugins,
    folder: &RunFolder,
    claim: &Claim,
    saved: &RunState,
) -> Result<Dataset> {
    let is_same = |dataset: &Dataset| saved.data.as_ref().is_none_or(|digest| *digest == dataset.manifest.digest());
    let problem = match feed::open(&folder.data()) {
        Ok(dataset) if is_same(&dataset) => return Ok(dataset),
        Ok(_) => format!("{}: not what the checkpoint was trained on", folder.data().display()),
        // the cure is what happens now
        Err(error) => error.to_string().replace(&format!("; {CURE}"), "").replace(&format!(" ({CURE})"), ""),
    };
    tracing::warn!("{problem}: the data is prepared again");
    let dataset = plugins.data.prepare(config, &claim.data_to_prepare()?)?;
    if is_same(&dataset) {
        return Ok(dataset);
    }
    let cure = "restore the files of the run, or start a new one under another run.name";
    Err(Error::run(format!(
        "{}: prepared again it is not what the checkpoint was trained on; {cure}",
        folder.data().display()
    )))
}

/// An error of the preparation: where a signal ended it, with what becomes of its work.
pub(super) fn interrupted(error: Error) -> Error {
    let Some(signal) = interrupt::cause_of(&error) else { return error };
    let message = format!(
        "interrupted ({}) while the data was prepared; what is finished stays in the store, the same command continues there",
        signal.name()
    );
    Error::interrupted(signal, message)
}
