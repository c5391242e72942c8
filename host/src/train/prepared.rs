//! The data in a run's folder, and what they were made of.

use super::folder::RunFolder;
use super::identity::RunIdentity;
use super::plugins::DataPlugins;
use crate::config::RunConfig;
use crate::data::{self, Dataset};
use crate::{Error, Result};
use std::fs;

/// Opens the data in `folder` if they are `same` as the checkpoint's, or prepares them.
///
/// A run that was resumed with other data and killed before its next checkpoint has data in its folder that are not the
/// checkpoint's. So `data.json` says what the data were made of: it is written while they have no manifest, and is
/// therefore true whenever they have one.
///
/// # Errors
/// Those of preparation, and damaged data.
pub fn open_or_prepare(
    config: &RunConfig,
    plugins: &DataPlugins,
    folder: &RunFolder,
    identity: &RunIdentity,
    same: bool,
) -> Result<Dataset> {
    let path = folder.root().join("data.json");
    let made_of = serde_json::to_string_pretty(&identity.of_data())
        .map_err(|error| Error::run(format!("identity as JSON: {error}")))?;
    // Runs of older versions have no such file.
    let is_of_identity = fs::read_to_string(&path).map_or(true, |recorded| recorded == made_of);
    if same && is_of_identity && folder.data().join(data::MANIFEST).is_file() {
        return data::open(&folder.data());
    }
    data::remove_stale(&folder.data())?;
    fs::write(&path, &made_of).map_err(|error| Error::io(&path, "write", &error))?;
    plugins.prepare(config, &folder.data())
}
