//! `train --dry-run`: what a run would do, told without doing it.

use super::begin::{Needs, resumed};
use crate::Result;
use crate::plugin::Stamp;
use crate::report::bytes;
use crate::run::{Claim, RunConfig, RunFolder, TrainOptions};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

/// What a run would do.
#[derive(Debug, Serialize)]
pub struct Preview {
    /// The run's folder.
    pub run: PathBuf,
    /// What would become of it.
    pub action: Action,
    /// The step that it would resume after; 0 for a new run.
    pub from_step: u64,
    /// The last step.
    pub steps: u64,
    /// Settings that changed since the checkpoint, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// Its plugins, by their places in the config.
    pub plugins: Vec<(String, Stamp)>,
    /// Where it would compute.
    pub device: String,
    /// Bytes of memory that it needs at least: with a vocabulary of one token, where that is not known before.
    pub least_memory: f64,
    /// What is odd about the loss or a metric and stops no run.
    pub warnings: Vec<String>,
    /// The resolved config, as TOML.
    pub config: String,
}

/// What becomes of a run's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A run begins.
    Start,
    /// A run begins, and takes the place of another.
    Overwrite,
    /// A run continues.
    Resume,
}

/// Says what [`super::run`] would do with the same arguments, and finds what can be wrong before data are prepared: the
/// config, plugins, losses, sources, what a resumed run may not change. It writes nothing.
///
/// # Errors
/// What would end the run before its data are prepared.
pub fn preview(config: &RunConfig, options: &TrainOptions) -> Result<Preview> {
    let needs = Needs::of(config)?;
    let folder = RunFolder::of(config);
    let has_run = Claim::check(&folder, options)?;
    let (_, saved, changes) = resumed(config, &needs, &folder, options)?;
    let Needs { device, plugins, evaluator, least_memory, .. } = needs;
    let action = match (&saved, has_run) {
        (Some(_), _) => Action::Resume,
        (None, true) => Action::Overwrite,
        (None, false) => Action::Start,
    };
    let stamps = plugins.in_config(config).into_iter().map(|(key, plugin, _)| (key, plugin.stamp().clone())).collect();
    Ok(Preview {
        run: folder.root().to_owned(),
        action,
        from_step: saved.map_or(0, |saved| saved.step),
        steps: config.train.steps,
        changed: changes.line(),
        plugins: stamps,
        device: device.gpu().map_or("the CPU", |gpu| gpu.name()).to_owned(),
        least_memory: least_memory.total(),
        warnings: evaluator.warnings().to_vec(),
        config: config.to_toml()?,
    })
}

impl Display for Preview {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (run, steps) = (self.run.display(), self.steps);
        match self.action {
            Action::Start => writeln!(f, "{run}: would start, {steps} steps")?,
            Action::Overwrite => writeln!(f, "{run}: would start, {steps} steps, and replace the run that is there")?,
            Action::Resume => writeln!(f, "{run}: would resume after step {} of {steps}", self.from_step)?,
        }
        if let Some(line) = &self.changed {
            writeln!(f, "{line}")?;
        }
        for (place, stamp) in &self.plugins {
            let Stamp { name, version, backend, sha256, .. } = stamp;
            let digest = sha256.get(..8).map(|start| format!(", {start}…")).unwrap_or_default();
            writeln!(f, "{place}: {name} {version} ({backend}{digest})")?;
        }
        writeln!(f, "memory: at least {} on {}", bytes(self.least_memory), self.device)?;
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        write!(f, "nothing was written; `trainyard plan` says how long it takes")
    }
}
