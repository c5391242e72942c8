//! Files of many kinds to documents.

mod charset;
mod columns;
mod conll;
mod counts;
mod cut;
mod document;
mod documents;
mod encoding;
mod fault;
mod html;
mod json;
mod kinds;
mod labels;
mod line;
mod lines;
mod messages;
mod packed;
mod page;
mod pages;
mod parquet;
mod sniff;
mod source;
mod table;
mod tabular;
mod values;
mod words;

pub(crate) use counts::{Oddities, ReadCounts};
pub use document::{Content, Document};
pub(crate) use documents::FileDocuments;
pub use documents::{documents, every_document};
pub(crate) use encoding::by_label;
pub(super) use json::json_field;
pub(crate) use kinds::format_of;
pub use lines::{JsonLine, JsonLines};
pub use source::source_digest;
pub(crate) use source::{Listing, SourceFile, digest_files, digest_of, list, list_all};
