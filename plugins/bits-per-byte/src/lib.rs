//! metric: bits needed per byte of text.
