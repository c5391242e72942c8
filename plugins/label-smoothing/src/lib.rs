//! loss: cross-entropy against a smoothed target.
