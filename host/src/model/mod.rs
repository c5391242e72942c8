//! Networks: from a description to a plan that runs.
//!
//! `graph` is a checked network; `plan` says which ops run together, where every value and gradient is and what runs
//! backward; `run` runs it. [`Model`] is a planned network with its parameters.

mod decoder;
mod dropout;
mod explain;
pub(crate) mod flops;
pub(crate) mod graph;
mod head;
mod memory;
#[expect(clippy::module_inception, reason = "the model of this folder")]
mod model;
mod params;
mod plan;
mod run;

pub use decoder::{BatchDecoder, Decoder, Room};
pub use dropout::Dropout;
pub use explain::explain;
pub use head::{CRF, Head, HeadCrf};
pub use memory::Allocator;
pub use model::{Model, Spec};
pub use params::{Init, Param, Params};
pub use plan::Purpose;
