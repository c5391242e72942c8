//! filter: drops documents that are too short or too long.
