//! Files of other programs that hold models: folders of Hugging Face, their tensors and adapters, and llama.cpp's GGUF.

pub mod gguf;
pub mod hf;
pub mod peft;
pub mod safetensors;
