//! Files of other programs that hold models: folders of Hugging Face and their tensors.

pub mod hf;
pub mod safetensors;
