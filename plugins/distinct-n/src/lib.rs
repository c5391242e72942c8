//! text metric: share of distinct n-grams in generated text.
