//! A plugin's file: what it is and who made it, read without running any of it.

use super::missing;
use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::{Error, Result};
use object::{Object, ObjectSection};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::Path;
use trainyard_plugin::{CONTRACT, Identity, SECTION, abi};
use wasmparser::{ComponentTypeRef, Encoding, Parser, Payload};

/// A plugin's file, read and identified.
pub struct PluginFile {
    pub bytes: Vec<u8>,
    /// In lower-case hexadecimal.
    pub sha256: String,
    pub form: Form,
    pub identity: Identity,
}

/// What the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A WASM component with the names of its imports.
    Component { imports: Vec<String> },
    /// A dynamic library with the name of its one symbol, and the processor that it is for, named as in
    /// [`std::env::consts::ARCH`].
    Library { symbol: String, machine: String },
}

/// What a form's reader finds: the form and the text of the identity.
type Found = std::result::Result<(Form, String), String>;

impl PluginFile {
    /// Reads and identifies the file. The contract is not checked yet, see [`check_contract`].
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_file(path, MAX_BINARY_BYTES).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::usage(format!("{}: {}", path.display(), missing::cure(path))),
            _ => Error::usage(format!("{}: cannot read plugin: {error}", path.display())),
        })?;
        Self::parse(path, bytes)
    }

    /// Identifies a file that was read; `path` is for messages.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let wrong = |why: String| Error::plugin(format!("{}: {why}", path.display()));
        let found = match bytes.as_slice() {
            [] => Err("is empty, expected a WASM component or a dynamic library".into()),
            [0, b'a', b's', b'm', ..] => read_component(&bytes),
            // ELF, Mach-O (thin, 64 bit) and PE
            [0x7f, b'E', b'L', b'F', ..] | [0xcf, 0xfa, 0xed, 0xfe, ..] | [b'M', b'Z', ..] => read_library(&bytes),
            _ => Err("is neither a WASM component nor a dynamic library".into()),
        };
        let (form, text) = found.map_err(wrong)?;
        let identity = Identity::parse(&text).map_err(wrong)?;
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bytes, sha256, form, identity })
    }
}

/// Whether this host speaks the contract that the plugin was built for.
pub fn check_contract(path: &Path, identity: &Identity) -> Result<()> {
    if identity.contract == CONTRACT {
        return Ok(());
    }
    let ((major, minor), (host_major, host_minor)) = (identity.contract, CONTRACT);
    let (built, supported) = (format!("contract {major}.{minor}"), format!("{host_major}.{host_minor}"));
    let why = other_version(identity, &built, &supported, identity.contract > CONTRACT);
    Err(Error::plugin(format!("{}: {why}", path.display())))
}

/// What a plugin was built for, what this host supports, and what to do.
pub fn other_version(identity: &Identity, built: &str, supported: &str, newer: bool) -> String {
    let Identity { name, version, sdk, .. } = identity;
    let cure = if newer { "use a newer trainyard, or rebuild it" } else { "rebuild it" };
    format!(
        "plugin {name:?} {version} was built for {built} (SDK {sdk}), this host supports {supported}; {cure} with \
         trainyard-plugin {}",
        env!("CARGO_PKG_VERSION")
    )
}

fn read_component(bytes: &[u8]) -> Found {
    let mut depth = 0;
    let (mut imports, mut identity) = (Vec::new(), None);
    let damaged = |error: wasmparser::BinaryReaderError| format!("is a damaged WASM file: {error}");
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(
                    "is a core WASM module, expected a component; make one with `trainyard plugin build`".into()
                );
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(damaged)?;
                    // names of records and enums, not something that the host provides
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::CustomSection(section) if section.name() == SECTION => match identity {
                None => identity = Some(identity_text(section.data())?),
                Some(_) => return Err(format!("has more than one section {SECTION:?}, expected one plugin in a file")),
            },
            _ => {}
        }
    }
    Ok((Form::Component { imports }, identity.ok_or_else(no_identity)?))
}

fn read_library(bytes: &[u8]) -> Found {
    let damaged = |error: object::Error| format!("is a damaged dynamic library: {error}");
    let file = object::File::parse(bytes).map_err(damaged)?;
    if file.kind() != object::ObjectKind::Dynamic {
        return Err("is no dynamic library; build the plugin with crate-type \"cdylib\"".into());
    }
    let section = file.section_by_name(SECTION).ok_or_else(no_identity)?;
    let identity = identity_text(section.data().map_err(damaged)?)?;
    let (mut symbols, mut other) = (Vec::new(), None);
    for export in file.exports().map_err(damaged)? {
        let name = String::from_utf8_lossy(export.name());
        // Mach-O puts an underscore before every C name
        let name = name.strip_prefix('_').unwrap_or(&name);
        if name.starts_with(abi::SYMBOL_PREFIX) {
            symbols.push(name.to_owned());
        } else if let Some(version) = abi_version(name) {
            other = Some(version);
        }
    }
    if let (true, Some(version), Ok(identity)) = (symbols.is_empty(), other, Identity::parse(&identity)) {
        let (built, supported) = (format!("native tables of version {version}"), abi::VERSION.to_string());
        return Err(other_version(&identity, &built, &supported, version > abi::VERSION));
    }
    match symbols.as_slice() {
        [symbol] => Ok((Form::Library { symbol: symbol.clone(), machine: machine(file.architecture()) }, identity)),
        _ => Err(format!(
            "exports {} symbols that begin with {:?}, expected one plugin in a file",
            symbols.len(),
            abi::SYMBOL_PREFIX
        )),
    }
}

/// The version of the tables in the name of a library's symbol.
fn abi_version(symbol: &str) -> Option<u32> {
    symbol.strip_prefix("trainyard_plugin_v")?.split_once('_')?.0.parse().ok()
}

fn machine(architecture: object::Architecture) -> String {
    match architecture {
        object::Architecture::I386 => "x86".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn identity_text(section: &[u8]) -> std::result::Result<String, String> {
    String::from_utf8(section.to_vec()).map_err(|_| format!("section {SECTION:?} is not UTF-8"))
}

fn no_identity() -> String {
    format!("has no section {SECTION:?}, so it is no trainyard plugin; export one with trainyard_plugin::export!")
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "trainyard-plugin\t1\nkind\tloss\nname\tx\nversion\t1.0.0\ncontract\t0.1\nsdk\t0.1.0\n";

    fn read(bytes: &[u8]) -> Result<PluginFile> {
        PluginFile::parse(Path::new("F"), bytes.to_vec())
    }

    /// A component that holds nothing but the section.
    fn component(identity: &str) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        let size = 1 + SECTION.len() + identity.len();
        bytes.extend([0, (size & 0x7f) as u8 | 0x80, (size >> 7) as u8, SECTION.len() as u8]);
        bytes.extend(SECTION.bytes().chain(identity.bytes()));
        bytes
    }

    #[test]
    fn component_is_identified() {
        let file = read(&component(IDENTITY)).expect("component");
        assert_eq!((file.identity.name.as_str(), file.form), ("x", Form::Component { imports: vec![] }));
        assert_eq!(file.sha256.len(), 64);
    }

    #[test]
    fn what_is_no_plugin_says_why() {
        let long = "is a core WASM module, expected a component; make one with `trainyard plugin build`";
        for (bytes, expected) in [
            (&b""[..], "is empty, expected a WASM component or a dynamic library"),
            (b"hello", "is neither a WASM component nor a dynamic library"),
            (b"\0asm\x01\0\0\0", long),
            (&component("hello"), "identity begins with \"hello\", expected \"trainyard-plugin\\t1\""),
            (&component(&IDENTITY.replace("kind\tloss\n", "")), "identity has no line \"kind\""),
        ] {
            let error = read(bytes).err().map(|error| error.to_string());
            assert_eq!(error, Some(format!("F: {expected}")));
        }
        let cut = &component(IDENTITY)[..40];
        let error = read(cut).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("F: is a damaged WASM file: "), "{error}");
    }

    #[test]
    fn another_abi_is_told_by_its_symbol() {
        assert_eq!(abi_version("trainyard_plugin_v12_focal"), Some(12));
        for symbol in ["trainyard_plugin_v_x", "trainyard_plugin_vx_1", "trainyard_v1_x", "trainyard_plugin_v1"] {
            assert_eq!(abi_version(symbol), None, "{symbol}");
        }
        assert_eq!(abi_version(&format!("{}x", abi::SYMBOL_PREFIX)), Some(abi::VERSION));
    }

    #[test]
    fn another_contract_says_both_sides_and_the_cure() {
        let mut identity = Identity::parse(IDENTITY).expect("identity");
        identity.contract = (0, 2);
        let error = check_contract(Path::new("x.wasm"), &identity).expect_err("newer");
        assert_eq!(
            error.to_string(),
            "x.wasm: plugin \"x\" 1.0.0 was built for contract 0.2 (SDK 0.1.0), this host supports 0.1; \
             use a newer trainyard, or rebuild it with trainyard-plugin 0.1.0"
        );
    }
}
