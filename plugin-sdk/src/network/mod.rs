//! Networks as data: how a model plugin says what it computes.
//!
//! * [`Network`] is what crosses the boundary: named parameters, and layers that compute values from earlier values.
//! * [`Net`] and [`Value`] make one, so that it reads like a forward.
//! * [`ops`] is the set of ops: inputs, parameters, attributes and type rule of each, in one table.
//! * [`check`] finds what is wrong with a network, and the type of every value; [`check_for`] also compares it with the
//!   sizes that it is for.
//!
//! A value is a matrix with one row per token, source token or sequence, and a number of columns.

mod builder;
mod check;
mod infer;
mod layers;
pub mod ops;
mod rope;
mod sizes;
mod value;
mod values;

pub use builder::Net;
pub use check::{MAX_LAYERS, MAX_PARAMETERS, check};
pub use infer::{Attributes, Site};
pub use layers::{Attention, Init, Linear, Pool, Recurrent, Span};
pub use rope::Rotary;
pub use sizes::{check_for, count};
pub use value::Value;
pub use values::{Space, Type};

use crate::Setting;

/// A tensor that training changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name in files: as Hugging Face transformers names it, where it knows the model.
    pub name: String,
    /// Sizes of its dimensions.
    pub shape: Vec<u32>,
    /// How it begins: `zeros`, `ones`, `normal` (deviation `scale`) or `uniform` (between -`scale` and `scale`).
    pub init: String,
    /// See `init`.
    pub scale: f64,
    /// Whether weight decay applies to it, where the optimizer leaves that to the model.
    pub decay: bool,
    /// Other names that files have for it.
    pub aliases: Vec<String>,
}

/// One operation. `inputs` are indices of earlier layers, so a network has no cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// A name from the op set, see [`ops::OPS`].
    pub op: String,
    /// Where it stands in the model, such as `model.layers.3.self_attn.q_proj`: for messages and listings.
    pub scope: String,
    /// Earlier layers.
    pub inputs: Vec<u32>,
    /// Indices of parameters; one parameter may serve several layers.
    pub parameters: Vec<u32>,
    /// Named constants.
    pub attributes: Vec<Setting>,
}

/// A named result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `logits` is what a loss reads; others are for other uses.
    pub name: String,
    /// The layer that computes it.
    pub value: u32,
}

/// What a model computes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// The version of the op set that the names are from.
    pub op_set: u32,
    /// In any order; names are unique.
    pub parameters: Vec<Parameter>,
    /// In an order in which they can be computed.
    pub layers: Vec<Layer>,
    /// Results, `logits` among them.
    pub heads: Vec<Head>,
    /// Scopes at whose borders values are kept when activations are recomputed, such as `model.layers.3`.
    pub blocks: Vec<String>,
    /// Patterns of tensors that files have and the network has not, such as `*.rotary_emb.inv_freq`; `*` is any text.
    pub ignored: Vec<String>,
}

#[cfg(test)]
mod tests;
