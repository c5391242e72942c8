//! Files of many kinds to documents.

mod charset;
mod columns;
mod counts;
mod cut;
mod documents;
mod encoding;
mod html;
mod json;
mod kinds;
mod line;
mod lines;
mod packed;
mod page;
mod parquet;
mod sniff;
mod source;
mod values;

pub(crate) use counts::{Oddities, ReadCounts};
pub(crate) use documents::FileDocuments;
pub use documents::{Document, documents};
pub(crate) use encoding::by_label;
pub(crate) use kinds::format_of;
pub use lines::{JsonLine, JsonLines};
pub use source::source_digest;
pub(crate) use source::{Listing, SourceFile, digest_files, digest_of, list, list_all};
