//! Compiled components on disk, so that a component is compiled once per machine and not once per run.
//!
//! An entry is a file named after everything that its code depends on: the component, wasmtime's version, the engine's
//! settings and the processor's abilities. It begins with a checksum of the rest. What is damaged, cut or of another
//! kind is a miss: it is compiled again and replaced. Nothing here fails: without a usable directory, every component
//! is compiled.

use crate::dirs;
use std::fs::{self, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wasmtime::Engine;
use wasmtime::component::Component;
use xxhash_rust::xxh3::Xxh3Default;

/// Where the cache is; empty for none.
const VARIABLE: &str = "TRAINYARD_CACHE";
/// Another layout of entries is another name.
const FORMAT: &[u8; 16] = b"trainyard-code-1";
/// Bytes before the code: the format, then the checksum.
const HEADER: usize = FORMAT.len() + size_of::<u128>();
/// Entries that were not used for longest are removed when all together take more.
const MAX_BYTES: u64 = 1 << 30;

/// A directory that only this user can write to.
pub struct Cache {
    /// None is a cache that keeps nothing.
    dir: Option<PathBuf>,
}

impl Cache {
    /// The user's, where the environment says.
    pub fn user() -> Self {
        match std::env::var_os(VARIABLE) {
            Some(dir) => Self { dir: Some(PathBuf::from(dir)).filter(|dir| !dir.as_os_str().is_empty()) },
            None => Self { dir: dirs::cache().map(|dir| dir.join("compiled")) },
        }
    }

    /// One in this directory, which is made when it is missing.
    pub fn at(dir: &Path) -> Self {
        Self { dir: Some(dir.to_owned()) }
    }

    /// The component with these bytes, compiled before or now. `sha256` is the bytes' digest.
    pub fn component(&self, engine: &Engine, sha256: &str, bytes: &[u8]) -> wasmtime::Result<Component> {
        let Some(dir) = self.dir.as_deref().filter(|dir| is_usable(dir)) else {
            return Component::new(engine, bytes);
        };
        let path = dir.join(key(engine, sha256));
        if let Some(component) = load(engine, &path) {
            return Ok(component);
        }
        let component = Component::new(engine, bytes)?;
        if let Ok(code) = component.serialize() {
            match store(&path, &code) {
                Ok(()) => shrink(dir, MAX_BYTES),
                // a cache that cannot be written is only slow
                Err(error) => tracing::debug!("{}: cannot be written: {error}", path.display()),
            }
        }
        Ok(component)
    }
}

/// Makes the directory when it is missing; false when it cannot be made or others could put code into it.
fn is_usable(dir: &Path) -> bool {
    let metadata = create(dir).and_then(|()| fs::metadata(dir));
    let is_usable = metadata.as_ref().is_ok_and(is_private);
    if !is_usable && metadata.is_ok() {
        tracing::warn!(
            "{}: others may write here, so that compiled plugins are not kept; chmod go-w it, or set {VARIABLE}",
            dir.display()
        );
    }
    is_usable
}

/// Other processes see the whole entry or none.
fn store(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    file.write_all(FORMAT)?;
    file.write_all(&checksum(path, code))?;
    file.write_all(code)?;
    file.persist(path)?;
    Ok(())
}

/// Removes what was not used for longest until at most `max_bytes` are left.
fn shrink(dir: &Path, max_bytes: u64) {
    let entry = |entry: fs::DirEntry| {
        let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
        Some((metadata.modified().ok()?, metadata.len(), entry.path()))
    };
    let found = fs::read_dir(dir).into_iter().flatten();
    let mut entries: Vec<_> = found.filter_map(|found| entry(found.ok()?)).collect();
    entries.sort();
    let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
    for (_, size, path) in entries {
        if total <= max_bytes {
            return;
        }
        // another process may have removed it already
        if fs::remove_file(path).is_ok() {
            total -= size;
        }
    }
}

/// An entry's file name.
fn key(engine: &Engine, sha256: &str) -> String {
    let mut settings = Xxh3Default::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    format!("{sha256}-{:016x}", Hasher::finish(&settings))
}

/// Of the code and of the name that it is kept under: an entry that was renamed is as wrong as one that is damaged.
fn checksum(path: &Path, code: &[u8]) -> [u8; 16] {
    let mut checksum = Xxh3Default::new();
    checksum.update(path.file_name().unwrap_or_default().as_encoded_bytes());
    checksum.update(code);
    checksum.digest128().to_le_bytes()
}

/// Reads an entry, whole, and not by a memory map: what was checked is then what runs, whatever becomes of the file.
fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let mut file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !is_private(&metadata) {
        return None;
    }
    let mut entry = Vec::with_capacity(usize::try_from(metadata.len()).ok()?.saturating_add(1));
    file.read_to_end(&mut entry).ok()?;
    let (header, code) = entry.split_at_checked(HEADER)?;
    let (format, found) = header.split_at(FORMAT.len());
    if format != FORMAT || found != checksum(path, code) {
        return None;
    }
    // SAFETY: these are the bytes that `serialize` returned for this key: the checksum rules out damage, and only this
    // user, who could run any code anyway, can write to the file and its directory. wasmtime itself refuses code of
    // another version of itself, of other settings or for another processor.
    let component = unsafe { Component::deserialize(engine, code) }.ok()?;
    // used now: the oldest are removed first
    let _ = file.set_modified(SystemTime::now());
    Some(component)
}

fn create(dir: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Whether only this user, or the system's administrator, can change it.
#[cfg(unix)]
fn is_private(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (owner, mode) = (metadata.uid(), metadata.mode());
    (owner == 0 || owner == rustix::process::geteuid().as_raw()) && mode & 0o022 == 0
}

/// A user's directories are their own unless they change that.
#[cfg(not(unix))]
fn is_private(_metadata: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (age, name) in ["new", "old", "older"].into_iter().enumerate() {
            let path = dir.path().join(name);
            fs::write(&path, [0; 100]).expect("written");
            let time = SystemTime::now() - std::time::Duration::from_secs(60 * age as u64);
            File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("a file");
        }
        shrink(dir.path(), 250);
        assert!(!dir.path().join("older").exists() && dir.path().join("old").exists());
        shrink(dir.path(), 100);
        assert!(!dir.path().join("old").exists() && dir.path().join("new").exists());
    }
}
