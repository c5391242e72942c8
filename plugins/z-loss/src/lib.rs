//! loss: cross-entropy that keeps the softmax normaliser near one.
