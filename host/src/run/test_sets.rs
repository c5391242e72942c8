//! `[eval]` of a run's config: what a finished model writes to be compared.

use crate::feed::tasks::TaskConfig;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// `[eval]`: what metrics that compare texts let the model write. It changes nothing of the model.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EvalConfig {
    /// Tokens of a held-out document that the model is given to continue.
    pub prompt_tokens: usize,
    /// Tokens that it writes then.
    pub tokens: usize,
    /// `[[eval.text]]`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<TestSetConfig>,
}

/// `[[eval.text]]`: a file of prompts, each with the texts that what is written is compared with, by all metrics that
/// compare texts. A model with an encoder writes from the prompt, one of the task `chat` answers it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TestSetConfig {
    /// How results name it: the name of the file if not said.
    pub name: String,
    /// The file, such as JSON lines, of a format that `data.source.path` could name; absolute after loading.
    pub path: PathBuf,
    /// The field that holds the prompt.
    pub prompt_field: String,
    /// The field that holds what is compared with: a text, or a list of texts.
    pub reference_field: String,
    /// Prompts that are used, at most: the first ones.
    pub documents: usize,
    /// Tokens that are written for each, at most.
    pub tokens: usize,
    /// What is written ends before the first of these texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub until: Vec<String>,
}

impl EvalConfig {
    /// What `[eval]` may contain.
    pub(crate) fn read(section: &mut Section<'_>, task: &TaskConfig) -> Self {
        let config = Self {
            prompt_tokens: section.integer("prompt_tokens", 1.., 32),
            tokens: section.integer("tokens", 1.., 64),
            text: section.sections("text", TestSetConfig::read).unwrap_or_default(),
        };
        if !config.text.is_empty() && !task.writes_text() && !task.continues_text() {
            section.problem("text", format!("the task is {:?}, which writes no text: remove it", task.name()));
        }
        let mut names = BTreeSet::new();
        for TestSetConfig { name, .. } in config.text.iter().filter(|set| !names.insert(&set.name)) {
            section.problem("text", format!("the name {name:?} is there twice: give each set a `name` of its own"));
        }
        config
    }
}

impl TestSetConfig {
    fn read(section: &mut Section<'_>) -> Self {
        let path = section.required_path("path");
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let field = |text: &str| !text.is_empty();
        Self {
            name: section.text_that("name", "a name", |name| !name.trim().is_empty()).unwrap_or(stem),
            path,
            prompt_field: section.text_or("prompt_field", "a field's name", "prompt", field),
            reference_field: section.text_or("reference_field", "a field's name", "reference", field),
            documents: section.integer("documents", 1.., 100),
            tokens: section.integer("tokens", 1.., 64),
            until: section.texts("until", "a list of texts, such as [\"\\n\"]", |text| !text.is_empty()),
        }
    }
}
