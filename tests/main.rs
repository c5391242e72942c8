//! The integration tests, one module per subject.

mod backends; // the same answers from all three forms of a plugin
mod plugins; // builds plugins for the others
