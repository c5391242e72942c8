//! filter: writes HTML entities as the characters they stand for
