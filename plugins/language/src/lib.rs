//! filter: keeps documents of the languages asked for
