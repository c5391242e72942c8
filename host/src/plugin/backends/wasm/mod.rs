//! WASM plugins: components in a sandbox with limits on time and memory.
//!
//! The functions are called with types of our own ([`types`]) instead of generated ones: one set serves all
//! worlds, and texts are lent to the sandbox without being copied first. wasmtime compares them with the component's.

mod address_space;
mod cache;
mod compile;
mod engine;
mod guest;
mod instance;
mod networks;
mod size;
mod state;
mod types;
mod wasi;

pub use cache::Cache;
#[cfg(unix)]
pub use compile::code;

use crate::plugin::call::Function;
use crate::plugin::checked::one_line;
use crate::plugin::config::PluginConfig;
use crate::plugin::file::PluginFile;
use crate::plugin::grant::Grant;
use crate::plugin::kinds;
use crate::plugin::limits::Limits;
use crate::plugin::seat::{Backend, Seat};
use crate::{Error, Result};
use engine::Shared;
use guest::Guest;
use instance::Sandboxed;
use state::State;
use std::path::Path;
use std::sync::Arc;
use trainyard_plugin::Setting;
use wasmtime::component::{InstancePre, Linker};

/// All that a plugin may import besides WASI; `types` and `networks` hold no functions.
const OWN_IMPORTS: [&str; 3] =
    ["trainyard:plugin/log@0.1.", "trainyard:plugin/types@0.1.", "trainyard:plugin/networks@0.1."];

/// A compiled component.
pub struct Module {
    shared: &'static Shared,
    pre: InstancePre<State>,
    /// The functions of its kind and abilities.
    functions: Vec<Function>,
    name: Arc<str>,
    limits: Limits,
    /// What a component may see that imports WASI; none for others.
    grants: Option<Vec<Grant>>,
}

impl Module {
    /// Compiles a component, or takes it from the cache, and checks what it wants from the host.
    ///
    /// # Errors
    /// A component that imports what no plugin may, or cannot be compiled or linked.
    pub fn compile(
        path: &Path,
        file: &PluginFile,
        imports: &[String],
        config: &PluginConfig,
        cache: &Cache,
    ) -> Result<Self> {
        let limits = config.limits;
        let wrong = |why: String| Error::plugin(format!("{}: {why}", path.display()));
        check_imports(imports).map_err(wrong)?;
        let shared = engine::shared(limits.call_ms > 0)?;
        let component =
            cache.component(&shared.engine, limits.call_ms > 0, &file.sha256, &file.bytes).map_err(|why| {
                match address_space::exhausted(&why) {
                    Some(why) => Error::usage(format!("{}: {why}", path.display())),
                    None => wrong(why),
                }
            })?;
        let mut linker = Linker::new(&shared.engine);
        let grants = imports_wasi(imports).then(|| config.allow.clone());
        let pre = state::add_to_linker(&mut linker)
            .and_then(|()| if grants.is_some() { wasi::add_to_linker(&mut linker) } else { Ok(()) })
            .and_then(|()| linker.instantiate_pre(&component))
            .map_err(|error| wrong(format!("cannot be linked: {}", one_line(&format!("{error:#}")))))?;
        let (functions, name) = (kinds::functions(&file.identity), file.identity.name.as_str().into());
        Ok(Self { shared, pre, functions, name, limits, grants })
    }
}

impl Backend for Module {
    fn name(&self) -> &'static str {
        "wasm"
    }

    /// A new instance, with a store of its own.
    fn seat(&self, settings: &[Setting]) -> trainyard_plugin::Result<Box<dyn Seat>> {
        let state = State::new(self.name.clone(), self.limits, self.grants.as_deref())?;
        let guest = Guest::create(self.shared, &self.pre, state, self.limits, settings)?;
        Ok(Box::new(Sandboxed::new(guest, &self.functions)?))
    }
}

/// Whether a component that imports this sees what a config grants.
pub fn imports_wasi(imports: &[String]) -> bool {
    imports.iter().any(|name| wasi::is_known(name))
}

fn check_imports(imports: &[String]) -> std::result::Result<(), String> {
    let allowed = |name: &str| OWN_IMPORTS.iter().any(|own| name.starts_with(own)) || wasi::is_known(name);
    let denied: Vec<_> = imports.iter().map(String::as_str).filter(|name| !allowed(name)).collect();
    match denied.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "imports {}, but a plugin may import only trainyard:plugin/log@0.1.2 and, of WASI 0.2, cli, clocks, \
             filesystem, io, random and sockets, which see an empty system; no grant opens more: build it without",
            denied.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_log_and_wasi_may_be_imported() {
        assert_eq!(check_imports(&["trainyard:plugin/log@0.1.0".into(), "trainyard:plugin/log@0.1.2".into()]), Ok(()));
        assert_eq!(check_imports(&["wasi:cli/environment@0.2.0".into()]), Ok(()));
        let denied = check_imports(&["trainyard:plugin/log@0.1.0".into(), "wasi:http/types@0.2.0".into()]);
        assert!(denied.is_err_and(|error| error.starts_with("imports wasi:http/types@0.2.0, but")));
    }
}
