//! `[data.tokens]`.

use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

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
    pub(in crate::data) fn read(section: &mut Section<'_>) -> Option<Self> {
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
