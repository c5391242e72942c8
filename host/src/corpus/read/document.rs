//! One document: where it is from, what it holds, what is known of it.

use super::json::{Fields, field};
use serde_json::{Map, Value};

/// What a document holds: what a task learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One text.
    Text(String),
}

impl Content {
    /// The text. Everything but a task handles documents through it alone: filters, deduplication, reports, the store.
    /// A content that is more than a text says here what they see of it.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
        }
    }

    /// The text, without a copy.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl<T: Into<String>> From<T> for Content {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

/// One document of the corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Unique in the corpus and independent of the other files; the split is a function of it.
    pub id: String,
    /// Index in `DataConfig::source`.
    pub source: u16,
    /// Never only white space.
    pub content: Content,
    /// The fields that the source keeps, as one JSON object.
    pub metadata: Option<String>,
}

impl Document {
    /// [`Content::text`]
    pub fn text(&self) -> &str {
        self.content.text()
    }

    /// Whether the text is nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.text().trim().is_empty()
    }

    /// A field of the metadata: text as it is, anything else as JSON.
    pub fn field(&self, name: &str) -> Option<String> {
        let value = field(self.metadata.as_deref()?, name).filter(|value| !value.is_missing())?;
        match value.is_text() {
            true => value.text().ok().and_then(|text| String::from_utf8(text.bytes).ok()),
            false => value.json().ok(),
        }
    }

    /// The metadata for people and programs: what a reader of JSON would change or refuse, such as a number of thirty
    /// digits, is text.
    pub(crate) fn fields(&self) -> Option<Map<String, Value>> {
        let mut object = Map::new();
        let mut fields = Fields::new(self.metadata.as_deref()?.as_bytes());
        while let Ok(Some((name, value))) = fields.next() {
            let Some(name) = name.text().ok().and_then(|name| String::from_utf8(name.bytes).ok()) else { continue };
            let json = value.json().unwrap_or_default();
            let read: Option<Value> = serde_json::from_str(&json).ok();
            let shown = read.as_ref().map(Value::to_string);
            let exact = read.filter(|_| value.number().is_none_or(|number| shown.as_deref() == Some(number)));
            object.insert(name, exact.unwrap_or(Value::String(json)));
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_shown_exactly() {
        let metadata = r#"{"big":12345678901234567890123,"far":1e999,"n":0.5,"many":[1,{"a":null}],"text":"x"}"#;
        let document = Document { metadata: Some(metadata.into()), ..Document::default() };
        let expected = serde_json::json!({
            "big": "12345678901234567890123", "far": "1e999", "n": 0.5, "many": [1, { "a": null }], "text": "x"
        });
        assert_eq!(document.fields().map(Value::Object), Some(expected));
    }
}
