//! Files of many kinds to documents.

mod cut;
mod documents;
mod html;
mod parquet;
mod source;

pub use documents::{Document, documents};
pub(crate) use documents::{FileDocuments, ReadCounts};
pub use source::source_digest;
pub(crate) use source::{SourceFile, digest_files, digest_of, hex, list};
