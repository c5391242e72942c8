//! The native form of the contract: C structs, version 0. It says what `wit/plugin.wit` says; a plugin in C needs only
//! this page.
//!
//! **One symbol.** A library exports one constant, named `trainyard_plugin_v0_` and any ending: a [`TokenizerTable`],
//! [`FilterTable`], [`LossTable`], [`MetricTable`], [`TextMetricTable`] or [`ModelTable`]. Each begins with a
//! [`Header`] that tells which. The library also carries its identity ([`crate::Identity`]) in the section
//! [`crate::SECTION`], which the host reads before it loads anything.
//!
//! **Growth.** Structs only grow at their end, and a table says its size, so that old plugins load in new hosts. What
//! cannot be said that way gets another symbol, `trainyard_plugin_v1_…`.
//!
//! **Ownership.** Nothing is freed across the boundary. Arguments belong to the host and are valid until the call
//! returns. Results are handed to the host's functions in [`Host`], which copy them; what they are given belongs to the
//! plugin and need only be valid until they return.
//!
//! **Order and threads.** `create` first; the other functions only with an instance that it made; `destroy` last, once.
//! Calls on one instance never overlap but may come from different threads; calls on different instances may overlap.
//! Further rules of order are those of the traits ([`crate::Tokenizer`] and so on).
//!
//! **Failure.** A function returns [`OK`] after it delivered its results, or delivers [`Host::error`] and returns
//! [`FAILED`]. After [`PANICKED`] the host calls only `destroy`. No function may unwind or `longjmp` into the host, or
//! start threads that outlive its call. A library is never unloaded.

mod answer;
mod networks;
#[doc(hidden)]
pub mod tables;

pub use networks::{Head, Layer, ModelTable, Network, Networks, Parameter, SettingsCall, Size, SizesCall};
#[doc(hidden)]
pub use networks::{lend, texts_of};

use std::ffi::c_void;

/// Version of the structs on this page.
pub const VERSION: u32 = 0;

/// How the name of the one exported symbol begins.
pub const SYMBOL_PREFIX: &str = "trainyard_plugin_v0_";

/// What a function of a plugin returns: [`OK`], [`FAILED`] or [`PANICKED`].
pub type Status = u32;
/// All results were delivered.
pub const OK: Status = 0;
/// [`Host::error`] was called.
pub const FAILED: Status = 1;
/// [`Host::error`] was called, and the instance cannot be used any more.
pub const PANICKED: Status = 2;

/// An instance: a pointer that only the plugin looks behind.
pub type Instance = *mut c_void;

/// `len` items from `ptr` on. `ptr` may be null when `len` is 0.
#[repr(C)]
#[derive(Debug)]
pub struct List<T> {
    /// The first item.
    pub ptr: *const T,
    /// How many there are.
    pub len: usize,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<T> {}

/// Text in UTF-8, or bytes; no zero at the end.
pub type Str = List<u8>;

impl<T> List<T> {
    /// The items of `slice`, for as long as it lives.
    pub const fn new(slice: &[T]) -> Self {
        Self { ptr: slice.as_ptr(), len: slice.len() }
    }

    /// The items.
    ///
    /// # Safety
    /// `ptr` is null with `len` 0, or points to `len` items that live and do not change for `'a`.
    pub unsafe fn as_slice<'a>(self) -> &'a [T] {
        match self.ptr.is_null() {
            true => &[],
            // SAFETY: the caller's promise
            false => unsafe { std::slice::from_raw_parts(self.ptr, self.len) },
        }
    }
}

/// One setting. `tag` says which field holds the value: 0 and 1 `integer` (boolean, integer), 2 `number`, 3 `text`,
/// 4 `numbers`, 5 `texts`; the other fields are zero.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub key: Str,
    /// Which field holds the value.
    pub tag: u32,
    /// A whole number, or 0 for false and 1 for true.
    pub integer: i64,
    /// Any number.
    pub number: f64,
    /// Text.
    pub text: Str,
    /// A list of numbers.
    pub numbers: List<f64>,
    /// A list of texts.
    pub texts: List<Str>,
}

/// Several sequences of token ids, as in [`crate::TokenBatch`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct TokenBatch {
    /// All ids.
    pub ids: List<u32>,
    /// End of each sequence in `ids`.
    pub ends: List<u32>,
}

/// What a filter says of one document, as in [`crate::Verdict`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// 1 when the document stays, 0 when it goes.
    pub keep: u32,
    /// 1 when `score` holds a value.
    pub has_score: u32,
    /// 1 when `text` holds the document rewritten.
    pub has_text: u32,
    /// The value that was compared with the threshold.
    pub score: f64,
    /// A stable code; empty when nothing is to be said.
    pub reason: Str,
    /// The document rewritten.
    pub text: Str,
    /// Pairs of start and end, in bytes of the document.
    pub spans: List<[u32; 2]>,
}

/// One node of a graph, as in [`crate::Node`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// A name from the op set.
    pub op: Str,
    /// Earlier nodes.
    pub inputs: List<u32>,
    /// Constants.
    pub attributes: List<f64>,
}

/// A named quantity of a graph, as in [`crate::Output`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The name in logs.
    pub name: Str,
    /// A node of scalar type.
    pub sum: u32,
    /// A node of scalar type.
    pub weight: u32,
}

/// A generated text and the texts it is compared with.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct TextPair {
    /// What the model wrote.
    pub hypothesis: Str,
    /// What it might have written.
    pub references: List<Str>,
}

/// A pair, and what the model was given, as in [`crate::PromptedPair`].
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PromptedPair {
    /// What the model was given.
    pub prompt: Str,
    /// What it wrote, and what that is compared with.
    pub pair: TextPair,
}

/// Where a plugin delivers its results; valid until the call returns. Every function takes `context` first and copies
/// what it is given. None of them may be called after the plugin's function has returned.
#[repr(C)]
#[derive(Debug)]
pub struct Host {
    /// Size of this struct in bytes.
    pub size: usize,
    /// To be passed to every function below.
    pub context: *mut c_void,
    /// Why the call failed: kind (0 config, 1 input, 2 state, 3 unsupported, 4 internal) and one line of text. At most
    /// once.
    pub error: unsafe extern "C" fn(*mut c_void, u32, Str),
    /// Bytes: once for `train`, `state` and `signature`; for `decode` once per sequence, for `vocabulary` once per
    /// token, in order.
    pub bytes: unsafe extern "C" fn(*mut c_void, Str),
    /// A special token: name and id. For `vocabulary`.
    pub special: unsafe extern "C" fn(*mut c_void, Str, u32),
    /// All sequences. Once, for `encode`.
    pub tokens: unsafe extern "C" fn(*mut c_void, TokenBatch),
    /// One verdict. For `judge`, once per document, in order.
    pub verdict: unsafe extern "C" fn(*mut c_void, *const Verdict),
    /// A whole graph: op set, nodes, outputs. Once, for `describe`.
    pub graph: unsafe extern "C" fn(*mut c_void, u32, List<Node>, List<Output>),
    /// Unit, direction (0 lower is better, 1 higher is better) and aggregation. Once, for `info`.
    pub info: unsafe extern "C" fn(*mut c_void, Str, u32, Str),
    /// A number. Once, for `value`; for `two_pass` 1 or 0.
    pub number: unsafe extern "C" fn(*mut c_void, f64),
    /// A line for the log: level (0 error, 1 warn, 2 info, 3 debug) and text. At any time, any number of times.
    pub log: unsafe extern "C" fn(*mut c_void, u32, Str),
}

/// A function without arguments of its own.
pub type Call = Option<unsafe extern "C" fn(Instance, *const Host) -> Status>;
/// A function that takes texts: valid UTF-8.
pub type TextsCall = Option<unsafe extern "C" fn(Instance, *const Host, List<Str>) -> Status>;
/// A function that takes bytes.
pub type BytesCall = Option<unsafe extern "C" fn(Instance, *const Host, Str) -> Status>;

/// How every table begins. No function but `ability` may be null.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    /// Size of the whole table in bytes.
    pub size: usize,
    /// [`VERSION`].
    pub version: u32,
    /// Which table this is: 0 tokenizer, 1 filter, 2 loss, 3 metric, 4 text metric, 5 model.
    pub kind: u32,
    /// The text in the section [`crate::SECTION`]. Being referred to here, no linker drops it.
    pub identity: Str,
    /// Makes an instance from settings and stores it through the last argument, which it leaves alone when it fails.
    pub create: Option<unsafe extern "C" fn(*const Host, List<Setting>, *mut Instance) -> Status>,
    /// Frees an instance. It cannot fail.
    pub destroy: Option<unsafe extern "C" fn(Instance)>,
    /// The functions of an optional ability by its name, null for a name that the plugin does not know: how a contract
    /// grows beyond its tables. May be null itself. A host asks for those that the identity lists and that it knows:
    /// `measures` is a [`MeasuresTable`], `prompts` a [`PromptsTable`], `signature` a [`SignatureTable`].
    pub ability: Option<unsafe extern "C" fn(Str) -> *const c_void>,
}

// SAFETY: a header is constant, and what it points to is constant too
unsafe impl Sync for Header {}

/// Functions of a tokenizer, see [`crate::Tokenizer`].
#[repr(C)]
#[derive(Debug)]
pub struct TokenizerTable {
    /// Kind 0.
    pub header: Header,
    /// Takes training text.
    pub observe: TextsCall,
    /// Delivers the model through [`Host::bytes`].
    pub train: Call,
    /// Takes the bytes that `train` delivered.
    pub load: BytesCall,
    /// Delivers [`Host::bytes`] per token and [`Host::special`] per special token.
    pub vocabulary: Call,
    /// Delivers [`Host::tokens`].
    pub encode: TextsCall,
    /// Delivers [`Host::bytes`] per sequence.
    pub decode: Option<unsafe extern "C" fn(Instance, *const Host, TokenBatch) -> Status>,
}

/// Functions of a filter, see [`crate::Filter`].
#[repr(C)]
#[derive(Debug)]
pub struct FilterTable {
    /// Kind 1.
    pub header: Header,
    /// Delivers 1 or 0 through [`Host::number`]: whether the corpus must be observed first.
    pub two_pass: Call,
    /// Takes documents of the first pass.
    pub observe: TextsCall,
    /// Delivers what was observed through [`Host::bytes`].
    pub state: Call,
    /// Takes the bytes that another instance's `state` delivered.
    pub merge: BytesCall,
    /// Delivers [`Host::verdict`] per document.
    pub judge: TextsCall,
}

/// Functions of a filter's ability `measures`, see [`crate::Filter::rules`]. It grows only at its end.
#[repr(C)]
#[derive(Debug)]
pub struct MeasuresTable {
    /// Size of the whole table in bytes.
    pub size: usize,
    /// Delivers [`Measures::rule`] per rule.
    pub rules: Option<unsafe extern "C" fn(Instance, *const Host, *const Measures) -> Status>,
    /// Takes documents, delivers [`Measures::values`].
    pub measure: Option<unsafe extern "C" fn(Instance, *const Host, List<Str>, *const Measures) -> Status>,
}

/// Where the functions of a [`MeasuresTable`] deliver what [`Host`] has no function for. It grows only at its end.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Measures {
    /// Size of the whole struct in bytes.
    pub size: usize,
    /// To be passed to every function below.
    pub context: *mut c_void,
    /// Reason, setting, bound (0 at least, 1 at most) and limit. For `rules`, once per rule, in order.
    pub rule: unsafe extern "C" fn(*mut c_void, Str, Str, u32, f64),
    /// What the rules compare, one document after the other. Once, for `measure`.
    pub values: unsafe extern "C" fn(*mut c_void, List<f64>),
}

/// Functions of a loss, see [`crate::Loss`].
#[repr(C)]
#[derive(Debug)]
pub struct LossTable {
    /// Kind 2.
    pub header: Header,
    /// Delivers [`Host::graph`].
    pub describe: Call,
}

/// Functions of a metric, see [`crate::Metric`].
#[repr(C)]
#[derive(Debug)]
pub struct MetricTable {
    /// Kind 3.
    pub header: Header,
    /// Delivers [`Host::info`].
    pub info: Call,
    /// Delivers [`Host::graph`].
    pub describe: Call,
}

/// Functions of a text metric, see [`crate::TextMetric`].
#[repr(C)]
#[derive(Debug)]
pub struct TextMetricTable {
    /// Kind 4.
    pub header: Header,
    /// Delivers [`Host::info`].
    pub info: Call,
    /// Takes generated texts.
    pub update: Option<unsafe extern "C" fn(Instance, *const Host, List<TextPair>) -> Status>,
    /// Delivers what was counted through [`Host::bytes`].
    pub state: Call,
    /// Takes the bytes that another instance's `state` delivered.
    pub merge: BytesCall,
    /// Delivers [`Host::number`].
    pub value: Call,
}

/// The function of a text metric's ability `prompts`, see [`crate::TextMetric::update_prompted`]. It grows only at its
/// end.
#[repr(C)]
#[derive(Debug)]
pub struct PromptsTable {
    /// Size of the whole table in bytes.
    pub size: usize,
    /// Takes generated texts with their prompts, in place of [`TextMetricTable::update`].
    pub update: Option<unsafe extern "C" fn(Instance, *const Host, List<PromptedPair>) -> Status>,
}

/// The function of a text metric's ability `signature`, see [`crate::TextMetric::signature`]. It grows only at its end.
#[repr(C)]
#[derive(Debug)]
pub struct SignatureTable {
    /// Size of the whole table in bytes.
    pub size: usize,
    /// Delivers the signature, in UTF-8, through [`Host::bytes`].
    pub signature: Call,
}
