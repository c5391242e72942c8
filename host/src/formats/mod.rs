//! Files of other programs that hold models: folders of Hugging Face and their tensors, and llama.cpp's GGUF.

pub mod gguf;
pub mod hf;
pub mod safetensors;
