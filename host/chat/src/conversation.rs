//! Conversations, read from lines of JSON in the spellings that data sets have.

use minijinja::Value;
use minijinja::value::ValueKind;
use std::collections::BTreeMap;
use trainyard_base::{Error, Result};

/// A conversation: messages, each with a role, and the tools that the assistant may call.
#[derive(Debug, Clone)]
pub struct Conversation {
    messages: Vec<Value>,
    tools: Value,
    variables: BTreeMap<String, Value>,
}

/// How a message says who speaks and what.
#[derive(Clone, Copy)]
struct Spelling {
    role: &'static str,
    content: &'static str,
}

const CHAT: Spelling = Spelling { role: "role", content: "content" };
const SHARE_GPT: Spelling = Spelling { role: "from", content: "value" };

/// The speakers of ShareGPT and the roles that they have.
const SPEAKERS: [(&str, &str); 11] = [
    ("human", "user"),
    ("user", "user"),
    ("gpt", "assistant"),
    ("assistant", "assistant"),
    ("chatgpt", "assistant"),
    ("bot", "assistant"),
    ("model", "assistant"),
    ("system", "system"),
    ("tool", "tool"),
    ("observation", "tool"),
    ("function_response", "tool"),
];

impl Conversation {
    /// Reads a conversation from a line of JSON. It has one of three forms, with all further fields of a message kept:
    ///
    /// - `{"messages": [{"role": "user", "content": "Hi"}], "tools": []}`, or `conversations` for `messages`;
    /// - ShareGPT: `{"conversations": [{"from": "human", "value": "Hi"}], "system": ""}`;
    /// - Alpaca: `{"instruction": "", "input": "", "output": "", "system": "", "history": [["", ""]]}`.
    ///
    /// `tools` may also be a string of JSON. `chat_template_kwargs` are variables of the template.
    ///
    /// # Errors
    /// A line of another form, a message without a role, an unknown speaker, or no message.
    pub fn from_json(line: &str) -> Result<Self> {
        let parsed = serde_json::from_str(line);
        let line: Value = parsed.map_err(|error| Error::run(format!("expected a conversation as JSON: {error}")))?;
        if line.kind() != ValueKind::Map {
            return Err(expected("an object with \"messages\"", &line, "write a conversation a line"));
        }
        let list = field(&line, "messages").or_else(|| field(&line, "conversations"));
        let mut messages = match (&list, field(&line, "instruction")) {
            (Some(list), _) => chat(list)?,
            (None, Some(instruction)) => alpaca(&line, &instruction)?,
            (None, None) => {
                let names: Vec<String> = keys(&line).map(|key| format!("{key:?}")).take(8).collect();
                return Err(Error::run(format!(
                    "expected \"messages\", \"conversations\" or \"instruction\", got {}; rename the field",
                    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                )));
            }
        };
        let system = string_field(&line, "system")?.filter(|system| !system.is_empty());
        let has_system = messages.first().is_some_and(|message| role(message) == "system");
        if let Some(system) = system.filter(|_| !has_system) {
            messages.insert(0, message("system", system));
        }
        if messages.is_empty() {
            return Err(Error::run("expected a message or more, got none; leave the line out"));
        }
        let variables = match field(&line, "chat_template_kwargs") {
            Some(given) if given.kind() == ValueKind::Map => {
                keys(&given).map(|key| (key.to_string(), given.get_item(&key).unwrap_or_default())).collect()
            }
            Some(given) => return Err(expected("\"chat_template_kwargs\" to be an object", &given, "leave it out")),
            None => BTreeMap::new(),
        };
        Ok(Self { messages, tools: tools(&line)?, variables })
    }

    /// The number of messages.
    pub fn n_messages(&self) -> usize {
        self.messages.len()
    }

    /// The role of each message.
    pub fn roles(&self) -> impl Iterator<Item = String> {
        self.messages.iter().map(role)
    }

    /// The numbers of the assistant's messages, from 0.
    pub fn assistants(&self) -> impl Iterator<Item = usize> {
        self.messages.iter().enumerate().filter(|(_, message)| role(message) == "assistant").map(|(index, _)| index)
    }

    pub(crate) fn messages(&self) -> &[Value] {
        &self.messages
    }

    /// The tools, or Python's None.
    pub(crate) fn tools(&self) -> &Value {
        &self.tools
    }

    pub(crate) fn variables(&self) -> &BTreeMap<String, Value> {
        &self.variables
    }
}

fn expected(what: &str, got: &Value, cure: &str) -> Error {
    let kind = match got.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::Bool => got.to_string().to_lowercase(),
        ValueKind::Number => got.to_string(),
        ValueKind::String => "a string".to_owned(),
        ValueKind::Map => "an object".to_owned(),
        _ => "a list".to_owned(),
    };
    Error::run(format!("expected {what}, got {kind}; {cure}"))
}

fn keys(map: &Value) -> impl Iterator<Item = Value> {
    map.try_iter().into_iter().flatten()
}

/// A field of an object, where it is there and not null.
fn field(map: &Value, name: &str) -> Option<Value> {
    map.get_attr(name).ok().filter(|value| !value.is_undefined() && !value.is_none())
}

fn string_field(map: &Value, name: &str) -> Result<Option<String>> {
    let cure = "write it as text";
    match field(map, name) {
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(expected(&format!("{name:?} to be a string"), &value, cure)),
        },
        None => Ok(None),
    }
}

fn role(message: &Value) -> String {
    field(message, CHAT.role).and_then(|role| role.as_str().map(str::to_owned)).unwrap_or_default()
}

fn message(role: &str, content: String) -> Value {
    Value::from_pairs([(CHAT.role, Value::from(role)), (CHAT.content, Value::from(content))])
}

/// The messages of a list, each in one of the two spellings.
fn chat(list: &Value) -> Result<Vec<Value>> {
    if list.kind() != ValueKind::Seq {
        return Err(expected("a list of messages", list, "write the messages in []"));
    }
    let mut messages = Vec::new();
    for (index, given) in keys(list).enumerate() {
        let number = index + 1;
        let wrong = |error: Error| error.context(format!("message {number}"));
        if given.kind() != ValueKind::Map {
            let what = "an object with \"role\" and \"content\"";
            return Err(wrong(expected(what, &given, "write it in {}")));
        }
        let (spelling, speaker) = match (string_field(&given, CHAT.role), string_field(&given, SHARE_GPT.role)) {
            (Ok(Some(role)), _) => (CHAT, role),
            (Ok(None), Ok(Some(speaker))) => (SHARE_GPT, speaker),
            (Ok(None), Ok(None)) => {
                let cure = "say who speaks, such as \"role\": \"user\"";
                return Err(wrong(Error::run(format!("expected \"role\" (or \"from\"), got neither; {cure}"))));
            }
            (Err(error), _) | (_, Err(error)) => return Err(wrong(error)),
        };
        messages.push(match spelling.role {
            "role" => given,
            _ => renamed(&given, &speaker).map_err(wrong)?,
        });
    }
    Ok(messages)
}

/// A message of ShareGPT with a role and content, at the places of speaker and value.
fn renamed(given: &Value, speaker: &str) -> Result<Value> {
    let found = SPEAKERS.iter().find(|(name, _)| *name == speaker);
    let Some((_, role)) = found else {
        let known: Vec<_> = SPEAKERS.iter().map(|(name, _)| *name).collect();
        return Err(Error::run(format!(
            "expected \"from\" to be one of {}, got {speaker:?}; rename the speaker, or write \"role\" and \"content\"",
            known.join(", ")
        )));
    };
    let pairs = keys(given).filter_map(|key| {
        let value = given.get_item(&key).ok()?;
        Some(match key.as_str() {
            Some(name) if name == SHARE_GPT.role => (Value::from(CHAT.role), Value::from(*role)),
            Some(name) if name == SHARE_GPT.content => (Value::from(CHAT.content), value),
            _ => (key, value),
        })
    });
    Ok(Value::from_pairs(pairs))
}

/// The messages of an instruction, after those of its history.
fn alpaca(line: &Value, instruction: &Value) -> Result<Vec<Value>> {
    let mut messages = Vec::new();
    for (index, pair) in field(line, "history").iter().flat_map(keys).enumerate() {
        let texts: Vec<Value> = keys(&pair).collect();
        let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
        let (ValueKind::Seq, [asked, answered]) = (pair.kind(), texts.as_slice()) else {
            let wrong = expected("[instruction, output]", &pair, "write a pair of strings");
            return Err(wrong.context(format!("\"history\", pair {}", index + 1)));
        };
        messages.push(message("user", (*asked).to_owned()));
        messages.push(message("assistant", (*answered).to_owned()));
    }
    let Some(instruction) = instruction.as_str() else {
        return Err(expected("\"instruction\" to be a string", instruction, "write it as text"));
    };
    let input = string_field(line, "input")?.filter(|input| !input.is_empty());
    let asked = [Some(instruction.to_owned()).filter(|text| !text.is_empty()), input];
    messages.push(message("user", asked.into_iter().flatten().collect::<Vec<_>>().join("\n")));
    match string_field(line, "output")? {
        Some(output) => messages.push(message("assistant", output)),
        None => return Err(Error::run("expected \"output\" beside \"instruction\", got none; add the answer")),
    }
    Ok(messages)
}

fn tools(line: &Value) -> Result<Value> {
    let Some(given) = field(line, "tools") else { return Ok(Value::from(())) };
    let given = match given.as_str().map(str::trim) {
        None => given,
        Some("") => Value::from(()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Error::run(format!("\"tools\": expected a list as JSON in the string: {error}")))?,
    };
    match given.kind() {
        ValueKind::Seq | ValueKind::None => Ok(given),
        _ => Err(expected("\"tools\" to be a list", &given, "write the tools in []")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let conversation = Conversation::from_json(line).expect(line);
        assert_eq!(Value::from(conversation.messages).to_string(), expected);
    }

    #[test]
    fn three_spellings_are_read() {
        check(
            r#"{"messages":[{"z":1,"role":"user","content":"a","b":[{"y":1,"x":2}]}],"system":"s"}"#,
            "[{'role': 'system', 'content': 's'}, {'z': 1, 'role': 'user', 'content': 'a', 'b': [{'y': 1, 'x': 2}]}]",
        );
        check(r#"{"conversations":[{"role":"critic","content":null}]}"#, "[{'role': 'critic', 'content': None}]");
        check(
            r#"{"conversations":[{"weight":0,"from":"human","value":"a"},{"value":"b","from":"gpt"}],"system":""}"#,
            "[{'weight': 0, 'role': 'user', 'content': 'a'}, {'content': 'b', 'role': 'assistant'}]",
        );
        check(
            r#"{"instruction":"a","input":"b","output":"c","system":"s","history":[["d","e"]]}"#,
            "[{'role': 'system', 'content': 's'}, {'role': 'user', 'content': 'd'}, {'role': 'assistant', 'content': 'e'}, {'role': 'user', 'content': 'a\\nb'}, {'role': 'assistant', 'content': 'c'}]",
        );
    }

    #[test]
    fn tools_and_variables_are_read() {
        let line = r#"{"messages":[{"role":"user"}],"tools":"[{\"a\": 1}]","chat_template_kwargs":{"x":true}}"#;
        let conversation = Conversation::from_json(line).expect("a conversation");
        assert_eq!(conversation.tools().to_string(), "[{'a': 1}]");
        assert_eq!(conversation.variables()["x"], Value::from(true));
        assert_eq!((conversation.n_messages(), conversation.assistants().count()), (1, 0));
        assert_eq!(conversation.roles().collect::<Vec<_>>(), ["user"]);
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        for (line, expected) in [
            ("", "expected a conversation as JSON: EOF while parsing a value at line 1 column 0"),
            ("[1]", "expected an object with \"messages\", got a list; write a conversation a line"),
            (
                "{\"text\":1}",
                "expected \"messages\", \"conversations\" or \"instruction\", got 'text'; rename the field",
            ),
            ("{\"messages\":[]}", "expected a message or more, got none; leave the line out"),
            ("{\"messages\":\"a\"}", "expected a list of messages, got a string; write the messages in []"),
            (
                "{\"messages\":[{\"role\":\"user\"},3]}",
                "message 2: expected an object with \"role\" and \"content\", got 3; write it in {}",
            ),
            (
                "{\"messages\":[{\"content\":\"a\"}]}",
                "message 1: expected \"role\" (or \"from\"), got neither; say who speaks, such as \"role\": \"user\"",
            ),
            ("{\"messages\":[{\"role\":7}]}", "message 1: expected \"role\" to be a string, got 7; write it as text"),
            (
                "{\"conversations\":[{\"from\":\"dog\"}]}",
                "message 1: expected \"from\" to be one of human, user, gpt, assistant, chatgpt, bot, model, system, tool, observation, function_response, got \"dog\"; rename the speaker, or write \"role\" and \"content\"",
            ),
            ("{\"instruction\":\"a\"}", "expected \"output\" beside \"instruction\", got none; add the answer"),
            (
                "{\"instruction\":\"a\",\"output\":\"b\",\"history\":[[\"c\"]]}",
                "\"history\", pair 1: expected [instruction, output], got a list; write a pair of strings",
            ),
            (
                "{\"messages\":[{\"role\":\"user\"}],\"tools\":{}}",
                "expected \"tools\" to be a list, got an object; write the tools in []",
            ),
        ] {
            assert_eq!(Conversation::from_json(line).expect_err(line).to_string(), expected);
        }
        let deep = format!("{{\"messages\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Conversation::from_json(&deep).is_err());
    }
}
