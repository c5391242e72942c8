//! Finds the plugin that a config names, and checks it before any of its code runs.

use super::backends::builtin::{self, Linked};
use super::backends::native;
use super::backends::wasm::{self, Cache};
use super::file::{Form, PluginFile, check_contract};
use super::kinds::{self, Entry};
use super::seat::Backend;
use super::{Isolation, OnError, Plugin, PluginConfig, Trust};
use crate::settings::did_you_mean;
use crate::{Error, Result};
use std::env::consts::ARCH;
use std::path::Path;
use std::sync::Arc;
use trainyard_plugin::{Builtin, Identity, Kind};

impl Plugin {
    /// A plugin that is linked into this program, whether or not it is one of the built-ins.
    ///
    /// # Errors
    /// Settings that are not flat, and a policy that its kind does not allow.
    pub fn linked(builtin: &'static Builtin, config: &PluginConfig) -> Result<Self> {
        let wrong = |why| Error::plugin(format!("plugin {:?}: {why}", config.plugin));
        let identity = Identity::parse(builtin.identity).map_err(wrong)?;
        check_policy(&identity, kinds::entry(identity.kind), config)?;
        if !config.allow.is_empty() {
            warn_of_grants(&identity, "it is a part of this program and opens what it needs itself");
        }
        Self::new(identity, String::new(), Arc::new(Linked(builtin)), config)
    }

    /// Opens the plugin that `config` names: it must be one of this kind, for this host's contract, with the pinned
    /// digest if there is one, and trusted if it is native.
    ///
    /// # Errors
    /// A plugin that cannot be read, is of another kind or contract, or is not allowed by the config.
    pub fn open(config: &PluginConfig, kind: Kind) -> Result<Self> {
        Self::open_any(config, &[kind])
    }

    /// The same for a place in the config that takes several kinds, such as metrics.
    ///
    /// # Errors
    /// As for [`Plugin::open`].
    pub fn open_any(config: &PluginConfig, kinds: &[Kind]) -> Result<Self> {
        Self::open_with(config, kinds, &Cache::user())
    }

    /// The same with the bytes of the file, which were checked before.
    #[cfg(unix)]
    pub(super) fn open_bytes(config: &PluginConfig, bytes: Vec<u8>, kinds: &[Kind]) -> Result<Self> {
        let file = PluginFile::parse(Path::new(&config.plugin), bytes)?;
        open_file(config, file, kinds, &Cache::user())
    }

    /// The same with another cache of compiled components than the user's.
    pub(crate) fn open_with(config: &PluginConfig, kinds: &[Kind], cache: &Cache) -> Result<Self> {
        match is_file(&config.plugin) {
            true => {
                let file = PluginFile::read(Path::new(&config.plugin))?;
                check_grants(&file, config);
                open_file(config, file, kinds, cache)
            }
            false => open_builtin(config, kinds),
        }
    }
}

/// Whether a config's `plugin` is a file and not a built-in's name.
pub fn is_file(plugin: &str) -> bool {
    let library = [".wasm", ".so", ".dylib", ".dll"].iter().any(|ending| plugin.ends_with(ending));
    library || plugin.contains(std::path::is_separator)
}

fn open_builtin(config: &PluginConfig, kinds: &[Kind]) -> Result<Plugin> {
    let name = &config.plugin;
    let Some((identity, builtin)) = builtin::identities().find(|(identity, _)| identity.name == *name) else {
        return Err(unknown_builtin(name, kinds));
    };
    if !kinds.contains(&identity.kind) {
        return Err(Error::usage(format!("plugin {name:?} is a {}, expected a {}", identity.kind, either(kinds))));
    }
    if config.sha256.is_some() {
        return Err(Error::usage(format!(
            "plugin {name:?}: sha256 is for files, a built-in has none; remove the line"
        )));
    }
    Plugin::linked(builtin, config)
}

fn unknown_builtin(name: &str, kinds: &[Kind]) -> Error {
    let known = builtin::identities().map(|(identity, _)| identity).filter(|identity| kinds.contains(&identity.kind));
    let names: Vec<_> = known.map(|identity| identity.name).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    Error::usage(format!(
        "plugin {name:?}: no built-in {} has this name (a file's ends in .wasm or .so, or holds a \"/\"); {}",
        either(kinds),
        did_you_mean(name, &names)
    ))
}

/// Holds a config to what the kind of a plugin in a file is ready for. A built-in of a draft kind changes with the
/// host.
fn check_kind(identity: &Identity, entry: &Entry, config: &PluginConfig) -> Result<()> {
    match (entry.frozen_in, config.draft) {
        (None, false) => {
            return Err(Error::usage(format!(
                "plugin {:?} is a {}, a kind that is still a draft: it may load in no other version of trainyard; to use \
                 it in this one, add draft = true next to plugin = …",
                identity.name, identity.kind
            )));
        }
        (Some((major, minor)), true) => tracing::warn!(
            "plugin {:?}: draft = true has no effect: the kind {} is frozen since contract {major}.{minor}; remove the line",
            identity.name,
            identity.kind
        ),
        _ => {}
    }
    check_policy(identity, entry, config)
}

fn check_policy(identity: &Identity, entry: &Entry, config: &PluginConfig) -> Result<()> {
    match (config.on_error, &entry.skip) {
        (OnError::Skip, None) => Err(Error::usage(format!(
            "plugin {:?} is a {}, which describes itself once: on_error = \"skip\" is for filters, tokenizers and text \
             metrics, expected \"abort\" or \"restart\"",
            identity.name, identity.kind
        ))),
        _ => Ok(()),
    }
}

/// The kinds in a message: `loss or metric`.
fn either(kinds: &[Kind]) -> String {
    kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(" or ")
}

fn open_file(config: &PluginConfig, file: PluginFile, kinds: &[Kind], cache: &Cache) -> Result<Plugin> {
    let path = Path::new(&config.plugin);
    check_contract(path, &file.identity)?;
    if !kinds.contains(&file.identity.kind) {
        return Err(Error::usage(format!(
            "{}: plugin {:?} is a {}, expected a {}",
            path.display(),
            file.identity.name,
            file.identity.kind,
            either(kinds)
        )));
    }
    check_kind(&file.identity, kinds::entry(file.identity.kind), config)?;
    if let Some(pinned) = config.sha256.as_ref().filter(|pinned| **pinned != file.sha256) {
        return Err(Error::plugin(format!(
            "{}: has sha256 {}, the config pins {pinned}; put back the pinned file, or change the line if you trust \
             this one",
            path.display(),
            file.sha256
        )));
    }
    let backend: Arc<dyn Backend> = match &file.form {
        Form::Library { .. } if config.trust != Some(Trust::Native) => {
            return Err(Error::usage(format!(
                "{}: plugin {:?} is native code and would run with all your rights; if you trust it, add \
                 trust = \"native\" beside plugin = …, or use its .wasm form",
                path.display(),
                file.identity.name
            )));
        }
        Form::Library { machine, .. } if *machine != ARCH => {
            return Err(Error::plugin(format!(
                "{}: plugin {:?} is built for {machine}, this machine is {ARCH}; build it here, or use its .wasm form",
                path.display(),
                file.identity.name
            )));
        }
        _ if config.isolation == Some(Isolation::Process) => isolated(&file, config)?,
        Form::Component { imports } => Arc::new(wasm::Module::compile(path, &file, imports, config, cache)?),
        Form::Library { symbol, .. } => Arc::new(native::Library::load(path, symbol, &file, config.limits)?),
    };
    Plugin::new(file.identity, file.sha256, backend, config)
}

/// Warns when no plugin sees what the config opens.
fn check_grants(file: &PluginFile, config: &PluginConfig) {
    let why = match &file.form {
        _ if config.allow.is_empty() => return,
        Form::Component { imports } if wasm::imports_wasi(imports) => return,
        Form::Component { .. } => "it imports nothing of WASI, through which it would see it",
        // a process of its own may be closed where this one is open
        Form::Library { .. } if config.isolation.is_some() => return,
        Form::Library { .. } => "it is native code, which runs with all your rights",
    };
    warn_of_grants(&file.identity, why);
}

fn warn_of_grants(identity: &Identity, why: &str) {
    tracing::warn!("plugin {:?}: allow has no effect: {why}; remove the line", identity.name);
}

#[cfg(unix)]
fn isolated(file: &PluginFile, config: &PluginConfig) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(super::backends::process::Isolated::new(file, config)?))
}

#[cfg(not(unix))]
fn isolated(file: &PluginFile, _config: &PluginConfig) -> Result<Arc<dyn Backend>> {
    Err(Error::usage(format!("plugin {:?}: isolation needs a Unix system; remove the line", file.identity.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_load_only_where_the_config_allows_it() {
        let text = "trainyard-plugin\t1\nkind\tloss\nname\tp\nversion\t1.0.0\ncontract\t0.1\nsdk\t0.1.0\n";
        let identity = Identity::parse(text).expect("it has every line");
        let draft = Entry { frozen_in: None, ..*kinds::entry(Kind::Loss) };
        let mut config = PluginConfig::new("p");
        assert!(check_kind(&identity, kinds::entry(Kind::Loss), &config).is_ok());
        let error = check_kind(&identity, &draft, &config).expect_err("nobody allowed it");
        let expected = "plugin \"p\" is a loss, a kind that is still a draft: it may load in no other version of \
                        trainyard; to use it in this one, add draft = true next to plugin = …";
        assert_eq!((error.exit_code(), error.to_string().as_str()), (2, expected));
        config.draft = true;
        assert!(check_kind(&identity, &draft, &config).is_ok());
    }
}
