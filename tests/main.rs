//! One integration binary over the whole of trainyard.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod data;
