//! Chat templates and special tokens in the folder of a Hugging Face model.

use crate::{Template, Tokens};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use trainyard_base::{Error, Result, files};

/// What such a file has at most: templates have kilobytes.
const MAX_BYTES: u64 = 64 << 20;

/// The template that is used where none is named.
const DEFAULT: &str = "default";
/// The template for conversations with tools, where none is named.
const WITH_TOOLS: &str = "tool_use";

impl Template {
    /// Reads the template and the special tokens of a Hugging Face model's folder. The template is in
    /// `chat_template.jinja` and `additional_chat_templates/NAME.jinja`, in `tokenizer_config.json`, or in
    /// `chat_template.json`; where there are several, `name` chooses one. Without a name it is `default`, and
    /// `tool_use` for conversations with tools.
    ///
    /// # Errors
    /// No template, none of that name, a file that cannot be read, or a mistake in the template.
    pub fn from_folder(folder: &Path, name: Option<&str>) -> Result<Self> {
        let config = object(folder, "tokenizer_config.json")?.unwrap_or_default();
        let sources = sources(folder, &config)?;
        let tokens = tokens(folder, &config)?;
        let wrong = |error: Error| error.context(folder.display());
        let missing = |wanted: &str| {
            let names: Vec<_> = sources.keys().map(String::as_str).collect();
            let got = if names.is_empty() { "none".to_owned() } else { format!("those named {}", names.join(", ")) };
            wrong(Error::usage(format!(
                "expected a chat template {wanted} in chat_template.jinja or tokenizer_config.json, got {got}; name \
                 another, or give a template's file"
            )))
        };
        match name {
            Some(name) => {
                let source = sources.get(name).ok_or_else(|| missing(&format!("named {name:?}")))?;
                Template::new(source, &tokens).map_err(wrong)
            }
            None => Self::find(folder, &tokens)?.ok_or_else(|| missing("named \"default\"")),
        }
    }

    /// Reads the template of a folder with these special tokens; none where it has no template.
    ///
    /// # Errors
    /// As [`Template::from_folder`].
    pub fn find(folder: &Path, tokens: &Tokens) -> Result<Option<Self>> {
        let config = object(folder, "tokenizer_config.json")?.unwrap_or_default();
        let sources = sources(folder, &config)?;
        let wrong = |error: Error| error.context(folder.display());
        let Some(source) = sources.get(DEFAULT) else { return Ok(None) };
        let template = Template::new(source, tokens).map_err(wrong)?;
        match sources.get(WITH_TOOLS) {
            Some(source) => template.with_tools(source).map(Some).map_err(wrong),
            None => Ok(Some(template)),
        }
    }

    /// Reads the special tokens of a Hugging Face model's folder.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn tokens_of_folder(folder: &Path) -> Result<Tokens> {
        let config = object(folder, "tokenizer_config.json")?.unwrap_or_default();
        tokens(folder, &config)
    }

    /// Reads a template from a file.
    ///
    /// # Errors
    /// A file that cannot be read, a mistake in the source.
    pub fn from_file(path: &Path, tokens: &Tokens) -> Result<Self> {
        Self::new(&text(path)?, tokens).map_err(|error| error.context(path.display()))
    }
}

fn text(path: &Path) -> Result<String> {
    files::read_text(path, MAX_BYTES).map_err(|error| Error::io(path, "read", &error))
}

/// The object in a file of JSON, where the file is there.
fn object(folder: &Path, file: &str) -> Result<Option<Map<String, Value>>> {
    let path = folder.join(file);
    if !path.is_file() {
        return Ok(None);
    }
    let parsed = serde_json::from_str(&text(&path)?);
    parsed.map(Some).map_err(|error| Error::run(format!("{}: expected an object in JSON: {error}", path.display())))
}

/// The templates by name, from the first place that has any.
fn sources(folder: &Path, config: &Map<String, Value>) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let alone = folder.join("chat_template.jinja");
    if alone.is_file() {
        found.insert(DEFAULT.to_owned(), text(&alone)?);
    }
    let others = folder.join("additional_chat_templates");
    if others.is_dir() {
        let wrong = |error: std::io::Error| Error::io(&others, "read", &error);
        for entry in std::fs::read_dir(&others).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jinja")) {
                found.insert(name.to_owned(), text(&path)?);
            }
        }
    }
    if found.is_empty() {
        add(&mut found, config.get("chat_template"))?;
    }
    if found.is_empty() {
        let processor = object(folder, "chat_template.json")?.unwrap_or_default();
        add(&mut found, processor.get("chat_template"))?;
    }
    Ok(found)
}

/// Adds the templates of a configuration: one, or a list of them with names.
fn add(found: &mut BTreeMap<String, String>, given: Option<&Value>) -> Result<()> {
    let wrong = || {
        Error::usage(
            "chat_template: expected a string, or a list of {name, template}; give the template's file instead",
        )
    };
    match given {
        None | Some(Value::Null) => {}
        Some(Value::String(source)) => drop(found.insert(DEFAULT.to_owned(), source.clone())),
        Some(Value::Array(list)) => {
            for item in list {
                let get = |name: &str| item.get(name).and_then(Value::as_str).ok_or_else(wrong);
                found.insert(get("name")?.to_owned(), get("template")?.to_owned());
            }
        }
        Some(Value::Object(map)) => {
            for (name, source) in map {
                found.insert(name.clone(), source.as_str().ok_or_else(wrong)?.to_owned());
            }
        }
        Some(_) => return Err(wrong()),
    }
    Ok(())
}

/// The special tokens by name. An older folder has some of them in a file of their own.
fn tokens(folder: &Path, config: &Map<String, Value>) -> Result<Tokens> {
    let older = object(folder, "special_tokens_map.json")?.unwrap_or_default();
    let mut tokens = Tokens::new();
    let extra = config.get("extra_special_tokens").and_then(Value::as_object);
    let of_config = config.iter().filter(|(name, _)| name.ends_with("_token"));
    let of_older = older.iter().filter(|(name, _)| name.ends_with("_token"));
    // later ones win
    for (name, token) in of_older.chain(extra.into_iter().flatten()).chain(of_config) {
        let text = token.as_str().or_else(|| token.get("content").and_then(Value::as_str));
        match text {
            Some(text) => drop(tokens.insert(name.clone(), text.to_owned())),
            // such as `"bos_token": null` and `"add_bos_token": true`
            None => drop(token.is_null().then(|| tokens.remove(name))),
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conversation;

    #[track_caller]
    fn check(files: &[(&str, &str)], name: Option<&str>, tools: &str, expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let line = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"q\"}}],\"tools\":{tools}}}");
        let conversation = Conversation::from_json(&line).expect("a conversation");
        let text = Template::from_folder(folder.path(), name)
            .and_then(|template| template.render(&conversation, false))
            .map_or_else(|error| error.to_string(), |rendered| rendered.text);
        assert!(text.ends_with(expected), "{text}");
    }

    const LIST: &str = r#"{"bos_token":{"content":"<s>"},"eos_token":"</s>","add_bos_token":true,"pad_token":null,
        "chat_template":[{"name":"default","template":"d{{ bos_token }}{{ pad_token is defined }}"},
        {"name":"tool_use","template":"t{{ eos_token }}"},{"name":"rag","template":"r"}]}"#;

    #[test]
    fn templates_are_found_where_transformers_finds_them() {
        let config = ("tokenizer_config.json", r#"{"chat_template":"c{{ eos_token }}","eos_token":"</s>"}"#);
        check(&[config], None, "[]", "c</s>");
        check(&[config, ("chat_template.jinja", "j{{ eos_token }}")], None, "null", "j</s>");
        check(&[("tokenizer_config.json", LIST)], None, "null", "d<s>False");
        check(&[("tokenizer_config.json", LIST)], None, "[{}]", "t</s>");
        check(&[("tokenizer_config.json", LIST)], Some("rag"), "[{}]", "r");
        check(&[("tokenizer_config.json", LIST)], Some("x"), "[{}]", "name another, or give a template's file");
        let more = ("additional_chat_templates/rag.jinja", "a{{ sep_token }}{{ eos_token }}");
        let older = ("special_tokens_map.json", r#"{"sep_token":{"content":"[SEP]"},"eos_token":"old"}"#);
        check(&[config, more, older], Some("rag"), "null", "a[SEP]</s>");
        check(&[("chat_template.json", r#"{"chat_template":"p"}"#)], None, "null", "p");
        check(&[], None, "null", "got none; name another, or give a template's file");
        check(&[("tokenizer_config.json", "{\"chat_template\":3}")], None, "null", "give the template's file instead");
    }
}
