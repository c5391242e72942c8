//! A filter, written against the C interface, that delivers what no Rust plugin can. It exists as a library only.
#![cfg(not(target_arch = "wasm32"))]

use std::ffi::c_void;
use std::ptr::{null, without_provenance};
use trainyard_plugin::abi::{
    FAILED, FilterTable, Header, Host, Instance, List, OK, PANICKED, Setting, Status, Str, VERSION, Verdict,
};
use trainyard_plugin::export::{join, length};

const PARTS: &[&str] = &[
    "trainyard-plugin\t1\nkind\tfilter\nname\thostile-abi\nversion\t0.1.0",
    trainyard_plugin::export::VERSIONS,
    "setting\tbehaviour\tString\t\"\"\twhat goes wrong\n",
];

#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = "trainyard_plugin"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,trainyard_plugin"))]
#[used]
static IDENTITY: [u8; length(PARTS)] = join(PARTS);

#[unsafe(export_name = "trainyard_plugin_v0_hostile_abi")]
static TABLE: FilterTable = FilterTable {
    header: Header {
        size: size_of::<FilterTable>(),
        version: VERSION,
        kind: 1,
        identity: List::new(&IDENTITY),
        create: Some(create),
        destroy: Some(destroy),
        ability: None,
    },
    two_pass: Some(two_pass),
    observe: Some(observe),
    state: Some(state),
    merge: None,
    judge: Some(judge),
};

fn bytes(text: &[u8]) -> Str {
    List::new(text)
}

unsafe extern "C" fn create(_host: *const Host, settings: List<Setting>, instance: *mut Instance) -> Status {
    // SAFETY: the host's settings
    let settings = unsafe { settings.as_slice() };
    // SAFETY: as above
    let text = settings.first().map(|setting| unsafe { setting.text.as_slice() }).unwrap_or_default();
    let behaviour = String::from_utf8_lossy(text).into_owned();
    // SAFETY: a place for the pointer
    unsafe { *instance = Box::into_raw(Box::new(behaviour)).cast() };
    OK
}

unsafe extern "C" fn destroy(instance: Instance) {
    // SAFETY: made by `create`
    drop(unsafe { Box::from_raw(instance.cast::<String>()) });
}

fn behaviour<'a>(instance: Instance) -> &'a str {
    // SAFETY: made by `create`
    unsafe { (*instance.cast::<String>()).as_str() }
}

unsafe extern "C" fn two_pass(instance: Instance, host: *const Host) -> Status {
    let needs_state = ["null-function", "two-states", "no-state"].contains(&behaviour(instance));
    // SAFETY: the host lives during the call
    unsafe { ((*host).number)((*host).context, f64::from(u8::from(needs_state))) };
    OK
}

unsafe extern "C" fn observe(_instance: Instance, _host: *const Host, _documents: List<Str>) -> Status {
    OK
}

unsafe extern "C" fn state(instance: Instance, host: *const Host) -> Status {
    let n_states = match behaviour(instance) {
        "two-states" => 2,
        "no-state" => 0,
        _ => 1,
    };
    for _ in 0..n_states {
        // SAFETY: the host lives during the call
        unsafe { ((*host).bytes)((*host).context, bytes(b"state")) };
    }
    OK
}

unsafe extern "C" fn judge(instance: Instance, host: *const Host, documents: List<Str>) -> Status {
    // SAFETY: the host lives during the call
    let (host, context): (&Host, *mut c_void) = unsafe { (&*host, (*host).context) };
    let error = |kind: u32, message: &[u8]| {
        // SAFETY: the host lives during the call
        unsafe { (host.error)(context, kind, bytes(message)) };
    };
    let mut verdict = Verdict {
        keep: 1,
        has_score: 0,
        has_text: 0,
        score: 0.0,
        reason: bytes(b""),
        text: bytes(b""),
        spans: List::new(&[]),
    };
    match behaviour(instance) {
        "utf8" => verdict.reason = bytes(b"\xff\xfe"),
        "utf8-text" => (verdict.has_text, verdict.text) = (1, bytes(b"\xc3")),
        "null-list" => verdict.spans = List { ptr: null(), len: 3 },
        "misaligned-list" => verdict.spans = List { ptr: without_provenance(1), len: 3 },
        "long-list" => verdict.spans = List { ptr: without_provenance(8), len: usize::MAX / 4 },
        "larger-than-memory" => verdict.reason = List { ptr: b"".as_ptr(), len: isize::MAX as usize },
        "null-verdict" => {
            // SAFETY: none, null is what is to be delivered
            unsafe { (host.verdict)(context, null()) };
            return OK;
        }
        "nothing-delivered" => return OK,
        "status" => return 7,
        "failed-in-silence" => return FAILED,
        "panicked-in-silence" => return PANICKED,
        "error-utf8" => {
            error(1, b"\xff");
            return FAILED;
        }
        "error-kind" => {
            error(99, b"of no kind");
            return FAILED;
        }
        "two-errors" => {
            error(1, b"the first");
            error(1, b"the second");
            return FAILED;
        }
        "error-but-ok" => error(1, b"not meant"),
        _ => {}
    }
    for _ in 0..documents.len {
        // SAFETY: the verdict lives during the call
        unsafe { (host.verdict)(context, &verdict) };
    }
    OK
}
