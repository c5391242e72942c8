//! The tests are in `main.rs`; this library only makes the examples of the documentation compile and run.

#[doc = include_str!("../README.md")]
pub struct Readme;

#[doc = include_str!("../docs/plugins/filter.md")]
pub struct Filters;

#[doc = include_str!("../docs/plugins/tokenizer.md")]
pub struct Tokenizers;

#[doc = include_str!("../docs/plugins/loss.md")]
pub struct Losses;

#[doc = include_str!("../docs/plugins/metric.md")]
pub struct Metrics;

#[doc = include_str!("../docs/plugins/text-metric.md")]
pub struct TextMetrics;

#[doc = include_str!("../docs/plugins/model.md")]
pub struct Models;
