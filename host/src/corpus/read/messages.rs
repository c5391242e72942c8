//! Conversations as documents: what they say is the text.

use super::fault::{Fault, Parsing};
use super::words::{join, words_of};
use crate::chat::Conversation;
use crate::corpus::SourceConfig;
use serde_json::Value;

/// The text of a source's field that holds text: itself, or what the messages say that it holds as JSON.
///
/// # Errors
/// Text that holds something else, where the source has conversations.
pub(super) fn from_text(source: &SourceConfig, text: String) -> Parsing<String> {
    match &source.fields.messages {
        Some(name) if !text.trim().is_empty() => text_of(name, &json_of(name, &text)?),
        _ => Ok(text),
    }
}

/// The text of a source's field that holds the list `json`: of words, or of messages.
///
/// # Errors
/// A list of something else.
pub(super) fn from_list(source: &SourceConfig, json: &str) -> Parsing<String> {
    match &source.fields.messages {
        Some(name) => text_of(name, json),
        None => join(&source.text_field, &words_of(&source.text_field, json)?),
    }
}

/// What the messages in the field `name` say, a blank line between them. `json` holds them: a list of objects.
///
/// # Errors
/// A list of something else.
fn text_of(name: &str, json: &str) -> Parsing<String> {
    let values: Vec<Value> = serde_json::from_str(json).map_err(|_| no_messages(name, "something else"))?;
    let said = |message: &Value| match message.get("content").or(message.get("value")) {
        Some(Value::String(text)) => text.trim().to_owned(),
        // parts of several kinds, of which some are text
        Some(Value::Array(parts)) => {
            let texts: Vec<_> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join(" ")
        }
        _ => String::new(),
    };
    let texts: Vec<String> = values.iter().map(said).filter(|text| !text.is_empty()).collect();
    Ok(texts.join("\n\n"))
}

/// The messages in the field `name` as JSON, where they are text that holds it.
///
/// # Errors
/// Text that holds something else.
pub(super) fn json_of(name: &str, text: &str) -> Parsing<String> {
    match text.trim_start().starts_with('[') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        true => Ok(text.to_owned()),
        false => Err(no_messages(name, "text")),
    }
}

fn no_messages(name: &str, got: &str) -> Fault {
    let message = format!("field {name:?}: expected a list of messages, got {got}; correct it");
    Fault::invalid(format!("the field {name:?} is no list of messages"), message)
}

/// What is wrong with a conversation of these messages.
///
/// # Errors
/// Messages that are none, or of which none is an answer.
pub(super) fn check(json: &str) -> Result<(), (&'static str, String)> {
    match Conversation::from_json(&format!("{{\"messages\":{json}}}")) {
        Err(error) => Err(("is no conversation", error.to_string())),
        Ok(conversation) if conversation.assistants().next().is_none() => {
            let roles: Vec<_> = conversation.roles().collect();
            let got = roles.join(", ");
            Err(("has no answer", format!("expected a message of the assistant, got those of {got}; leave it out")))
        }
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Option<String> {
        text_of("messages", json).ok()
    }

    #[test]
    fn what_messages_say_is_the_text() {
        let both = r#"[{"role":"user","content":" Hi\n"},{"from":"gpt","value":"Ho"},{"role":"tool","content":null}]"#;
        assert_eq!(text(both).as_deref(), Some("Hi\n\nHo"));
        let parts = r#"[{"role":"user","content":[{"type":"image"},{"type":"text","text":"What is this?"}]}]"#;
        assert_eq!(text(parts).as_deref(), Some("What is this?"));
        assert_eq!((text("[]").as_deref(), text("{}")), (Some(""), None));
    }

    #[test]
    fn conversations_have_an_answer() {
        assert_eq!(check(r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"#), Ok(()));
        assert_eq!(check(r#"[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]"#), Ok(()));
        let (what, message) = check(r#"[{"role":"user","content":"a"}]"#).unwrap_err();
        assert_eq!(what, "has no answer");
        assert_eq!(message, "expected a message of the assistant, got those of user; leave it out");
        assert_eq!(check(r#"[{"content":"a"}]"#).unwrap_err().0, "is no conversation");
    }
}
