//! Adapters in the form of PEFT: `adapter_config.json`, and in `adapter_model.safetensors` the matrices beside the
//! weights of a model in another folder.

mod base;
mod config;
mod merge;

pub use base::{BASE, Base, check_base};
pub use config::PeftConfig;
pub use merge::Adapter;

/// The file that says what an adapter is.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";
/// The file that says which weights of the model were held in blocks while it was trained, if any were. PEFT does not
/// know it.
pub const QUANTIZED: &str = "trainyard/quantized.json";
/// The file with its matrices.
pub const ADAPTER: &str = "adapter_model.safetensors";
/// What PEFT writes before the names of a model's parameters.
pub const PREFIX: &str = "base_model.model.";
/// What the names of a layer's matrices end with, behind the layer's name.
pub const A: &str = ".lora_A.weight";
/// See [`A`].
pub const B: &str = ".lora_B.weight";
