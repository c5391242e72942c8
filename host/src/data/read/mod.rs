//! Files of many kinds to documents.

mod cut;
mod documents;
mod source;

pub(crate) use documents::Documents;
pub use documents::{Document, documents};
pub use source::source_digest;
pub(crate) use source::{digest_files, hex, list};
