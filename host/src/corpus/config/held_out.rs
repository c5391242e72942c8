//! `[data.held_out]`: text that is measured as it is, whatever the filters do to the text that is trained on.

use super::fields::Shared;
use super::{DataConfig, SourceConfig};
use crate::corpus::prepare::Judged;
use crate::corpus::read::{Document, documents, source_digest};
use crate::corpus::split::Split;
use crate::corpus::strata::Splitter;
use crate::settings::Section;
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// `[data.held_out]`: the text of the test split, and of validation if a share says so. No filter, cleaner or
/// deduplication sees it, so that runs with other filters are measured on the same text.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HeldOutConfig {
    /// Place of the text and how it is read, as a `[[data.source]]` says it.
    #[serde(flatten, serialize_with = "as_read")]
    pub source: SourceConfig,
    /// Share of its documents that validation takes, 0 to below 1. At 0 validation is a share of the sources.
    pub validation: f64,
}

/// Keys of a source that have no meaning for text that is only measured, and why.
const NOT_OF_HELD_OUT: [(&str, &str); 2] =
    [("weight", "held-out text is not trained on: remove the key"), ("filter", FILTERED)];

const FILTERED: &str = "held-out text is measured as it is: give filters to [data] or to a [[data.source]]";

/// Without the keys that [`HeldOutConfig::read`] refuses.
fn as_read<S: Serializer>(source: &SourceConfig, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut table = toml::Table::try_from(source).map_err(serde::ser::Error::custom)?;
    NOT_OF_HELD_OUT.iter().for_each(|(key, _)| drop(table.remove(*key)));
    table.serialize(serializer)
}

impl HeldOutConfig {
    /// What `[data.held_out]` may contain.
    pub(super) fn read(section: &mut Section<'_>, shared: &Shared) -> Self {
        NOT_OF_HELD_OUT.iter().for_each(|(key, why)| section.misplaced(key, why));
        let mut source = SourceConfig::read(section, shared);
        if source.name.is_empty() {
            source.name = SourceConfig::new(&source.path).name;
        }
        Self { source, validation: section.number("validation", 0.0..1.0, 0.0) }
    }

    /// Says whether the documents of `split` are from here.
    pub fn gives(&self, split: Split) -> bool {
        match split {
            Split::Train => false,
            Split::Validation => self.validation > 0.0,
            Split::Test => true,
        }
    }

    /// SHA-256 of its files.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn digest(&self) -> Result<String> {
        source_digest(&self.reading()).map_err(in_held_out)
    }

    /// All that its documents, and their splits, are a function of.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub(crate) fn identity(&self) -> Result<String> {
        let source = SourceConfig { path: std::path::PathBuf::new(), name: String::new(), ..self.source.clone() };
        let config = serde_json::to_string(&Self { source, ..self.clone() });
        let config = config.map_err(|error| Error::run(format!("config as JSON: {error}")))?;
        // nothing is added where nothing is said of labels, so that what older programs made stays
        let labels = self.source.labels.text()?;
        Ok(format!("{config} {}{labels}", self.digest()?))
    }

    /// How it is read: as a corpus of its own, which nothing filters.
    pub(crate) fn reading(&self) -> DataConfig {
        DataConfig::new(vec![self.source.clone()])
    }

    /// Every document with its split: validation or test. `reading` is [`HeldOutConfig::reading`].
    ///
    /// # Errors
    /// Files that cannot be read.
    pub(crate) fn documents<'a>(
        &self,
        reading: &'a DataConfig,
        group: Option<&String>,
    ) -> Result<impl Iterator<Item = Result<(Split, Document)>> + Send + use<'a>> {
        let shares = DataConfig { validation: self.validation, group: group.cloned(), ..DataConfig::new(Vec::new()) };
        let documents = documents(reading).map_err(in_held_out)?;
        Ok(documents.map(move |document| {
            let document = document.map_err(in_held_out)?;
            let judged = Judged::new(document);
            let split = match judged.split(&Splitter::plain(&shares)) {
                Split::Validation => Split::Validation,
                Split::Train | Split::Test => Split::Test,
            };
            Ok((split, judged.document))
        }))
    }

    /// Every split that is from here has a document; found out before hours go into a tokenizer.
    ///
    /// # Errors
    /// A split without a document, files that cannot be read.
    pub(in crate::corpus) fn check(&self, group: Option<&String>) -> Result<()> {
        let reading = self.reading();
        let (mut test, mut validation) = (0u64, 0u64);
        for document in self.documents(&reading, group)? {
            match document?.0 {
                Split::Validation => validation += 1,
                Split::Train | Split::Test => test += 1,
            }
        }
        let (path, all) = (self.source.path.display(), test + validation);
        let cure = "cut the text into more documents (data.held_out.document) or add some";
        match (test, validation) {
            (0, 0) => Err(Error::run(format!("data.held_out: {path}: holds no text; name a file that does"))),
            (0, _) => Err(Error::run(format!(
                "data.held_out: {path}: validation takes all {all} documents and leaves none to test; lower \
                 data.held_out.validation, or {cure}"
            ))),
            (_, 0) if self.validation > 0.0 => Err(Error::run(format!(
                "data.held_out: {path}: none of {all} documents is in the validation split with data.held_out.validation \
                 = {}; raise it, set it to 0, or {cure}",
                self.validation
            ))),
            _ => Ok(()),
        }
    }
}

/// The reader names the keys of a source; these are those of `[data.held_out]`.
fn in_held_out(error: Error) -> Error {
    error.reword(|message| message.replace("data.source[0]", "data.held_out").replace("data.source.", "data.held_out."))
}
