//! filter: one form of Unicode, without control and zero-width characters
