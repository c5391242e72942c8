//! What a native plugin delivers during one call: copied, with lengths and UTF-8 checked.

use crate::plugin::limits::Limits;
use crate::plugin::log::Log;
use std::ffi::c_void;
use trainyard_plugin::abi::{self, Host, List, Str};
use trainyard_plugin::log::Level;
use trainyard_plugin::network::Network;
use trainyard_plugin::{
    Bound, Direction, ErrorKind, Graph, MetricInfo, Node, Output, PluginError, Result, Rule, Setting, Span,
    SpecialToken, TokenBatch, Verdict,
};

/// Everything that was delivered in one call. It serves one call after the other.
pub struct Answer {
    pub error: Option<PluginError>,
    pub bytes: Vec<Vec<u8>>,
    pub specials: Vec<SpecialToken>,
    pub tokens: Option<TokenBatch>,
    pub verdicts: Vec<Verdict>,
    pub graph: Option<Graph>,
    pub info: Option<MetricInfo>,
    pub number: Option<f64>,
    pub rules: Vec<Rule>,
    pub values: Option<Vec<f64>>,
    pub network: Option<Network>,
    pub settings: Option<Vec<Setting>>,
    /// The first thing that no plugin may deliver.
    pub invalid: Option<String>,
    /// Bytes that were copied for this call.
    n_bytes: usize,
    max_bytes: usize,
    log: Log,
}

impl Answer {
    pub fn new(log: Log, limits: &Limits) -> Self {
        Self {
            error: None,
            bytes: Vec::new(),
            specials: Vec::new(),
            tokens: None,
            verdicts: Vec::new(),
            graph: None,
            info: None,
            number: None,
            rules: Vec::new(),
            values: None,
            network: None,
            settings: None,
            invalid: None,
            n_bytes: 0,
            max_bytes: usize::try_from(limits.output_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX),
            log,
        }
    }

    /// Forgets what the last call delivered.
    pub fn clear(&mut self) {
        (self.error, self.invalid, self.n_bytes) = (None, None, 0);
        self.bytes.clear();
        self.specials.clear();
        self.verdicts.clear();
        self.rules.clear();
        (self.tokens, self.graph, self.info, self.number, self.values) = (None, None, None, None, None);
        (self.network, self.settings) = (None, None);
    }

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
    ///
    /// # Errors
    /// None or several were delivered.
    pub fn one_bytes(&mut self) -> Result<Vec<u8>> {
        match self.bytes.as_mut_slice() {
            [bytes] => Ok(std::mem::take(bytes)),
            all => Err(PluginError::internal(format!("delivered {} byte strings, expected 1", all.len()))),
        }
    }

    /// Notes that this was delivered, which no plugin may.
    pub fn invalid(&mut self, what: impl Into<String>) {
        self.invalid.get_or_insert(what.into());
    }

    /// Counts what is about to be copied; false when it is too much for one call.
    fn count(&mut self, n_bytes: usize) -> bool {
        self.n_bytes = self.n_bytes.saturating_add(n_bytes);
        let fits = self.n_bytes <= self.max_bytes;
        if !fits {
            self.invalid(format!("returned more than {} MiB (limits.output_mb)", self.max_bytes >> 20));
        }
        fits
    }

    /// # Safety
    /// `list` points to as many items as it says, or to nothing.
    pub unsafe fn list<T: Copy>(&mut self, list: List<T>) -> Vec<T> {
        let too_long = list.len.checked_mul(size_of::<T>()).is_none_or(|size| size > isize::MAX as usize);
        if too_long || (list.ptr.is_null() && list.len > 0) || !list.ptr.is_aligned() {
            self.invalid(format!("delivered a list of {} items at {:p}", list.len, list.ptr));
            return Vec::new();
        }
        if !self.count(list.len * size_of::<T>()) {
            return Vec::new();
        }
        // SAFETY: checked above as far as it can be, the rest is the caller's promise
        unsafe { list.as_slice() }.to_vec()
    }

    /// # Safety
    /// As for `list`.
    pub unsafe fn text(&mut self, text: Str) -> String {
        // SAFETY: the caller's promise
        String::from_utf8(unsafe { self.list(text) }).unwrap_or_else(|_| {
            self.invalid("delivered text that is not UTF-8");
            String::new()
        })
    }
}

/// The functions of an ability that fill the answer of the host with this context.
pub fn measures(context: *mut c_void) -> abi::Measures {
    abi::Measures { size: size_of::<abi::Measures>(), context, rule, values }
}

/// # Safety
/// `context` is that of a host made by [`Answer::host`] whose call has not returned.
pub unsafe fn answer<'a>(context: *mut c_void) -> &'a mut Answer {
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
        if answer.count(size_of_val(&bytes)) {
            answer.bytes.push(bytes);
        }
    }
}

unsafe extern "C" fn special(context: *mut c_void, name: Str, id: u32) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let special = SpecialToken { name: answer.text(name), id };
        if answer.count(size_of_val(&special)) {
            answer.specials.push(special);
        }
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
        if answer.count(size_of_val(&verdict)) {
            answer.verdicts.push(verdict);
        }
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

unsafe extern "C" fn rule(context: *mut c_void, reason: Str, setting: Str, bound: u32, limit: f64) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        let bound = match bound {
            0 => Bound::AtLeast,
            1 => Bound::AtMost,
            other => return answer.invalid(format!("delivered bound {other}, expected 0 or 1")),
        };
        let rule = Rule { reason: answer.text(reason), setting: answer.text(setting), bound, limit };
        if answer.count(size_of_val(&rule)) {
            answer.rules.push(rule);
        }
    }
}

unsafe extern "C" fn values(context: *mut c_void, values: List<f64>) {
    // SAFETY: as in `error`
    unsafe {
        let answer = answer(context);
        answer.values = Some(answer.list(values));
    }
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
        answer.log.write(level, &line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_delivered_is_checked() {
        let limits = Limits { output_mb: 1, ..Limits::default() };
        let mut answer = Answer::new(Log::new("p".into(), &limits), &limits);
        let host = answer.host();
        // SAFETY: the host is that of `answer`, and the lists are what a hostile plugin could pass without a crash
        unsafe {
            (host.special)(host.context, List::new(b"\xff"), 1);
            (host.bytes)(host.context, List { ptr: std::ptr::null(), len: 3 });
        }
        assert_eq!(answer.invalid.as_deref(), Some("delivered text that is not UTF-8"));
        assert_eq!(answer.bytes, [Vec::<u8>::new()]);
        answer.clear();
        assert_eq!(answer.one_bytes(), Err(PluginError::internal("delivered 0 byte strings, expected 1")));
        let half = vec![0; 1 << 19];
        // SAFETY: as above
        unsafe {
            (host.bytes)(host.context, List::new(&half));
            assert_eq!(answer.invalid, None);
            (host.bytes)(host.context, List::new(&half));
        }
        assert_eq!(answer.invalid.as_deref(), Some("returned more than 1 MiB (limits.output_mb)"));
    }
}
