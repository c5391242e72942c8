//! What a run tells its user: a record per step on disk, progress on the terminal, a summary at the end.
//!
//! Nothing here knows how the numbers came about; who has them fills the plain structs of this module.

mod compare;
mod metrics_log;
mod progress;
mod summary;
mod text;
mod usage;
mod work;

pub use compare::{Comparable, TextReport, distinct};
pub use metrics_log::MetricsLog;
pub use progress::{Progress, StepLine};
pub use summary::{
    Baseline, EvalSummary, Extent, FileReport, FinalReport, MetricValue, SourceReport, TrainSummary, VocabularyReport,
};
pub use text::{bytes, count};
pub use usage::PluginReport;
pub use work::{Detail, StageProgress, WorkProgress};
