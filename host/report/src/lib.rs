//! What a run tells its user: records, which go to every sink (a line each on disk, progress on the terminal), and a
//! summary at the end.
//!
//! Nothing here knows how the numbers came about; who has them fills the plain structs of this module.

mod compare;
mod counter;
mod documents;
mod program;
mod record;
mod schema;
#[cfg(test)]
mod screen;
mod sinks;
mod summary;
mod test_set;
mod text;
mod update;
mod usage;
mod work;

pub use compare::{Comparable, TextReport, Treatment, distinct};
pub use counter::Counter;
pub use documents::{DOCUMENTS, DocumentLoss, SplitDocuments, read_documents, write_documents};
pub use program::{host_name, now};
pub use record::{
    BestReport, Digests, End, EndState, Final, Header, Metric, Plugins, Record, Rewind, Sample, Step, Validation,
    Warning, Watch,
};
pub use schema::schema;
pub use sinks::{MetricsLog, Progress, Sink};
pub use summary::{
    Baseline, CROSS_ENTROPY, EvalSummary, Extent, FileReport, FinalReport, LOSS, MetricValue, SourceReport, TaskReport,
    TrainSummary, VocabularyReport,
};
pub use test_set::TestSetReport;
pub use text::{bytes, count, duration};
pub use trainyard_base::{Error, Result};
pub use update::Update;
pub use usage::PluginReport;
pub use work::{Detail, StageProgress, WorkProgress};
