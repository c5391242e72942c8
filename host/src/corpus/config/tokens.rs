//! `[data.tokens]`.

use crate::corpus::split::Split;
use crate::settings::Section;
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// `[data.tokens]`: tokens that another program wrote, in place of `[[data.source]]`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TokensConfig {
    /// Trained on; absolute after loading.
    pub train: PathBuf,
    /// Held out for validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<PathBuf>,
    /// Held out until the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// The form of the files, where they do not say it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<TokenFormat>,
}

/// The form of a file of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// Megatron-LM's `.bin` with its `.idx` beside it.
    Megatron,
    /// nanoGPT's `.bin`: u16 and nothing else.
    NanoGpt,
    /// llm.c's `.bin`, which modded-nanogpt reads too: a header of 256 numbers, then u16, or u32 for Llama 3.
    Llmc,
}

impl TokensConfig {
    /// `[data.tokens]`, if there is one.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        section.optional("tokens", Self::read_one)
    }

    fn read_one(section: &mut Section<'_>) -> Self {
        let formats =
            [("megatron", TokenFormat::Megatron), ("nanogpt", TokenFormat::NanoGpt), ("llmc", TokenFormat::Llmc)];
        Self {
            train: section.required_path("train"),
            validation: section.path("validation"),
            test: section.path("test"),
            format: section.option("format", &formats),
        }
    }
}

impl TokensConfig {
    /// The file of each split that has one.
    pub(crate) fn files(&self) -> impl Iterator<Item = (Split, &Path)> {
        let all = [
            (Split::Train, Some(&self.train)),
            (Split::Validation, self.validation.as_ref()),
            (Split::Test, self.test.as_ref()),
        ];
        all.into_iter().filter_map(|(split, path)| Some((split, path?.as_path())))
    }

    /// SHA-256 of the files, their splits and their indexes.
    pub(crate) fn digest(&self) -> Result<[u8; 32]> {
        let mut digest = Sha256::new();
        for (split, path) in self.files() {
            let index = path.with_extension("idx");
            for path in std::iter::once(path).chain(index.exists().then_some(index.as_path())) {
                let (mut file, n_bytes) = open_counted(path)?;
                digest.update(split.name());
                digest.update(n_bytes.to_le_bytes());
                io::copy(&mut file, &mut digest).map_err(|error| Error::io(path, "read", &error))?;
            }
        }
        Ok(digest.finalize().into())
    }
}

/// The opened file and its length.
pub(crate) fn open_counted(path: &Path) -> Result<(File, u64)> {
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (n_bytes, file) = opened.map_err(|error| Error::io(path, "open", &error))?;
    Ok((file, n_bytes))
}
