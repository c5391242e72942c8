//! Which documents to train on.

use crate::{PluginError, Result};

/// A filter or cleaner of documents.
///
/// Order of calls: `create`; if `two_pass` says so, every document goes through `observe` and the states of all
/// instances through `merge` before the first `judge`. A verdict may depend on the settings, the observed state and the
/// one document it is about, never on the batch around it. One instance serves one thread.
pub trait Filter: Send {
    /// One verdict per document, in order.
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>>;

    /// Whether the whole corpus must pass through `observe` before the first `judge`.
    fn two_pass(&self) -> bool {
        false
    }

    /// Takes one batch of the corpus in the first pass. Only called when `two_pass` is true.
    fn observe(&mut self, _documents: &[&str]) -> Result<()> {
        Err(PluginError::unsupported("this filter has no first pass"))
    }

    /// What was observed so far, to be merged into another instance.
    fn state(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// Adds what another instance observed: the order of merging may not matter.
    fn merge(&mut self, _state: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// What a filter says of one document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// Whether the document stays.
    pub keep: bool,
    /// A stable code such as `gopher_short_doc`; empty when nothing is to be said.
    pub reason: String,
    /// The value that was compared with the threshold.
    pub score: Option<f64>,
    /// The document rewritten; none when it stays as it is.
    pub text: Option<String>,
    /// Where in the document the reason lies.
    pub spans: Vec<Span>,
}

/// Half-open range of bytes in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Verdict {
    /// The document stays as it is.
    pub fn keep() -> Self {
        Self { keep: true, ..Self::default() }
    }

    /// The document stays, with new text.
    pub fn rewrite(text: String) -> Self {
        Self { keep: true, text: Some(text), ..Self::default() }
    }

    /// The document goes, for the reason `reason`.
    pub fn drop(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// The same verdict with the value that decided it.
    pub fn score(mut self, score: f64) -> Self {
        self.score = Some(score);
        self
    }
}
