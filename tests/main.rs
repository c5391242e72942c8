//! All integration tests, one module per subject.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod backends;
mod config;
mod data;
mod hostile;
mod ops;
mod plugins;
mod reference;
mod tidy;
