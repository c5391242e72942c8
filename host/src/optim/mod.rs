//! Optimizers and learning-rate schedules.

mod config;

pub use config::{OptimizerConfig, ScheduleConfig, ScheduleKind};
