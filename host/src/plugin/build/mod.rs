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
    pub fn all(dir: &Path) -> Result<Self> {
        let native = matches!(Language::of(dir)?, Language::Rust | Language::C);
        Ok(Self { wasm: true, native })
    }
}

/// Builds the plugin in `dir` and returns the files, in the order of [`Forms`]. What tools say goes to stderr.
///
/// A crate's files go where cargo's do, into `target/plugins/` of the workspace; those of the other languages into
/// `target/plugins/` of the folder.
pub fn build(dir: &Path, forms: Forms) -> Result<Vec<PathBuf>> {
    let language = Language::of(dir)?;
    let dir = dir.canonicalize().map_err(|error| Error::io(dir, "open", &error))?;
    if language == Language::Rust {
        return rust::build(&dir, forms);
    }
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

/// Puts what was built into `plugins/` under `target`, named after the plugin. Renamed in one step, because a running
/// program may have the old one mapped.
fn install(target: &Path, built: &Path, bytes: Vec<u8>, suffix: &str) -> Result<PathBuf> {
    // also proves that what was built is a plugin
    let file = PluginFile::parse(built, bytes)?;
    let prefix = if suffix == ".wasm" { "" } else { std::env::consts::DLL_PREFIX };
    let name = format!("{prefix}{}{suffix}", file.identity.name);
    let dir = target.join("plugins");
    let (new, path) = (dir.join(format!(".{name}.{}", std::process::id())), dir.join(&name));
    write(&new, &file.bytes)?;
    std::fs::rename(&new, &path).map_err(|error| Error::io(&path, "write", &error))?;
    Ok(path)
}
