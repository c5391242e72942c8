//! All integration tests, one module per subject.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod config;
mod data;
mod loss;
mod ops;
mod program;
mod reference;
mod resume;
mod tidy;
mod training;
