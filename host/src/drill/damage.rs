//! Kinds of damage to a file.

use crate::{Error, Result};
use std::fs;
use std::path::Path;

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// One bit in its middle is flipped.
    Flipped,
    /// Its second half is missing.
    Cut,
    /// It is empty.
    Emptied,
    /// It is deleted.
    Deleted,
}

impl Damage {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Flipped, Self::Cut, Self::Emptied, Self::Deleted];

    /// Returns the kind for people to read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flipped => "a bit turned",
            Self::Cut => "cut in half",
            Self::Emptied => "emptied",
            Self::Deleted => "deleted",
        }
    }

    /// Damages the file; returns whether its content changed.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn apply(self, path: &Path) -> Result<bool> {
        let mut bytes = fs::read(path).map_err(|error| Error::io(path, "read", &error))?;
        let middle = bytes.len() / 2;
        match self {
            Self::Deleted => {
                fs::remove_file(path).map_err(|error| Error::io(path, "remove", &error))?;
                return Ok(true);
            }
            _ if bytes.is_empty() => return Ok(false),
            Self::Flipped => bytes[middle] ^= 1,
            Self::Cut => bytes.truncate(middle),
            Self::Emptied => bytes.clear(),
        }
        // written in place, as a failing disk would, so that hard links see it too
        fs::write(path, bytes).map_err(|error| Error::io(path, "write", &error))?;
        Ok(true)
    }
}
