//! Tags of words and labelled spans, against the text that they are of.

use super::Odd;
use super::bio::to_bio;
use crate::corpus::LabelsConfig;
use crate::corpus::labelled::parts_of_span;
use serde_json::Value;

/// What the tags are after they were checked.
#[derive(Debug)]
pub(super) struct Checked {
    /// The tags as JSON, where they changed.
    pub json: Option<String>,
    pub is_repaired: bool,
}

/// Checks the tags of a text: one per word, the words being what white space separates, or spans.
///
/// # Errors
/// Tags of another number than words, spans that are outside of the text or overlap, labels that are no text.
pub(super) fn check(value: &Value, text: &str, rules: &LabelsConfig) -> Result<Checked, Odd> {
    match value {
        Value::String(tags) => {
            of_words(tags.split_whitespace().map(Value::from).collect::<Vec<_>>().as_slice(), text, rules)
        }
        Value::Array(items) if items.iter().all(|item| item.is_array() || item.is_object()) => {
            spans(items, text, rules)
        }
        Value::Array(items) => of_words(items, text, rules),
        other => {
            let message =
                format!("expected a list of one tag per word, or of spans [start, end, \"LABEL\"], got {other}");
            Err(Odd::new("is no list of tags", format!("{message}; correct it")))
        }
    }
}

fn of_words(items: &[Value], text: &str, rules: &LabelsConfig) -> Result<Checked, Odd> {
    let tags = items.iter().map(|item| name(item, &rules.tag_names)).collect::<Result<Vec<_>, _>>()?;
    let n_words = text.split_whitespace().count();
    if tags.len() != n_words {
        let (n, some) = (tags.len(), if tags.len() > n_words { "too many" } else { "too few" });
        let message = format!("expected one tag for each of {n_words} words, got {n}, which is {some}; correct it");
        return Err(Odd::new("has another number of tags than of words", message));
    }
    let tagged = to_bio(tags, rules.bio)?;
    let written: Vec<Value> = tagged.tags.into_iter().map(Value::from).collect();
    let json = (written != items).then(|| Value::from(written).to_string());
    Ok(Checked { json, is_repaired: tagged.is_repaired })
}

/// The name of a tag, or of a span's label.
fn name(item: &Value, names: &[String]) -> Result<String, Odd> {
    match item {
        Value::String(name) if !name.trim().is_empty() => Ok(name.clone()),
        Value::Number(number) => {
            let index = number.as_u64().and_then(|number| usize::try_from(number).ok());
            let message = match names.len() {
                0 => format!(
                    "expected names of tags, got the number {number}; write names, or list them in data.tag_names"
                ),
                n => {
                    format!("expected a tag's number from 0 to {}, got {number}; correct it, or data.tag_names", n - 1)
                }
            };
            index.and_then(|index| names.get(index)).cloned().ok_or_else(|| Odd::new("has numbers for tags", message))
        }
        other => {
            Err(Odd::new("has tags that are no names", format!("expected the name of a tag, got {other}; write it")))
        }
    }
}

/// A labelled part of a text, in characters.
struct Span {
    start: u64,
    end: u64,
    /// The label's name where the data number it.
    label: String,
}

fn spans(items: &[Value], text: &str, rules: &LabelsConfig) -> Result<Checked, Odd> {
    let n_chars = text.chars().count() as u64;
    let spans = items.iter().map(|item| span(item, n_chars, &rules.tag_names)).collect::<Result<Vec<_>, _>>()?;
    let mut ordered: Vec<_> = spans.iter().zip(items).collect();
    ordered.sort_by_key(|(span, _)| span.start);
    if let Some([(_, before), (_, after)]) =
        ordered.array_windows().find(|[before, after]| before.0.end > after.0.start)
    {
        let message = format!("expected spans that do not overlap, got {before} and {after}; remove one of them");
        return Err(Odd::new("has spans that overlap", message));
    }
    let is_numbered = items.iter().any(|item| parts_of_span(item).is_some_and(|(.., label)| label.is_number()));
    let written = |span: Span| Value::from(vec![span.start.into(), span.end.into(), Value::from(span.label)]);
    let json = is_numbered.then(|| spans.into_iter().map(written).collect::<Value>().to_string());
    Ok(Checked { json, is_repaired: false })
}

fn span(item: &Value, n_chars: u64, names: &[String]) -> Result<Span, Odd> {
    let Some((start, end, label)) = parts_of_span(item) else {
        let message = format!("expected a span [start, end, \"LABEL\"], got {item}; correct it");
        return Err(Odd::new("has spans without start, end or label", message));
    };
    let label = name(label, names)?;
    if start >= end {
        let message = format!("expected a span whose start is before its end, got {item}; correct it");
        return Err(Odd::new("has spans that are empty", message));
    }
    if end > n_chars {
        let message = format!("expected a span inside the text's {n_chars} characters, got {item}; correct it");
        return Err(Odd::new("has spans outside of the text", message));
    }
    Ok(Span { start, end, label })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(value: Value, names: &[&str]) -> Result<Option<String>, String> {
        let tag_names = names.iter().map(|&name| name.to_owned()).collect();
        let rules = LabelsConfig { tag_names, ..LabelsConfig::default() };
        check(&value, "Ann in Ulm", &rules).map(|checked| checked.json).map_err(|odd| odd.message)
    }

    #[test]
    fn tags_and_spans_are_kept_as_they_are_or_named() {
        let object = json!([{ "begin": 0, "end": 3, "type": "PER" }, { "start": 7, "end": 10, "label": "LOC" }]);
        let spans = json!([[7, 10, "LOC"], [0, 3, "PER"]]);
        for value in [json!(["B-PER", "O", "B-LOC"]), json!(["NN", "IN", "NN"]), spans, object, json!([])] {
            assert_eq!(checked(value.clone(), &[]), Ok(None), "{value}");
        }
        assert_eq!(checked(json!("I-PER O S-LOC"), &[]), Ok(Some(r#"["B-PER","O","B-LOC"]"#.into())));
        let names = ["O", "B-PER", "B-LOC"];
        assert_eq!(checked(json!([1, 0, 2]), &names), Ok(Some(r#"["B-PER","O","B-LOC"]"#.into())));
        assert_eq!(checked(json!([[0, 3, 1]]), &names), Ok(Some(r#"[[0,3,"B-PER"]]"#.into())));
    }

    #[test]
    fn what_does_not_fit_the_text_is_said() {
        for (value, expected) in [
            (json!(["O", "O", "O", "O"]), "expected one tag for each of 3 words, got 4, which is too many; correct it"),
            (json!(["O"]), "expected one tag for each of 3 words, got 1, which is too few; correct it"),
            (json!([1, 0, 2]), "expected names of tags, got the number 1; write names, or list them in data.tag_names"),
            (json!(["O", null, "O"]), "expected the name of a tag, got null; write it"),
            (json!(["O", [0, 1, "A"], "O"]), "expected the name of a tag, got [0,1,\"A\"]; write it"),
            (json!([[0, 11, "A"]]), "expected a span inside the text's 10 characters, got [0,11,\"A\"]; correct it"),
            (json!([[3, 3, "A"]]), "expected a span whose start is before its end, got [3,3,\"A\"]; correct it"),
            (json!([[0, 3]]), "expected a span [start, end, \"LABEL\"], got [0,3]; correct it"),
            (json!([[-1, 3, "A"]]), "expected a span [start, end, \"LABEL\"], got [-1,3,\"A\"]; correct it"),
            (
                json!([[4, 8, "B"], [0, 5, "A"]]),
                "expected spans that do not overlap, got [0,5,\"A\"] and [4,8,\"B\"]; remove one of them",
            ),
            (json!(7), "expected a list of one tag per word, or of spans [start, end, \"LABEL\"], got 7; correct it"),
        ] {
            assert_eq!(checked(value, &[]), Err(expected.into()));
        }
        let expected = "expected a tag's number from 0 to 1, got 2; correct it, or data.tag_names";
        assert_eq!(checked(json!([0, 2, 1]), &["O", "B"]), Err(expected.into()));
    }
}
