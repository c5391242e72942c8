//! tokenizer: any Hugging Face tokenizer.json.
