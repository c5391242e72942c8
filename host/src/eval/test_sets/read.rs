//! From a file to prompts and references.

use super::TestSet;
use crate::corpus::{DataConfig, Document, SourceConfig, every_document, source_digest};
use crate::eval::examples::Example;
use crate::run::TestSetConfig;
use crate::{Error, Result};
use serde_json::Value;

impl TestSet {
    /// Reads the first documents of the file.
    ///
    /// # Errors
    /// A file that cannot be read, lines without a prompt or a reference, no lines at all.
    pub(super) fn read(config: &TestSetConfig) -> Result<Self> {
        let TestSetConfig { path, prompt_field, reference_field, .. } = config;
        let source = SourceConfig {
            text_field: prompt_field.clone(),
            // what has no id is named by its file and line
            id_field: String::new(),
            metadata: vec![reference_field.clone()],
            ..SourceConfig::new(path)
        };
        let data = DataConfig::new(vec![source]);
        let digest = source_digest(&data).map_err(of_set)?;
        let example = |document: Result<Document>| example(&document.map_err(of_set)?, reference_field);
        let examples: Vec<_> =
            every_document(&data).map_err(of_set)?.take(config.documents).map(example).collect::<Result<_>>()?;
        if examples.is_empty() {
            return Err(Error::run(format!(
                "eval.text: {}: expected a prompt and a reference on each line, got no lines",
                path.display()
            )));
        }
        Ok(Self { config: config.clone(), digest, examples })
    }
}

fn example(document: &Document, field: &str) -> Result<Example> {
    let wrong = |got: &str| {
        let cure = "fix the line, or name the field in eval.text.reference_field";
        Error::run(format!(
            "eval.text: {}: field {field:?}: expected a text or a list of texts, got {got}; {cure}",
            document.id
        ))
    };
    if document.is_blank() {
        return Err(Error::run(format!(
            "eval.text: {}: expected a prompt, got an empty text; fix the line",
            document.id
        )));
    }
    let metadata = document.metadata.as_deref().and_then(|json| serde_json::from_str::<Value>(json).ok());
    let references = match metadata.as_ref().and_then(|fields| fields.get(field)) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
            texts.ok_or_else(|| wrong("a list of something else"))?
        }
        Some(other) => return Err(wrong(&other.to_string())),
        None => return Err(wrong("nothing")),
    };
    Ok(Example { prompt: Some(document.text().to_owned()), hypothesis: String::new(), references })
}

/// The reader names the keys of a source; these are those of `[[eval.text]]`.
fn of_set(error: Error) -> Error {
    let policy = ", or set data.source.invalid_lines to \"skip\"";
    let error = error.reword(|message| {
        message
            .replace(policy, "")
            .replace("data.source.text_field", "eval.text.prompt_field")
            .replace("data.source[0]", "eval.text")
            .replace("data.source.", "eval.text.")
    });
    error.context("eval.text")
}
