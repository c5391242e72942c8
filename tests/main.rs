//! The integration tests, one module per subject.

mod backends; // the same answers from all three forms of a plugin
mod hostile; // plugins that are broken or mean harm
mod plugins; // builds plugins for the others
