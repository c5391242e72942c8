//! All integration tests, one module per subject.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod config;
mod data;
mod tidy;
