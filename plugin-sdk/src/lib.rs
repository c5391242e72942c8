//! What a trainyard plugin is written with.
//!
//! Implement the trait of one kind ([`Tokenizer`], [`Filter`], [`Loss`], [`Metric`], [`TextMetric`], [`Model`]) and
//! [`Create`], declare the settings with [`config!`], and name it with [`export!`]. The same source becomes a
//! sandboxed WASM component, a native library, or a part of the host. The crate has no dependencies outside the
//! `wasm32` target.
//!
//! ```
//! use trainyard_plugin::{Builder, Create, Graph, Loss, PluginError, Result, config, export};
//!
//! config! {
//!     /// Settings of `focal`.
//!     pub struct Settings {
//!         /// focusing exponent, 0 or more; 0 is plain cross-entropy
//!         gamma: f64 = 2.0,
//!     }
//! }
//!
//! struct Focal(Settings);
//!
//! impl Create for Focal {
//!     type Config = Settings;
//!     fn create(settings: Settings) -> Result<Self> {
//!         if settings.gamma < 0.0 {
//!             return Err(PluginError::config(format!("gamma: expected 0 or more, got {}", settings.gamma)));
//!         }
//!         Ok(Self(settings))
//!     }
//! }
//!
//! impl Loss for Focal {
//!     fn describe(&self) -> Result<Graph> {
//!         let g = Builder::new();
//!         let logp = g.logits().log_softmax().gather(g.target());
//!         Ok(g.mean(-(1.0 - logp.exp()).powf(self.0.gamma) * logp))
//!     }
//! }
//!
//! export!(loss "focal-example" = Focal);
//! # fn main() {}
//! ```

#[cfg(not(target_arch = "wasm32"))]
pub mod abi;
mod builtin;
mod error;
#[doc(hidden)]
pub mod export;
mod filter;
pub mod graph;
mod identity;
pub mod log;
mod loss;
mod metric;
mod model;
mod nearest;
pub mod network;
mod rewrite;
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub mod sdk;
#[doc(hidden)]
pub mod settings;
mod tokenizer;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;

pub use builtin::{Builtin, Constructor};
pub use error::{ErrorKind, PluginError, Result};
pub use filter::{Bound, Filter, Rule, Span, Verdict};
pub use graph::{Builder, Expr, Graph, Node, Output};
pub use identity::{
    CONTRACT, HUGGING_FACE, IDEMPOTENT, Identity, Kind, LOSSY, MEASURES, PROMPTS, SECTION, SIGNATURE, SettingInfo,
};
pub use loss::Loss;
pub use metric::{Direction, EXP_MEAN, MEAN, Metric, MetricInfo, PromptedPair, TextMetric, TextPair};
pub use model::{ConfigKeys, Model, Sizes};
pub use rewrite::{Rewrite, SPANS_MAX};
pub use settings::{Config, Create, NoConfig, Setting, Value};
pub use tokenizer::{END_OF_TEXT, NO_END_OF_TEXT, SpecialToken, TokenBatch, Tokenizer, Vocabulary};
