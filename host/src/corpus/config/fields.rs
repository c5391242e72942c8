//! What `[data]` says of labelled data: which fields hold what a task learns from, and what becomes of odd labels.

use crate::settings::Section;
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

/// The key of a document's metadata that holds its label.
pub const LABEL: &str = "label";
/// The key of a document's metadata that holds the tags of its words, or its labelled spans.
pub const TAGS: &str = "tags";
/// The key of a document's metadata that holds the text that is to be made of its own.
pub const TARGET: &str = "target";
/// The key of a document's metadata that holds the messages of a conversation.
pub const MESSAGES: &str = "messages";
/// The key of a document's metadata that holds the tools that a conversation may use.
pub const TOOLS: &str = "tools";
/// The key of a document's metadata that holds what a conversation begins with, from its system.
pub const SYSTEM: &str = "system";
/// The key of a document's metadata that holds what its text is asked about.
pub const INPUT: &str = "input";

/// Keys of the metadata that a document may lack.
const OPTIONAL: [&str; 3] = [TOOLS, SYSTEM, INPUT];

/// `[data.fields]`, and `[data.source.fields]`, which goes before it: the fields or columns that hold a document's text
/// and what is learnt from besides it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldsConfig {
    /// The text; `source` is another name for it, where the documents are pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The label: text, a number, or a list of texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// One tag per word, or a list of spans with their labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// The text that is to be made of the document's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The messages of a conversation, in place of a text: a list of objects with `role` and `content`, or with `from`
    /// and `value`. The text is what they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<String>,
    /// The tools that a conversation may use. A document may lack them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<String>,
    /// What a conversation begins with, from its system. A document may lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What the text of a pair is asked about, which a conversation has behind it. A document may lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

impl FieldsConfig {
    /// What `[data.fields]` may contain.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let mut named = |key| section.text_that(key, "the name of a field", |text| !text.is_empty());
        let (text, source) = (named("text"), named("source"));
        let fields = Self {
            text: None,
            label: named(LABEL),
            tags: named(TAGS),
            target: named(TARGET),
            messages: named(MESSAGES),
            tools: named(TOOLS),
            system: named(SYSTEM),
            input: named(INPUT),
        };
        if text.is_some() && source.is_some() {
            section.conflict(&["text", "source"], "expected text or source, two names for one field, got both");
        }
        let fields = Self { text: text.or(source), ..fields };
        for (key, field) in [("text", &fields.text), (TARGET, &fields.target), (INPUT, &fields.input)] {
            if fields.messages.is_some() && field.is_some() {
                let message = format!("expected messages, or a text and its target, got messages and {key}");
                section.conflict(&[MESSAGES, key], message);
            }
        }
        let all: Vec<_> = [("text", &fields.text)].into_iter().chain(fields.all()).collect();
        for (index, (key, field)) in all.iter().enumerate() {
            if let Some((other, _)) = all[..index].iter().find(|(_, other)| field.is_some() && other == field) {
                let field = field.as_deref().unwrap_or_default();
                let message = format!("expected another field than that of {other}, got {field:?} for both");
                section.conflict(&[*key, *other], message);
            }
        }
        fields
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same fields, and for what they do not name those of `general`.
    pub(super) fn or(self, general: &Self) -> Self {
        let or = |own: Option<String>, general: &Option<String>| own.or_else(|| general.clone());
        Self {
            text: or(self.text, &general.text),
            label: or(self.label, &general.label),
            tags: or(self.tags, &general.tags),
            target: or(self.target, &general.target),
            messages: or(self.messages, &general.messages),
            tools: or(self.tools, &general.tools),
            system: or(self.system, &general.system),
            input: or(self.input, &general.input),
        }
    }

    /// The fields besides the text by their keys of the metadata.
    fn all(&self) -> [(&'static str, &Option<String>); 7] {
        let Self { text: _, label, tags, target, messages, tools, system, input } = self;
        [
            (LABEL, label),
            (TAGS, tags),
            (TARGET, target),
            (MESSAGES, messages),
            (TOOLS, tools),
            (SYSTEM, system),
            (INPUT, input),
        ]
    }

    /// The fields besides the text, each with the key of the metadata that it is kept under.
    pub fn kept(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.all().into_iter().filter_map(|(key, field)| Some((key, field.as_deref()?)))
    }

    /// The fields that every document has, of those that are kept.
    pub(crate) fn required(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.kept().filter(|(key, _)| !OPTIONAL.contains(key))
    }
}

/// Keys of `[data]` about labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LabelsConfig {
    /// What becomes of a document without its label, tags or target, where the config names a field for them.
    #[serde(skip_serializing_if = "is_default")]
    pub unlabelled: Unlabelled,
    /// What becomes of a tag that is inside an entity which none begins.
    #[serde(skip_serializing_if = "is_default")]
    pub bio: Bio,
    /// Names of the tags that the data number, from 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag_names: Vec<String>,
    /// Names of the labels that the data number, from 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub label_names: Vec<String>,
    /// A field of the metadata, such as `label`: of the documents with the same value, validation and test each have
    /// their share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stratify: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What becomes of a document without its label, tags or target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unlabelled {
    /// Stop, naming the place.
    #[default]
    Error,
    /// Leave it out. Counted, and the first ones named.
    Skip,
    /// Keep it without.
    Keep,
}

/// What becomes of `I-PER` where no `B-PER` or `I-PER` is before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bio {
    /// It begins an entity, and is written so: `B-PER`. Counted, and the first ones named.
    #[default]
    Repair,
    /// Stop, naming the place.
    Refuse,
}

/// What the label of a file is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LabelFrom {
    /// The name of the folder that it is in.
    Folder,
}

/// The columns of a CoNLL file, counted from 0, or from −1 backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ColumnsConfig {
    /// The word.
    pub word: i64,
    /// Its tag.
    pub tag: i64,
}

impl ColumnsConfig {
    /// `data.source.columns`, if it is there.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let any = -1000..=1000;
        section.optional("columns", |section| {
            let columns =
                Self { word: section.integer("word", any.clone(), 0), tag: section.integer("tag", any.clone(), -1) };
            if columns.word == columns.tag {
                section.conflict(&["word", "tag"], format!("expected two columns, got {} for both", columns.tag));
            }
            columns
        })
    }
}

impl LabelsConfig {
    /// All that documents are read by, as text; nothing where nothing is said.
    ///
    /// # Errors
    /// Text that is no JSON, which does not happen.
    pub(crate) fn text(&self) -> Result<String> {
        let read = Self { stratify: None, ..self.clone() };
        match is_default(&read) {
            true => Ok(String::new()),
            false => serde_json::to_string(&read).map_err(|error| Error::run(format!("config as JSON: {error}"))),
        }
    }

    /// Reads the keys about labels in `[data]`. `group` is its key of that name.
    pub(super) fn read(section: &mut Section<'_>, group: Option<&String>) -> Self {
        let unlabelled = [("error", Unlabelled::Error), ("skip", Unlabelled::Skip), ("keep", Unlabelled::Keep)];
        let bio = [("repair", Bio::Repair), ("refuse", Bio::Refuse)];
        let is_named = |text: &str| !text.is_empty();
        let labels = Self {
            unlabelled: section.choice("unlabelled", &unlabelled, Unlabelled::Error),
            bio: section.choice("bio", &bio, Bio::Repair),
            tag_names: section.texts("tag_names", "a list of the tags' names", is_named),
            label_names: section.texts("label_names", "a list of the labels' names", is_named),
            stratify: section.text_that("stratify", "a field of the metadata", is_named),
        };
        for (key, names) in [("tag_names", &labels.tag_names), ("label_names", &labels.label_names)] {
            let twice = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
            if let Some((_, name)) = twice {
                section.problem(key, format!("expected each name once, got {name:?} twice"));
            }
        }
        if labels.stratify.is_some() && group.is_some() {
            let message = "documents of one group are in one split, whatever their labels: remove stratify or group";
            section.conflict(&["stratify", "group"], message);
        }
        labels
    }
}

/// What all sources are read by.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    /// `[data.fields]`
    pub fields: FieldsConfig,
    /// Keys of `[data]` about labels.
    pub labels: LabelsConfig,
    /// Fields of the metadata that splits are decided by.
    pub by: Vec<String>,
}

impl Shared {
    /// Keys of `[data]` that every source is read by. `group` is its key of that name.
    pub fn read(section: &mut Section<'_>, group: Option<&String>) -> Self {
        let fields = section.optional("fields", FieldsConfig::read).unwrap_or_default();
        let labels = LabelsConfig::read(section, group);
        let by = group.into_iter().chain(&labels.stratify).cloned().collect();
        Self { fields, labels, by }
    }
}
