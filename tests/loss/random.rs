//! Random well-typed graphs.
