//! loss: negative log-likelihood of the target token.
