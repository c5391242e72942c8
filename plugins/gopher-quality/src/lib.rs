//! filter: the quality rules of Gopher.
