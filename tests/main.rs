//! All of trainyard's integration tests, one module per subject.

#![allow(clippy::unwrap_used, missing_docs)]

mod ops;
mod reference;
