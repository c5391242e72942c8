//! Delivers an author's results to the host.

use super::{Host, List, Node, Output, Status, Str, TokenBatch, Verdict};
use crate::log::Level;
use crate::{Direction, ErrorKind, Graph, MetricInfo, PluginError, Vocabulary};

/// The host of one call.
pub(super) struct Answer<'a>(&'a Host);

impl<'a> Answer<'a> {
    /// # Safety
    /// `host` points to a host that stays valid for `'a`, the current call.
    pub(super) unsafe fn new(host: *const Host) -> Self {
        // SAFETY: the caller's promise
        Self(unsafe { &*host })
    }

    /// Delivers an error; `status` says whether the instance survives it.
    pub(super) fn error(&self, error: &PluginError, status: Status) -> Status {
        // SAFETY: the contract of `Host`: the function lives as long as the call, and copies the message
        unsafe { (self.0.error)(self.0.context, error_kind(error.kind), text(&error.message)) };
        status
    }

    /// Delivers what the plugin logged during this call.
    pub(super) fn log(&self) {
        for (level, line) in crate::log::take() {
            let level = match level {
                Level::Error => 0,
                Level::Warn => 1,
                Level::Info => 2,
                Level::Debug => 3,
            };
            // SAFETY: as in `error`
            unsafe { (self.0.log)(self.0.context, level, text(&line)) };
        }
    }

    pub(super) fn bytes(&self, bytes: &[u8]) {
        // SAFETY: as in `error`
        unsafe { (self.0.bytes)(self.0.context, List::new(bytes)) };
    }

    pub(super) fn number(&self, number: f64) {
        // SAFETY: as in `error`
        unsafe { (self.0.number)(self.0.context, number) };
    }

    pub(super) fn vocabulary(&self, vocabulary: &Vocabulary) {
        vocabulary.tokens.iter().for_each(|bytes| self.bytes(bytes));
        for special in &vocabulary.specials {
            // SAFETY: as in `error`
            unsafe { (self.0.special)(self.0.context, text(&special.name), special.id) };
        }
    }

    pub(super) fn tokens(&self, batch: &crate::TokenBatch) {
        let batch = TokenBatch { ids: List::new(&batch.ids), ends: List::new(&batch.ends) };
        // SAFETY: as in `error`
        unsafe { (self.0.tokens)(self.0.context, batch) };
    }

    pub(super) fn verdict(&self, verdict: &crate::Verdict) {
        let spans: Vec<_> = verdict.spans.iter().map(|span| [span.start, span.end]).collect();
        let verdict = Verdict {
            keep: verdict.keep.into(),
            has_score: verdict.score.is_some().into(),
            has_text: verdict.text.is_some().into(),
            score: verdict.score.unwrap_or(0.0),
            reason: text(&verdict.reason),
            text: text(verdict.text.as_deref().unwrap_or("")),
            spans: List::new(&spans),
        };
        // SAFETY: as in `error`
        unsafe { (self.0.verdict)(self.0.context, &verdict) };
    }

    pub(super) fn graph(&self, graph: &Graph) {
        let node = |node: &crate::Node| Node {
            op: text(&node.op),
            inputs: List::new(&node.inputs),
            attributes: List::new(&node.attributes),
        };
        let output =
            |output: &crate::Output| Output { name: text(&output.name), sum: output.sum, weight: output.weight };
        let nodes: Vec<_> = graph.nodes.iter().map(node).collect();
        let outputs: Vec<_> = graph.outputs.iter().map(output).collect();
        // SAFETY: as in `error`
        unsafe { (self.0.graph)(self.0.context, graph.op_set, List::new(&nodes), List::new(&outputs)) };
    }

    pub(super) fn info(&self, info: &MetricInfo) {
        let direction = match info.direction {
            Direction::LowerIsBetter => 0,
            Direction::HigherIsBetter => 1,
        };
        // SAFETY: as in `error`
        unsafe { (self.0.info)(self.0.context, text(&info.unit), direction, text(&info.aggregation)) };
    }
}

fn text(text: &str) -> Str {
    List::new(text.as_bytes())
}

fn error_kind(kind: ErrorKind) -> u32 {
    match kind {
        ErrorKind::Config => 0,
        ErrorKind::Input => 1,
        ErrorKind::State => 2,
        ErrorKind::Unsupported => 3,
        ErrorKind::Internal => 4,
    }
}
