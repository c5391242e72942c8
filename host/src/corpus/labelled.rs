//! What a document's metadata hold to learn from: its label, the tags of its words, its target.

use super::read::Document;
use super::{INPUT, LABEL, MESSAGES, SYSTEM, TAGS, TARGET, TOOLS};
use serde_json::Value;
use std::ops::Range;

/// The label of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// One: a name, or a number as it is written.
    One(String),
    /// Any number of names, where a document has several labels or none.
    Many(Vec<String>),
}

impl Label {
    /// The finite number that one label is written as, to learn a value rather than a class.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::One(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Many(_) => None,
        }
    }

    /// The names, one or many.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// What is said of parts of a document's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// One tag per word; words are what white space separates.
    Words(Vec<String>),
    /// Labelled spans, which do not overlap, in the order in which the data have them.
    Spans(Vec<LabelledSpan>),
}

/// A labelled part of a text, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledSpan {
    /// First character.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
    /// Its label.
    pub label: String,
}

impl Tags {
    /// The bytes of the text that each word, or span, has, with its tag; in the order of the text.
    pub fn ranges(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        match self {
            Self::Words(tags) => word_ranges(text).into_iter().zip(tags.iter().map(String::as_str)).collect(),
            Self::Spans(spans) => {
                let mut spans: Vec<_> = spans.iter().collect();
                spans.sort_by_key(|span| span.start);
                let mut bytes = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).enumerate();
                let mut byte = |char: usize| bytes.by_ref().find(|(index, _)| *index == char).map(|(_, byte)| byte);
                let mut last = (0, 0);
                let mut ranges = Vec::with_capacity(spans.len());
                for span in spans {
                    // a span may begin where the one before it ends
                    let start = if span.start == last.0 { Some(last.1) } else { byte(span.start) };
                    let (Some(start), Some(end)) = (start, byte(span.end)) else { break };
                    last = (span.end, end);
                    ranges.push((start..end, span.label.as_str()));
                }
                ranges
            }
        }
    }

    /// Whether they say the same of another text: it has as many words, or the same characters in every span.
    fn fit(&self, text: &str, other: &str) -> bool {
        match self {
            Self::Words(_) => text.split_whitespace().count() == other.split_whitespace().count(),
            Self::Spans(spans) => {
                let (before, after) = (self.ranges(text), self.ranges(other));
                let pieces = before.iter().zip(&after);
                after.len() == spans.len()
                    && pieces.into_iter().all(|((a, _), (b, _))| text[a.clone()] == other[b.clone()])
            }
        }
    }
}

/// The bytes of each word of a text.
pub fn word_ranges(text: &str) -> Vec<Range<usize>> {
    let base = text.as_ptr() as usize;
    let range = |word: &str| {
        let start = word.as_ptr() as usize - base;
        start..start + word.len()
    };
    text.split_whitespace().map(range).collect()
}

impl Document {
    /// The label, if it has one.
    pub fn label(&self) -> Option<Label> {
        let name = |value: Value| match value {
            Value::String(name) => Some(name),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        match self.value(LABEL)? {
            Value::Array(items) => items.into_iter().map(name).collect::<Option<_>>().map(Label::Many),
            value => name(value).map(Label::One),
        }
    }

    /// The tags of its words or its labelled spans, if it has any. Those of a document without a labelled span are an
    /// empty list of spans.
    pub fn tags(&self) -> Option<Tags> {
        let Value::Array(items) = self.value(TAGS)? else { return None };
        if items.iter().all(Value::is_string) && !items.is_empty() {
            let tag = |item: Value| item.as_str().map(str::to_owned);
            return items.into_iter().map(tag).collect::<Option<_>>().map(Tags::Words);
        }
        items.iter().map(LabelledSpan::of).collect::<Option<_>>().map(Tags::Spans)
    }

    /// The text that is to be made of its own, if it has one.
    pub fn target(&self) -> Option<String> {
        self.value(TARGET)?.as_str().map(str::to_owned)
    }

    /// Its conversation as JSON, in one of the forms that data sets have: its messages, or its text as an instruction
    /// and its target as the answer.
    pub fn conversation(&self) -> String {
        let metadata = self.metadata.as_deref().unwrap_or_default();
        let json = |key: &str| super::read::json_field(metadata, key);
        let own = Value::from(self.text()).to_string();
        let messages = json(MESSAGES);
        let pair = [("instruction", Some(own)), ("input", json(INPUT)), ("output", json(TARGET))];
        let fields = match messages {
            Some(messages) => vec![("messages", Some(messages))],
            None => pair.into(),
        };
        let fields = fields.into_iter().chain([("system", json(SYSTEM)), ("tools", json(TOOLS))]);
        let fields: Vec<_> = fields.filter_map(|(key, json)| Some(format!("\"{key}\":{}", json?))).collect();
        format!("{{{}}}", fields.join(","))
    }

    /// Whether another text may take the place of its own: what its tags say of the text is true of the other, and no
    /// messages say it.
    pub(crate) fn may_become(&self, text: &str) -> bool {
        self.tags().is_none_or(|tags| tags.fit(self.text(), text)) && self.value(MESSAGES).is_none()
    }

    fn value(&self, key: &str) -> Option<Value> {
        let json = super::read::json_field(self.metadata.as_deref()?, key)?;
        serde_json::from_str(&json).ok()
    }
}

/// Names of an object's fields for the parts of a span.
const STARTS: [&str; 2] = ["start", "begin"];
const ENDS: [&str; 1] = ["end"];
const LABELS: [&str; 3] = ["label", "type", "tag"];

/// Start, end and label of a span: the three items of a list, or fields of an object.
pub(super) fn parts_of_span(item: &Value) -> Option<(u64, u64, &Value)> {
    let part = |index: usize, names: &[&str]| match item {
        Value::Array(parts) => parts.get(index).filter(|_| parts.len() == 3),
        _ => names.iter().find_map(|name| item.get(name)),
    };
    Some((part(0, &STARTS)?.as_u64()?, part(1, &ENDS)?.as_u64()?, part(2, &LABELS)?))
}

impl LabelledSpan {
    fn of(item: &Value) -> Option<Self> {
        let (start, end, label) = parts_of_span(item)?;
        let place = |place: u64| usize::try_from(place).ok();
        Some(Self { start: place(start)?, end: place(end)?, label: label.as_str()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, metadata: &str) -> Document {
        Document { content: text.into(), metadata: Some(metadata.into()), ..Document::default() }
    }

    #[test]
    fn metadata_hold_what_is_learnt_from() {
        let label = |json: &str| document("a", &format!("{{\"label\":{json}}}")).label();
        assert_eq!(label("\"x\""), Some(Label::One("x".into())));
        assert_eq!(label("3").and_then(|label| label.number()), Some(3.0));
        assert_eq!(label("\"2.5\"").and_then(|label| label.number()), Some(2.5));
        assert_eq!(label("\"inf\"").and_then(|label| label.number()), None);
        assert_eq!(label("[\"x\",\"y\"]").unwrap().names(), ["x", "y"]);
        assert_eq!(document("a", "{\"target\":\"b\"}").target().as_deref(), Some("b"));
        assert_eq!(document("a", "{}").label(), None);
    }

    #[test]
    fn tags_have_their_places_in_bytes() {
        let text = "\u{e4}b  \u{4e2d}\u{6587} c";
        let ranges = |tags: &str| {
            let tags = document(text, &format!("{{\"tags\":{tags}}}")).tags().unwrap();
            tags.ranges(text).into_iter().map(|(range, tag)| (&text[range], tag.to_owned())).collect::<Vec<_>>()
        };
        let own = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            pairs.iter().map(|&(text, tag)| (text, tag.to_owned())).collect()
        };
        let words = own(&[("\u{e4}b", "O"), ("\u{4e2d}\u{6587}", "B-X"), ("c", "O")]);
        assert_eq!(ranges(r#"["O","B-X","O"]"#), words);
        let spans = own(&[("\u{e4}", "A"), ("b", "B"), ("\u{6587}", "C")]);
        assert_eq!(ranges(r#"[[5,6,"C"],{"begin":0,"end":1,"type":"A"},[1,2,"B"]]"#), spans);
        assert!(ranges("[]").is_empty());
    }

    #[test]
    fn a_text_may_be_rewritten_where_its_tags_still_fit() {
        let words = document("a  b", r#"{"tags":["O","O"]}"#);
        assert!(words.may_become("a B") && !words.may_become("ab"));
        let spans = document("Ann in Ulm.", r#"{"tags":[[7,10,"LOC"]]}"#);
        assert!(spans.may_become("Ann IN Ulm") && !spans.may_become("Ann Ulm."));
        assert!(document("a b", "{}").may_become("c"));
    }
}
