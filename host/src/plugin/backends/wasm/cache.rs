//! Compiled components on disk, so that a component is compiled once per machine and not once per run.
//!
//! An entry is a file named after everything that its code depends on: the component, wasmtime's version, the engine's
//! settings and the processor's abilities. It begins with a checksum of the rest. What is damaged, cut or of another
//! kind is a miss: it is compiled again and replaced. Nothing here fails: without a usable directory, every component
//! is compiled.

use super::compile::{Code, compile};
use crate::base::dirs;
use std::fs::{self, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use wasmtime::Engine;
use wasmtime::component::Component;
use xxhash_rust::xxh3::Xxh3Default;

/// Where the cache is; empty for none.
const VARIABLE: &str = "TRAINYARD_CACHE";
/// Another layout of entries is another name.
const FORMAT: &[u8; 16] = b"trainyard-code-1";
/// How entries of every layout begin.
const FAMILY: &[u8; 15] = b"trainyard-code-";
/// How the name of an entry begins that is being written.
const UNFINISHED: &str = ".new-";
/// After so long, the process that wrote it was killed.
const ABANDONED: Duration = Duration::from_secs(3600);
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

    /// The component with these bytes, compiled before or now. `sha256` is the bytes' digest, and `deadlines` whether
    /// the engine is the one for calls with deadlines.
    ///
    /// # Errors
    /// Why it cannot be compiled, to be said after its name.
    pub fn component(&self, engine: &Engine, deadlines: bool, sha256: &str, bytes: &[u8]) -> Result<Component, String> {
        let dir = self.dir.as_deref().filter(|dir| is_usable(dir));
        let entry = dir.map(|dir| (dir, dir.join(key(engine, sha256))));
        if let Some(component) = entry.as_ref().and_then(|(_, path)| load(engine, path)) {
            return Ok(component);
        }
        let (component, code) = match compile(engine, deadlines, bytes)? {
            Code::Here(component) => {
                let code = component.serialize().ok();
                (component, code)
            }
            Code::Elsewhere(code) => (revived(engine, &code)?, Some(code)),
        };
        if let (Some((dir, path)), Some(code)) = (entry, code) {
            match store(&path, &code) {
                Ok(()) => shrink(dir, MAX_BYTES),
                // a cache that cannot be written is only slow
                Err(error) => tracing::debug!("{}: cannot be written: {error}", path.display()),
            }
        }
        Ok(component)
    }
}

/// What a worker compiled.
fn revived(engine: &Engine, code: &[u8]) -> Result<Component, String> {
    // SAFETY: a worker is this program, which runs nothing of the plugin while it compiles, and these are the bytes
    // that its `serialize` returned: they came through a file that only the two have open
    unsafe { Component::deserialize(engine, code) }
        .map_err(|error| format!("the code that its worker compiled is of another program: {error:#}"))
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
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(dir)?;
    file.write_all(FORMAT)?;
    file.write_all(&checksum(path, code))?;
    file.write_all(code)?;
    file.persist(path)?;
    Ok(())
}

/// Removes what was not used for longest until at most `max_bytes` are left. Only what this cache wrote: anything else
/// in the directory is somebody's, whatever the directory is for, and is neither counted nor touched.
fn shrink(dir: &Path, max_bytes: u64) {
    let entry = |entry: fs::DirEntry| {
        // of a link, that of the link itself, which is no file
        let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
        let time = metadata.modified().ok()?;
        let is_entry = match entry.file_name().to_str()? {
            name if name.starts_with(UNFINISHED) => time.elapsed().ok()? > ABANDONED,
            name => is_key(name),
        };
        is_entry.then(|| (time, metadata.len(), entry.path()))
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
        if begins_as_entry(&path) && fs::remove_file(path).is_ok() {
            total -= size;
        }
    }
}

/// Whether a name is one that [`key`] gives.
fn is_key(name: &str) -> bool {
    let is_hex = |text: &str, n_digits: usize| {
        text.len() == n_digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    name.split_once('-').is_some_and(|(digest, settings)| is_hex(digest, 64) && is_hex(settings, 16))
}

/// Whether a file begins as this cache writes one.
fn begins_as_entry(path: &Path) -> bool {
    let mut begins = [0; FORMAT.len()];
    open(path).and_then(|mut file| file.read_exact(&mut begins)).is_ok() && begins[..FAMILY.len()] == *FAMILY
}

/// Opens a file, and neither what a link leads to nor a pipe without a writer.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}

/// An entry's file name.
fn key(engine: &Engine, sha256: &str) -> String {
    let mut settings = Xxh3Default::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    format!("{sha256}-{:016x}", Hasher::finish(&settings))
}

/// Hash of the code and of the name that it is kept under: an entry that was renamed is as wrong as a damaged one.
fn checksum(path: &Path, code: &[u8]) -> [u8; 16] {
    let mut checksum = Xxh3Default::new();
    checksum.update(path.file_name().unwrap_or_default().as_encoded_bytes());
    checksum.update(code);
    checksum.digest128().to_le_bytes()
}

/// Reads an entry, whole, and not by a memory map: what was checked is then what runs, whatever becomes of the file.
fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let mut file = open(path).ok()?;
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

    /// Writes a file that was not used for so many hours.
    fn file(dir: &Path, name: &str, begin: &[u8], hours: u64) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, [begin, &[0; 84]].concat()).expect("written");
        let time = SystemTime::now() - Duration::from_secs(3600 * hours + 60);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("a file");
        path
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let entry = |digit: &str, hours| file(dir.path(), &format!("{}-{:016x}", digit.repeat(64), 1), FORMAT, hours);
        let [new, old, older] = [("a", 0), ("b", 1), ("c", 2)].map(|(digit, hours)| entry(digit, hours));
        shrink(dir.path(), 250);
        assert!(!older.exists() && old.exists());
        shrink(dir.path(), 100);
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn what_others_wrote_stays() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let key = |digit: &str| format!("{}-{:016x}", digit.repeat(64), 1);
        let theirs = [
            file(dir.path(), "thesis.tex", FORMAT, 9),
            file(dir.path(), &key("a"), b"16 other bytes..", 9),
            file(dir.path(), &key("A"), FORMAT, 9),
            file(dir.path(), &format!("{}.bak", key("a")), FORMAT, 9),
            file(dir.path(), ".new-idea", b"16 other bytes..", 9),
            file(dir.path(), ".new-AbCdEf", FORMAT, 0),
        ];
        let abandoned = file(dir.path(), ".new-aBcDeF", FORMAT, 9);
        let ours = file(dir.path(), &key("b"), FORMAT, 9);
        #[cfg(unix)]
        std::os::unix::fs::symlink(&theirs[0], dir.path().join(key("c"))).expect("a link");
        shrink(dir.path(), 0);
        assert!(!abandoned.exists() && !ours.exists());
        assert!(theirs.iter().all(|path| path.exists()), "{theirs:?}");
        #[cfg(unix)]
        assert!(dir.path().join(key("c")).is_symlink(), "a link is not an entry either");
    }
}
