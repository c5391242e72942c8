//! What a file is by its name, in whatever case the name is written.

use crate::corpus::Format;

/// What a source may hold, for messages.
pub(super) const KINDS: &str =
    ".txt, .md, .jsonl, .json, .csv, .tsv, .parquet, .conll or .html (also .gz, .zst, .xz or .bz2)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

/// A file's name without the ending of its compression, and that compression.
pub(super) fn compression(name: &str) -> (&str, Compression) {
    let Some((stem, ending)) = name.rsplit_once('.') else { return (name, Compression::None) };
    match ending.to_ascii_lowercase().as_str() {
        "gz" | "gzip" => (stem, Compression::Gzip),
        "zst" | "zstd" => (stem, Compression::Zstd),
        "xz" => (stem, Compression::Xz),
        "bz2" | "bzip2" => (stem, Compression::Bzip2),
        _ => (name, Compression::None),
    }
}

/// What a file of this name, without the ending of its compression, holds.
pub(super) fn by_name(name: &str) -> Option<Format> {
    match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "txt" | "text" | "md" | "markdown" => Some(Format::Text),
        "jsonl" | "ndjson" | "jl" | "jsonlines" => Some(Format::JsonLines),
        "json" => Some(Format::Json),
        "parquet" => Some(Format::Parquet),
        "html" | "htm" | "xhtml" => Some(Format::Html),
        "csv" => Some(Format::Csv),
        "tsv" => Some(Format::Tsv),
        "conll" | "conllu" | "bio" | "iob" => Some(Format::Conll),
        _ => None,
    }
}

/// What a file of this name holds, compressed or not.
pub(crate) fn format_of(name: &str) -> Option<Format> {
    by_name(compression(name).0)
}

/// Why a file of this name is left out.
pub(super) fn why_not_read(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    match compression(file).0.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!(".{ending} is not read"),
        _ => "its name does not say what it holds".into(),
    }
}
