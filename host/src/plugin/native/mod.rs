//! Native plugins: dynamic libraries that run in this process with all its rights. See [`trainyard_plugin::abi`].

mod answer;
mod float;
mod instance;
mod kinds;
mod private;

use super::file::{PluginFile, other_version};
use super::instance::Instance;
use super::limits::Limits;
use super::log::Log;
use crate::{Error, Result};
use answer::Answer;
use instance::Live;
use libloading::Symbol;
use private::PrivateCopy;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use trainyard_plugin::{Identity, Kind, MEASURES, Setting, abi};

/// A loaded library's table. A library is never unloaded, so it lives as long as the process.
#[derive(Clone, Copy)]
enum Table {
    Tokenizer(&'static abi::TokenizerTable),
    Filter(&'static abi::FilterTable, Option<&'static abi::MeasuresTable>),
    Loss(&'static abi::LossTable),
    Metric(&'static abi::MetricTable),
    TextMetric(&'static abi::TextMetricTable),
}

/// A loaded library.
pub struct Library {
    table: Table,
    header: &'static abi::Header,
    name: Arc<str>,
    limits: Limits,
}

impl Library {
    /// Loads the library, from the bytes that were checked, and finds its table. From here on its code runs:
    /// initialisers first, and nothing holds it back.
    ///
    /// # Errors
    /// A library that cannot be loaded, or whose table is not the one that its section announces.
    pub fn load(path: &Path, symbol: &str, file: &PluginFile, limits: Limits) -> Result<Self> {
        let identity = &file.identity;
        let wrong = |why: String| Error::plugin(format!("{}: {why}", path.display()));
        let address = load_once(path, symbol, file).map_err(|why| wrong(format!("cannot be loaded: {why}")))?;
        // SAFETY: the symbol's name says that it is a table of this version, and every table begins with a header
        let header: &'static abi::Header = unsafe { &*address.cast() };
        check_header(header, identity).map_err(wrong)?;
        // SAFETY: the static's identity is as constant as the table
        let loaded = unsafe { header.identity.as_slice() };
        if std::str::from_utf8(loaded).ok().and_then(|text| Identity::parse(text).ok()).as_ref() != Some(identity) {
            return Err(wrong("its table has another identity than its section; build it again".into()));
        }
        // SAFETY: `check_header` compared kind and size
        let table = unsafe {
            match identity.kind {
                Kind::Tokenizer => Table::Tokenizer(&*address.cast()),
                Kind::Filter => Table::Filter(&*address.cast(), measures_table(header, identity).map_err(wrong)?),
                Kind::Loss => Table::Loss(&*address.cast()),
                Kind::Metric => Table::Metric(&*address.cast()),
                Kind::TextMetric => Table::TextMetric(&*address.cast()),
            }
        };
        Ok(Self { table, header, name: identity.name.as_str().into(), limits })
    }

    /// A new instance.
    pub fn create(&self, settings: &[Setting]) -> trainyard_plugin::Result<Instance> {
        let answer = Answer::new(Log::new(self.name.clone(), &self.limits), &self.limits);
        let live = Live::create(self.header, settings, answer)?;
        kinds::instance(self.table, live)
    }
}

/// Where the table of a loaded library is.
#[derive(Clone, Copy)]
struct Address(*const u8);

// SAFETY: it points to a constant of a library that is never unloaded
unsafe impl Send for Address {}

/// Loads a library, unless one of the same bytes was loaded before: as with the system's own loader, a library is in a
/// process once, however often it is opened.
fn load_once(path: &Path, symbol: &str, file: &PluginFile) -> std::result::Result<*const u8, String> {
    static LOADED: Mutex<BTreeMap<String, Address>> = Mutex::new(BTreeMap::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(&Address(address)) = loaded.get(&file.sha256) {
        return Ok(address);
    }
    let mut why = String::new();
    for &way in PrivateCopy::ways(&file.bytes) {
        let copy = match PrivateCopy::new(way, path, &file.bytes) {
            Ok(copy) => copy,
            Err(error) => {
                why = format!("no copy of it can be made: {error}");
                continue;
            }
        };
        // the user knows the file, not the copy
        let known = |why: String| why.replace(&*copy.path().to_string_lossy(), &path.to_string_lossy());
        let address = match load_symbol(copy.path(), symbol) {
            Ok(address) => address,
            Err(error) => {
                why = known(error.to_string());
                continue;
            }
        };
        if !copy.keep(&file.bytes) {
            return Err("the file was replaced while it was loaded; start again".into());
        }
        loaded.insert(file.sha256.clone(), Address(address));
        return Ok(address);
    }
    Err(why)
}

fn load_symbol(path: &Path, symbol: &str) -> std::result::Result<*const u8, libloading::Error> {
    // SAFETY: the config trusts this file (`trust = "native"`), so running its initialisers is what the user asked for
    let library = float::kept(|| unsafe { open(path) })?;
    // SAFETY: only the address is taken; what lies there is checked before use
    let address = unsafe {
        let symbol: Symbol<'_, *const u8> = library.get(symbol)?;
        *symbol
    };
    // never unloaded: threads and thread-local destructors of the library may outlive any use of it
    std::mem::forget(library);
    Ok(address)
}

/// # Safety
/// The library's initialisers run.
#[cfg(unix)]
unsafe fn open(path: &Path) -> std::result::Result<libloading::Library, libloading::Error> {
    use libloading::os::unix;
    // all symbols at once, and none of them visible to other libraries
    // SAFETY: the caller's promise
    unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_LOCAL).map(Into::into) }
}

/// # Safety
/// The library's initialisers run.
#[cfg(not(unix))]
unsafe fn open(path: &Path) -> std::result::Result<libloading::Library, libloading::Error> {
    // SAFETY: the caller's promise
    unsafe { libloading::Library::new(path) }
}

/// The functions of the ability `measures`, when the identity lists it.
fn measures_table(
    header: &abi::Header,
    identity: &Identity,
) -> std::result::Result<Option<&'static abi::MeasuresTable>, String> {
    if !identity.has(MEASURES) {
        return Ok(None);
    }
    let name = abi::List::new(MEASURES.as_bytes());
    // SAFETY: the contract of `Header::ability`; the name lives until the call returns
    let table = header.ability.map(|ability| float::kept(|| unsafe { ability(name) })).unwrap_or(std::ptr::null());
    // SAFETY: what is handed out for this name is such a table, as constant as the one that it belongs to
    let Some(table) = (unsafe { table.cast::<abi::MeasuresTable>().as_ref() }) else {
        return Err(format!("its identity lists the ability {MEASURES}, but it hands out no functions for it"));
    };
    // a newer plugin's table may be longer
    match table.size < size_of::<abi::MeasuresTable>() {
        true => Err(format!(
            "hands out {} bytes of functions for the ability {MEASURES}, expected {} or more",
            table.size,
            size_of::<abi::MeasuresTable>()
        )),
        false => Ok(Some(table)),
    }
}

fn check_header(header: &abi::Header, identity: &Identity) -> std::result::Result<(), String> {
    let kind = identity.kind;
    if header.version != abi::VERSION {
        let (built, supported) = (format!("native tables of version {}", header.version), abi::VERSION.to_string());
        return Err(other_version(identity, &built, &supported, header.version > abi::VERSION));
    }
    let (number, size) = match kind {
        Kind::Tokenizer => (0, size_of::<abi::TokenizerTable>()),
        Kind::Filter => (1, size_of::<abi::FilterTable>()),
        Kind::Loss => (2, size_of::<abi::LossTable>()),
        Kind::Metric => (3, size_of::<abi::MetricTable>()),
        Kind::TextMetric => (4, size_of::<abi::TextMetricTable>()),
    };
    if header.kind != number {
        return Err(format!("has a table of kind {}, but its identity says {kind} ({number})", header.kind));
    }
    // a newer plugin's table may be longer: structs grow at their end
    if header.size < size {
        let (built, supported) = (format!("a {kind}'s table of {} bytes", header.size), format!("{size} or more"));
        return Err(other_version(identity, &built, &supported, false));
    }
    Ok(())
}
