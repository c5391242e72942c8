//! Native plugins: dynamic libraries that run in this process with all its rights. See [`trainyard_plugin::abi`].

mod answer;
mod float;
mod instance;
mod networks;
mod private;
mod seat;
mod tables;

use crate::plugin::file::PluginFile;
use crate::plugin::limits::Limits;
use crate::plugin::log::Log;
use crate::plugin::seat::{Backend, Seat};
use crate::{Error, Result};
use answer::Answer;
use instance::Live;
use libloading::Symbol;
use private::PrivateCopy;
use seat::Native;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tables::Functions;
use trainyard_plugin::{Setting, abi};

/// A loaded library.
pub struct Library {
    /// A library is never unloaded, so they live as long as the process.
    functions: Functions,
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
        // SAFETY: the symbol's name says that a table lies there, and the library is never unloaded
        let (header, functions) = unsafe { tables::load(address, identity) }.map_err(wrong)?;
        Ok(Self { functions, header, name: identity.name.as_str().into(), limits })
    }
}

impl Backend for Library {
    fn name(&self) -> &'static str {
        "native"
    }

    fn seat(&self, settings: &[Setting]) -> trainyard_plugin::Result<Box<dyn Seat>> {
        let answer = Answer::new(Log::new(self.name.clone(), &self.limits), &self.limits);
        let live = Live::create(self.header, settings, answer)?;
        Ok(Box::new(Native { functions: self.functions, live }))
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
