//! loss: cross-entropy that weighs down what is easy.
