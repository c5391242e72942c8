//! Experiments: a list of runs, a comparison of runs that says whether a change helped, and reports as HTML.
//!
//! Everything here reads run folders and changes nothing in them, except [`Clean::apply`], which removes what its plan
//! names. A folder that is read is never locked for long, so that no reader stops a run.

#![warn(missing_docs)]

mod card;
mod clean;
mod compare;
mod feed;
mod folder;
mod log;
mod plot;
mod plugins;
mod report;
mod runs;
mod scaling;
mod settings;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use card::{CARD_GENERATOR, Card, CardCheck, CardSetting};
pub use clean::{Clean, CleanOptions, Cleaned, Group, Item, Kind};
pub use compare::{
    CompareOptions, Comparison, Cost, Difference, Method, MetricComparison, Row, Split, Variant, VariantRun,
};
pub use feed::Feed;
pub use folder::{LOCK, METRICS, is_running};
pub use log::Log;
pub use plot::plot;
pub use report::{Report, ReportOptions};
pub use runs::{Listing, Measured, RunSummary, Runs, State, named_folders, run_folders};
pub use scaling::{Best, Scaling, ScalingRun};
pub use trainyard_base::{Error, Result};
