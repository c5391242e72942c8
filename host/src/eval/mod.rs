//! How good a model is, and what it writes.

mod evaluate;
mod report;
mod run;
mod sample;
mod text;
mod text_metrics;

pub use evaluate::Evaluator;
pub use report::final_report;
pub use run::{OpenRun, evaluate, evaluate_open};
pub use sample::{choose, continue_tokens};
pub use text::continue_text;
pub use text_metrics::text_metrics;
