//! What a native plugin delivers during one call: copied, with lengths and UTF-8 checked.

use std::ffi::c_void;
use trainyard_plugin::abi::{self, Host, List, Str};
use trainyard_plugin::log::Level;
use trainyard_plugin::{
    Direction, ErrorKind, Graph, MetricInfo, Node, Output, PluginError, Result, Span, SpecialToken, TokenBatch, Verdict,
};

/// Everything that was delivered.
#[derive(Default)]
pub struct Answer {
    pub error: Option<PluginError>,
    pub bytes: Vec<Vec<u8>>,
    pub specials: Vec<SpecialToken>,
    pub tokens: Option<TokenBatch>,
    pub verdicts: Vec<Verdict>,
    pub graph: Option<Graph>,
    pub info: Option<MetricInfo>,
    pub number: Option<f64>,
    pub lines: Vec<(Level, String)>,
    /// The first thing that no plugin may deliver.
    pub invalid: Option<String>,
}

impl Answer {
    /// The functions that fill this answer. It may not be used otherwise while the host is in use.
    pub fn host(&mut self) -> Host {
        Host {
            size: size_of::<Host>(),
            context: std::ptr::from_mut(self).cast(),
            error,
            bytes,
            special,
            tokens,
            verdict,
            graph,
            info,
            number,
            log,
        }
    }

    /// The one byte string of `train` or `state`.
    pub fn one_bytes(mut self) -> Result<Vec<u8>> {
        match (self.bytes.len(), self.bytes.pop()) {
            (1, Some(bytes)) => Ok(bytes),
            (n, _) => Err(PluginError::internal(format!("delivered {n} byte strings, expected 1"))),
        }
    }

    fn invalid(&mut self, what: impl Into<String>) {
        self.invalid.get_or_insert(what.into());
    }

    /// # Safety
    /// `list` points to as many items as it says, or to nothing.
    unsafe fn list<T: Copy>(&mut self, list: List<T>) -> Vec<T> {
        let too_long = list.len.checked_mul(size_of::<T>()).is_none_or(|size| size > isize::MAX as usize);
        if too_long || (list.ptr.is_null() && list.len > 0) || !list.ptr.is_aligned() {
            self.invalid(format!("delivered a list of {} items at {:p}", list.len, list.ptr));
            return Vec::new();
        }
        // SAFETY: checked above as far as it can be, the rest is the caller's promise
        unsafe { list.as_slice() }.to_vec()
    }

    /// # Safety
    /// As for `list`.
    unsafe fn text(&mut self, text: Str) -> String {
        // SAFETY: the caller's promise
        String::from_utf8(unsafe { self.list(text) }).unwrap_or_else(|_| {
            self.invalid("delivered text that is not UTF-8");
            String::new()
        })
    }
}

/// # Safety
/// `context` is that of a host made by [`Answer::host`] whose call has not returned.
unsafe fn answer<'a>(context: *mut c_void) -> &'a mut Answer {
    // SAFETY: the caller's promise
    unsafe { &mut *context.cast() }
}

unsafe extern "C" fn error(context: *mut c_void, kind: u32, message: Str) {
    // SAFETY: the plugin follows the contract of `Host`, to which the user trusted it
    let answer = unsafe { answer(context) };
    // SAFETY: as above
    let message = unsafe { answer.text(message) };
    let kind = match kind {
        0 => ErrorKind::Config,
        1 => ErrorKind::Input,
        2 => ErrorKind::State,
        3 => ErrorKind::Unsupported,
        _ => ErrorKind::Internal,
    };
    answer.error = Some(PluginError { kind, message });
}

unsafe extern "C" fn bytes(context: *mut c_void, bytes: Str) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let bytes = answer.list(bytes);
        answer.bytes.push(bytes);
    }
}

unsafe extern "C" fn special(context: *mut c_void, name: Str, id: u32) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let name = answer.text(name);
        answer.specials.push(SpecialToken { name, id });
    }
}

unsafe extern "C" fn tokens(context: *mut c_void, batch: abi::TokenBatch) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        answer.tokens = Some(TokenBatch { ids: answer.list(batch.ids), ends: answer.list(batch.ends) });
    }
}

unsafe extern "C" fn verdict(context: *mut c_void, verdict: *const abi::Verdict) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let Some(verdict) = verdict.as_ref() else {
            return answer.invalid("delivered a verdict at null");
        };
        let spans = answer.list(verdict.spans).into_iter().map(|[start, end]| Span { start, end }).collect();
        let verdict = Verdict {
            keep: verdict.keep != 0,
            reason: answer.text(verdict.reason),
            score: (verdict.has_score != 0).then_some(verdict.score),
            text: (verdict.has_text != 0).then(|| answer.text(verdict.text)),
            spans,
        };
        answer.verdicts.push(verdict);
    }
}

unsafe extern "C" fn graph(context: *mut c_void, op_set: u32, nodes: List<abi::Node>, outputs: List<abi::Output>) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let mut graph = Graph { op_set, nodes: Vec::new(), outputs: Vec::new() };
        for node in answer.list(nodes) {
            let (op, inputs, attributes) =
                (answer.text(node.op), answer.list(node.inputs), answer.list(node.attributes));
            graph.nodes.push(Node { op, inputs, attributes });
        }
        for output in answer.list(outputs) {
            graph.outputs.push(Output { name: answer.text(output.name), sum: output.sum, weight: output.weight });
        }
        answer.graph = Some(graph);
    }
}

unsafe extern "C" fn info(context: *mut c_void, unit: Str, direction: u32, aggregation: Str) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let direction = match direction {
            0 => Direction::LowerIsBetter,
            1 => Direction::HigherIsBetter,
            other => return answer.invalid(format!("delivered direction {other}, expected 0 or 1")),
        };
        answer.info = Some(MetricInfo { unit: answer.text(unit), direction, aggregation: answer.text(aggregation) });
    }
}

unsafe extern "C" fn number(context: *mut c_void, number: f64) {
    // SAFETY: as in `error`
    unsafe { answer(context) }.number = Some(number);
}

unsafe extern "C" fn log(context: *mut c_void, level: u32, line: Str) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let level = match level {
            0 => Level::Error,
            1 => Level::Warn,
            2 => Level::Info,
            _ => Level::Debug,
        };
        let line = answer.text(line);
        answer.lines.push((level, line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_delivered_is_checked() {
        let mut answer = Answer::default();
        let host = answer.host();
        // SAFETY: the host is that of `answer`, and the lists are what a hostile plugin could pass without a crash
        unsafe {
            (host.special)(host.context, List::new(b"\xff"), 1);
            (host.bytes)(host.context, List { ptr: std::ptr::null(), len: 3 });
        }
        assert_eq!(answer.invalid.as_deref(), Some("delivered text that is not UTF-8"));
        assert_eq!(answer.bytes, [Vec::<u8>::new()]);
        assert_eq!(Answer::default().one_bytes(), Err(PluginError::internal("delivered 0 byte strings, expected 1")));
    }
}
