//! Optimizers and learning-rate schedules.

mod config;
mod optimizer;
mod schedule;

pub use config::{OptimizerConfig, OptimizerGroup, OptimizerRule, ScheduleConfig, ScheduleKind};
pub use optimizer::Optimizer;
