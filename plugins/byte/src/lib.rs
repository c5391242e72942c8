//! tokenizer: one token per byte.
