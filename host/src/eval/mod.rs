//! How good a model is, and what it writes.

mod beams;
mod chat;
mod documents;
mod evaluate;
mod examples;
mod file;
mod logits;
pub mod measures;
mod predict;
mod report;
mod run;
mod sample;
mod score;
mod sharing;
mod tasks;
mod test_sets;
mod text;
mod text_metrics;
mod vectors;
mod writer;
mod writing;

pub use crate::report::{CROSS_ENTROPY, LOSS};
pub use beams::{BeamConfig, BeamSearch, Hypothesis, Sequences};
pub use chat::{Answering, Chat, Ended};
pub use evaluate::{Evaluator, loss_of};
pub use examples::Example;
pub use file::evaluate_files;
pub use logits::{Logits, LogitsRequest, logits};
pub use predict::{
    Answer, Asked, Marked, PredictingModel, Prediction, Predictions, Predictor, TextOptions, WrittenText, config_of,
    is_model,
};
pub use report::{contribute_to_report, final_report, loses_text, mark_lossy, written_sample};
pub use run::{OpenOptions, OpenRun, evaluate};
pub use sample::{choose, continue_tokens};
pub use score::{Score, score};
pub use sharing::helping;
pub use tasks::{
    Answered, Outcome, Provenance, RollingSummary, TaskMetric, TaskSummary, TasksSummary, evaluate_rolling,
    evaluate_tasks,
};
pub use test_sets::TestSets;
pub use text::{TextPrompt, continue_text};
pub use text_metrics::text_metrics;
pub use vectors::write_vectors;
pub use writer::{Writer, WriterConfig};
pub use writing::{Prompt, Writing};
