//! metric: share of tokens predicted exactly.
