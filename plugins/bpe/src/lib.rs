//! tokenizer: byte-level byte-pair encoding with the GPT-2 split rule.
