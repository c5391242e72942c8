//! The worlds of `wit/plugin.wit`, as `scripts/bindings.sh` writes them. Not for hand edits.
//!
//! Written from the file whose sha256 is
//! 818b6e32f50e55564116c09235f609cc73e6b9aa61813c8d58564c3088038623.

#[rustfmt::skip]
pub mod filter;
#[rustfmt::skip]
pub mod loss;
#[rustfmt::skip]
pub mod measured_filter;
#[rustfmt::skip]
pub mod metric;
#[rustfmt::skip]
pub mod model;
#[rustfmt::skip]
pub mod shared;
#[rustfmt::skip]
pub mod text_metric;
#[rustfmt::skip]
pub mod tokenizer;
