//! Builds a plugin's folder to a WASM component, a native library, or both, whatever language it is written in.
//!
//! One function per language turns sources into files ([`rust`], [`c`], [`python`], [`javascript`]); what they share
//! is here: running tools ([`tool`]), the manifest of languages that have none ([`manifest`]), and putting the result
//! into place.

mod c;
mod component;
mod javascript;
mod manifest;
mod python;
mod rust;
mod tool;

pub use manifest::check_name;

use super::file::PluginFile;
use super::language::Language;
use crate::{Error, Result};
use manifest::Manifest;
use std::path::{Path, PathBuf};
use trainyard_plugin::SECTION;

/// What to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// `target/plugins/NAME.wasm`, for a sandbox.
    pub wasm: bool,
    /// `target/plugins/libNAME.so` (or what the system calls it), to run with the user's rights.
    pub native: bool,
}

impl Forms {
    /// What a language can be built to, when nothing is asked for in particular.
    ///
    /// # Errors
    /// The folder is no plugin's.
    pub fn all(dir: &Path) -> Result<Self> {
        let native = matches!(Language::of(dir)?, Language::Rust | Language::C);
        Ok(Self { wasm: true, native })
    }
}

/// Builds the plugin in `dir` and returns the files, in the order of [`Forms`]. What tools say goes to stderr.
///
/// A crate's files go where cargo's do, into `target/plugins/` of the workspace; those of the other languages into
/// `target/plugins/` of the folder.
///
/// # Errors
/// The folder is no plugin's, a tool is missing or fails, or what it made is no plugin.
pub fn build(dir: &Path, forms: Forms) -> Result<Vec<PathBuf>> {
    build_all(&[(dir.to_owned(), forms)])
}

/// Builds several plugins as [`build`] does, crates of one workspace together: cargo works on all of them at once.
///
/// Returns the files of all, in the order of `plugins`.
///
/// # Errors
/// As [`build`]; the first that fails ends it.
pub fn build_all(plugins: &[(PathBuf, Forms)]) -> Result<Vec<PathBuf>> {
    let mut files = vec![Vec::new(); plugins.len()];
    let (mut crates, mut places) = (Vec::new(), Vec::new());
    for (place, (dir, forms)) in plugins.iter().enumerate() {
        let language = Language::of(dir)?;
        let dir = dir.canonicalize().map_err(|error| Error::io(dir, "open", &error))?;
        match language {
            Language::Rust if rust::is_builtin_only(&dir) => {
                return Err(Error::usage(format!(
                    "{}: is a part of the host and has no file, expected another plugin; use its name in a config",
                    dir.display()
                )));
            }
            Language::Rust => {
                crates.push(rust::Crate { dir, forms: *forms });
                places.push(place);
            }
            language => files[place] = build_other(dir, language, *forms)?,
        }
    }
    for (place, made) in places.into_iter().zip(rust::build(&crates)?) {
        files[place] = made;
    }
    Ok(files.into_iter().flatten().collect())
}

/// Whether the plugin in `dir` is a part of the host and nothing else, so that there is nothing to build.
pub fn is_builtin_only(dir: &Path) -> bool {
    rust::is_builtin_only(dir)
}

/// Builds a plugin in a language other than Rust.
fn build_other(dir: PathBuf, language: Language, forms: Forms) -> Result<Vec<PathBuf>> {
    let project = Project { manifest: Manifest::read(&dir)?, dir };
    if forms.native && language != Language::C {
        return Err(Error::usage(format!(
            "{}: {} has no native form, expected --wasm; C and Rust have both",
            project.dir.display(),
            language.title()
        )));
    }
    let mut files = Vec::new();
    if forms.wasm {
        let component = match language {
            Language::C => c::component(&project)?,
            Language::Python => python::component(&project)?,
            _ => javascript::component(&project)?,
        };
        let component = component::with_identity(component, &project.manifest.identity());
        files.push(install(&project.dir.join("target"), &project.dir, component, ".wasm")?);
    }
    if forms.native {
        let library = c::library(&project)?;
        files.push(install(&project.dir.join("target"), &project.dir, library, std::env::consts::DLL_SUFFIX)?);
    }
    Ok(files)
}

/// A plugin's folder with a `plugin.toml`.
struct Project {
    dir: PathBuf,
    manifest: Manifest,
}

impl Project {
    /// A file of the author's, which must be there.
    fn source(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        match path.is_file() {
            true => Ok(path),
            false => Err(Error::usage(format!("{}: no such file, expected the plugin's source", path.display()))),
        }
    }

    /// Writes files of the SDK where the language's tools find them, `target/sdk/`, and returns that folder.
    fn write_sdk(&self, files: &[(&str, &str)]) -> Result<PathBuf> {
        let dir = self.dir.join("target/sdk");
        for (name, text) in files {
            write(&dir.join(name), text.as_bytes())?;
        }
        Ok(dir)
    }
}

/// Writes a file and the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, bytes));
    written.map_err(|error| Error::io(path, "write", &error))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io(path, "read", &error))
}

/// Puts what was built into `plugins/` under `target`, named after the plugin, in the place of an earlier build.
/// Renamed in one step, because a running program may have the old one mapped.
///
/// # Errors
/// What was built is no plugin, a file there that is none either, or one that cannot be written.
fn install(target: &Path, built: &Path, bytes: Vec<u8>, suffix: &str) -> Result<PathBuf> {
    // also proves that what was built is a plugin
    let file = PluginFile::parse(built, bytes)?;
    let prefix = if suffix == ".wasm" { "" } else { std::env::consts::DLL_PREFIX };
    let name = format!("{prefix}{}{suffix}", file.identity.name);
    let dir = target.join("plugins");
    let (new, path) = (dir.join(format!(".{name}.{}", std::process::id())), dir.join(&name));
    if let Ok(old) = std::fs::read(&path) {
        if old == file.bytes {
            return Ok(path);
        }
        if !old.is_empty() && !is_plugin(&old) {
            return Err(Error::usage(format!(
                "{}: expected an earlier build of this plugin to replace, got another file; move it away",
                path.display()
            )));
        }
    }
    write(&new, &file.bytes)?;
    std::fs::rename(&new, &path).map_err(|error| Error::io(&path, "write", &error))?;
    Ok(path)
}

/// Whether a file looks like a plugin, of whatever version: it is a component or a library, and its section's name is
/// in it.
fn is_plugin(bytes: &[u8]) -> bool {
    let is_binary =
        [&b"\0asm"[..], b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ"].iter().any(|magic| bytes.starts_with(magic));
    is_binary && memchr::memmem::find(bytes, SECTION.as_bytes()).is_some()
}
