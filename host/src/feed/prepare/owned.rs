//! The files of a folder of prepared data that preparation wrote: only they are ever moved or removed.

use crate::corpus::{LINEAGE, Manifest, Split};
use crate::feed::dataset::{MANIFEST, MODEL, VOCABULARY};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of prepared files that are in `dir`, half-written ones of other processes included, its manifest last.
pub(crate) fn prepared_files(dir: &Path) -> Vec<String> {
    let manifest = fs::read(dir.join(MANIFEST)).ok();
    let manifest: Option<Manifest> = manifest.and_then(|json| serde_json::from_slice(&json).ok());
    let mut names: BTreeSet<String> = manifest.into_iter().flat_map(|manifest| manifest.files.into_keys()).collect();
    names.extend(Split::ALL.map(Split::file));
    names.extend([LINEAGE, MODEL, VOCABULARY, MANIFEST].map(str::to_owned));
    let is_ours = |name: &String| names.contains(name) || temporary_of(name).is_some_and(|name| names.contains(name));
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(is_ours).collect();
    found.sort_by_key(|name| (name == MANIFEST, name.clone()));
    found
}

/// The name that a half-written file was to have: `train.shard` for `train.shard.123.tmp` of process 123.
pub(crate) fn temporary_of(name: &str) -> Option<&str> {
    let (name, pid) = name.strip_suffix(".tmp")?.rsplit_once('.')?;
    pid.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
}
