//! The index of a sharded model: which file holds which tensor.

use crate::base::files::read_file;
use crate::{Error, Result};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Formatter};
use std::path::{Component, Path};

/// The longest index that is read, in bytes.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// An index as it is written.
#[derive(Serialize)]
pub(super) struct Index {
    pub metadata: Metadata,
    pub weight_map: BTreeMap<String, String>,
}

/// The sizes in an index that is written.
#[derive(Serialize)]
pub(super) struct Metadata {
    /// Numbers of all tensors.
    pub total_parameters: u64,
    /// Their bytes.
    pub total_size: u64,
}

#[derive(Deserialize)]
struct Read {
    weight_map: Files,
}

/// File by tensor, whose names must differ.
struct Files(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Files;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("an object of file names by tensor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Files, A::Error> {
                let mut files = BTreeMap::new();
                while let Some((name, file)) = map.next_entry::<String, String>()? {
                    if let Some(other) = files.insert(name.clone(), file) {
                        return Err(A::Error::custom(format!("tensor {name} is there twice, first in {other:?}")));
                    }
                }
                Ok(Files(files))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

/// Reads an index: the file's name by tensor.
///
/// # Errors
/// A file that cannot be read or is no index, and one that names a file outside its folder.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>> {
    let bytes = read_file(path, INDEX_BYTES_MAX).map_err(|error| Error::io(path, "read", &error))?;
    let wrong = |what: String| Error::run(format!("{}: {what}", path.display()));
    let index: Read = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(format!("not the index of a sharded safetensors model: {error}")))?;
    let files = index.weight_map.0;
    if files.is_empty() {
        return Err(wrong("names no tensors".into()));
    }
    match files.iter().find(|(_, file)| !is_name(file)) {
        Some((tensor, file)) => {
            Err(wrong(format!("tensor {tensor} is in {file:?}, expected the name of a file next to the index")))
        }
        None => Ok(files),
    }
}

/// Whether a text is the name of a file, and not a way to another folder.
fn is_name(text: &str) -> bool {
    let mut parts = Path::new(text).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == text)
        && !text.contains(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_files_of_the_folder() {
        for (text, expected) in [
            ("model-00001-of-00002.safetensors", true),
            ("../model.safetensors", false),
            ("/etc/passwd", false),
            ("a/b", false),
            ("a\\b", false),
            ("..", false),
            (".", false),
            ("", false),
        ] {
            assert_eq!(is_name(text), expected, "{text:?}");
        }
    }
}
