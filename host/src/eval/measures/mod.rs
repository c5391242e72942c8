//! Measures of labelled tasks: classes, sets of labels, numbers, entities in tags. Pure functions of what was predicted
//! and what is true, and reports for `--json` and for people.
//!
//! Zero divided by zero is 0, as in scikit-learn and seqeval, whose numbers these are.

mod bootstrap;
mod calibration;
mod classes;
mod entities;
mod print;
mod regression;
mod report;
mod score;

pub use bootstrap::{Interval, Intervals};
pub use calibration::{Bin, Calibration, most_probable};
pub use classes::Confusion;
pub use entities::{Entity, Reading, entities};
pub use regression::RegressionReport;
pub use report::{ClassReport, Confused, EntityReport, LabelReport};
pub use score::{Averages, Counts, Named, Score};

#[cfg(test)]
mod tests;
