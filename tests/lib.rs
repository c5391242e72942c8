//! The tests are in `main.rs`; this library only makes the examples of the README compile.

#[doc = include_str!("../README.md")]
pub struct Readme;
