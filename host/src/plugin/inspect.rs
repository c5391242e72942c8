//! What a plugin's file says of itself, read without running any of it.

use super::backends::builtin;
use super::file::{Form, PluginFile};
use super::{Limits, kinds, open};
use crate::base::clean;
use crate::{Error, Result};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use trainyard_plugin::Identity;

/// What `trainyard plugin inspect` shows. Also of a plugin that this host cannot load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The file, or the built-in's name.
    pub plugin: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The name of its kind, such as `filter`.
    pub kind: String,
    /// `frozen`: plugins of the kind load in every host of their contract. `draft`: the kind still changes.
    pub stability: &'static str,
    /// What it does.
    pub description: String,
    /// An SPDX expression.
    pub license: String,
    /// The contract it was built for: major.minor.
    pub contract: String,
    /// The version of the SDK it was built with.
    pub sdk: String,
    /// `builtin`, `wasm` or `native`.
    pub backend: &'static str,
    /// What a component wants from the host.
    pub imports: Vec<String>,
    /// Size of the file; 0 for a built-in.
    pub size_bytes: usize,
    /// Digest of the file, in lower-case hexadecimal; empty for a built-in.
    pub sha256: String,
    /// What it promises beyond its kind, by name.
    pub abilities: Vec<String>,
    /// What can be set under `config`.
    pub settings: Vec<InspectedSetting>,
    /// What it may use unless the config says otherwise; null for a built-in, which runs as a part of the host.
    pub limits: Option<Limits>,
}

/// One setting of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectedSetting {
    /// Its name.
    pub name: String,
    /// Its type in Rust.
    #[serde(rename = "type")]
    pub value_type: String,
    /// Its default, as written in the source.
    pub default: String,
    /// What it means.
    pub doc: String,
}

/// Reads who a plugin is, from its file or as the built-in with this name, without running it.
///
/// # Errors
/// A name that is neither a file nor a built-in, and a file that is no plugin.
pub fn inspect(plugin: &Path) -> Result<Inspection> {
    let name = plugin.to_string_lossy();
    if let Some((identity, _)) = builtin::identities().find(|(identity, _)| identity.name == name) {
        return Ok(inspection(&name, identity, "builtin"));
    }
    if !plugin.exists() && !open::is_file(&name) {
        let names: Vec<_> = builtin::identities().map(|(identity, _)| identity.name).collect();
        return Err(Error::usage(format!(
            "{name:?} is neither a file nor a built-in plugin, expected a path or one of {}",
            names.join(", ")
        )));
    }
    Ok(of_file(&name, PluginFile::read(plugin)?))
}

/// What a file says that was read.
pub(super) fn of_file(plugin: &str, file: PluginFile) -> Inspection {
    let (backend, imports) = match file.form {
        Form::Component { imports } => ("wasm", imports),
        Form::Library { .. } => ("native", Vec::new()),
    };
    let inspection = inspection(plugin, file.identity, backend);
    Inspection { imports, size_bytes: file.bytes.len(), sha256: file.sha256, ..inspection }
}

fn inspection(plugin: &str, identity: Identity, backend: &'static str) -> Inspection {
    let (major, minor) = identity.contract;
    let setting = |setting: trainyard_plugin::SettingInfo| InspectedSetting {
        name: setting.name,
        // `2048u32` is how Rust writes it, the config says 2048
        default: setting.default.strip_suffix(&setting.value_type).unwrap_or(&setting.default).into(),
        value_type: setting.value_type,
        doc: setting.doc,
    };
    Inspection {
        plugin: plugin.into(),
        name: identity.name,
        version: identity.version,
        kind: identity.kind.name().into(),
        stability: kinds::entry(identity.kind).stability(),
        description: identity.description,
        license: identity.license,
        contract: format!("{major}.{minor}"),
        sdk: identity.sdk,
        backend,
        imports: Vec::new(),
        size_bytes: 0,
        sha256: String::new(),
        abilities: identity.abilities,
        settings: identity.settings.into_iter().map(setting).collect(),
        limits: (backend != "builtin").then(Limits::default),
    }
}

/// Characters that are shown of a name, a version or the like.
const NAME_CHARS: usize = 100;
/// Characters that are shown of a sentence.
const TEXT_CHARS: usize = 500;
/// Settings, imports and abilities that are shown, of each.
const ITEMS_MAX: usize = 200;

fn name(text: &str) -> Cow<'_, str> {
    clean::clip(text, NAME_CHARS)
}

fn text(text: &str) -> Cow<'_, str> {
    clean::clip(text, TEXT_CHARS)
}

fn names(all: &[String]) -> String {
    let shown: Vec<_> = all.iter().take(ITEMS_MAX).map(|item| name(item)).collect();
    let more = all.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}

impl fmt::Display for Inspection {
    /// For a terminal: everything that the file says is cleaned and cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} ({}, {})", name(&self.name), name(&self.version), self.kind, self.backend)?;
        let stated = |said: &str, missing: &str| if said.is_empty() { missing.into() } else { text(said).into_owned() };
        writeln!(f, "  {}", stated(&self.description, "(no description)"))?;
        writeln!(f, "  license   {}", stated(&self.license, "not stated"))?;
        let Self { contract, stability, kind, .. } = self;
        writeln!(f, "  contract  {contract} (SDK {}), the kind {kind} is {stability}", name(&self.sdk))?;
        if !self.sha256.is_empty() {
            writeln!(f, "  file      {} ({} bytes)", clean::line(&self.plugin), self.size_bytes)?;
            writeln!(f, "  sha256    {}", self.sha256)?;
        }
        if !self.imports.is_empty() {
            writeln!(f, "  imports   {}", names(&self.imports))?;
        }
        if let Some(limits) = &self.limits {
            let Limits { call_ms, memory_mb, output_mb, table_elements, instances, graph_nodes, log_lines } = limits;
            writeln!(
                f,
                "  limits    call_ms = {call_ms}, memory_mb = {memory_mb}, output_mb = {output_mb}, table_elements = \
                 {table_elements}, instances = {instances}, graph_nodes = {graph_nodes}, log_lines = {log_lines}"
            )?;
        }
        if !self.abilities.is_empty() {
            writeln!(f, "  abilities {}", names(&self.abilities))?;
        }
        for InspectedSetting { name: key, value_type, default, doc } in self.settings.iter().take(ITEMS_MAX) {
            writeln!(f, "  {}: {} = {}   {}", name(key), name(value_type), text(default), text(doc))?;
        }
        match self.settings.len().saturating_sub(ITEMS_MAX) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more settings"),
        }
    }
}
