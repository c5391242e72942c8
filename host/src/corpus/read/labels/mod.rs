//! What a document's task learns from besides the text: kept under its key of the metadata, and checked.

mod bio;
mod label;
mod tags;
#[cfg(test)]
mod tests;

use super::counts::{ReadCounts, count};
use super::fault::{Fault, Parsing, Place, Settings};
use crate::Error;
use crate::corpus::read::messages;
use crate::corpus::{LABEL, LabelFrom, MESSAGES, SourceConfig, TAGS, TOOLS, Unlabelled};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The metadata of a document: keys and values as JSON.
pub(super) type Kept<'a> = BTreeMap<&'a str, String>;

/// The metadata as one object; none when there is none.
pub(super) fn object(kept: &Kept<'_>) -> Option<String> {
    let fields: Vec<_> = kept.iter().map(|(key, value)| format!("{}:{value}", Value::from(*key))).collect();
    (!fields.is_empty()).then(|| format!("{{{}}}", fields.join(",")))
}

/// The note of documents whose tags were repaired.
const REPAIRED: &str = "documents with a tag I-… that no B-… begins, read as B-… (data.bio)";

/// What is odd about a value: for reports and for people, both behind the field's name.
struct Odd {
    what: &'static str,
    message: String,
}

impl Odd {
    fn new(what: &'static str, message: String) -> Self {
        Self { what, message }
    }
}

/// Checks what the documents of one file learn from, as the source says where it is.
#[derive(Debug)]
pub(super) struct Labeller<'a> {
    source: &'a SourceConfig,
    settings: Settings,
    /// The label of every document, as JSON.
    label: Option<String>,
}

impl<'a> Labeller<'a> {
    /// For the file at `path`, if it is one.
    pub fn new(source: &'a SourceConfig, settings: Settings, path: Option<&Path>) -> Self {
        let folder = || path?.parent()?.file_name()?.to_str().map(str::to_owned);
        let label = match source.label_from {
            Some(LabelFrom::Folder) => folder(),
            None => source.label.clone(),
        };
        Self { source, settings, label: label.map(|label| Value::from(label).to_string()) }
    }

    /// Completes and checks what was found of the document with this text.
    ///
    /// # Errors
    /// What is missing, or does not fit the text.
    pub fn complete(&self, text: &str, kept: &mut Kept<'a>, place: Place<'_>, counts: &mut ReadCounts) -> Parsing<()> {
        if let Some(label) = &self.label {
            kept.insert(LABEL, label.clone());
        }
        for (key, _) in self.source.fields.kept() {
            if kept.get(key).is_none_or(|value| value == "null") {
                kept.remove(key);
            }
        }
        let missing = |(key, _): &(&str, &str)| !kept.contains_key(key);
        if let Some((key, field)) = self.source.fields.required().find(missing) {
            self.missing(key, field, place, counts)?;
        }
        // other keys may have these names too, of fields that are only kept
        self.source.keys().try_for_each(|key| self.check(key, text, kept, place, counts))
    }

    /// Checks the value of a key, if it is there.
    ///
    /// # Errors
    /// A value that does not fit the text.
    pub fn check(
        &self,
        key: &'static str,
        text: &str,
        kept: &mut Kept<'a>,
        place: Place<'_>,
        counts: &mut ReadCounts,
    ) -> Parsing<()> {
        let Some(json_in_data) = kept.get(key) else { return Ok(()) };
        let name = self.source.fields.kept().find(|(of, _)| *of == key).map_or(key, |(_, field)| field);
        let odd = |odd: Odd| {
            let Odd { what, message } = odd;
            Fault::invalid(format!("the field {name:?} {what}"), format!("field {name:?}: {message}"))
        };
        let range =
            |_| Odd::new("is out of range", "expected finite numbers, got one beyond 64 bits; correct it".into());
        let value: Value = serde_json::from_str(json_in_data).map_err(range).map_err(odd)?;
        let rules = &self.source.labels;
        let changed = match key {
            LABEL => label::check(&value, &rules.label_names).map_err(odd)?,
            TAGS => {
                let checked = tags::check(&value, text, rules).map_err(odd)?;
                if checked.is_repaired {
                    count(&mut counts.notes, REPAIRED, (place.short)());
                }
                checked.json
            }
            MESSAGES => {
                let json = match &value {
                    Value::String(text) => Some(messages::json_of(name, text)?),
                    _ => None,
                };
                let checked = messages::check(json.as_ref().unwrap_or(json_in_data));
                checked.map_err(|(what, message)| odd(Odd { what, message }))?;
                json
            }
            // a template says what is wrong with them
            TOOLS => None,
            _ => label::check_target(&value).map(|()| None).map_err(odd)?,
        };
        if let Some(changed) = changed {
            kept.insert(key, changed);
        }
        Ok(())
    }

    /// Decides what becomes of a document without what the field `field` should hold.
    ///
    /// # Errors
    /// The document goes, or its place is to be named.
    fn missing(&self, key: &str, field: &str, place: Place<'_>, counts: &mut ReadCounts) -> Parsing<()> {
        match self.source.labels.unlabelled {
            Unlabelled::Keep => Ok(()),
            Unlabelled::Skip => {
                count(&mut counts.invalid_lines, &format!("no {key}"), (place.short)());
                Err(Fault::Dropped)
            }
            Unlabelled::Error => {
                let cure = match self.settings {
                    Settings::Config => ", or set data.unlabelled to \"skip\" or \"keep\"",
                    Settings::CommandLine => "",
                };
                let message = format!("{}: no {key} (field {field:?}); add it{cure}", (place.long)());
                Err(Fault::Stop(Error::run(message)))
            }
        }
    }
}
