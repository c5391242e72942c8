//! What a run's task says to other programs: names of its classes, and the tokens around a text.

use super::tokens::Tokens;
use crate::feed::tasks::{LabelsConfig, TaskConfig, Values};
use crate::plugin::with_added_token;
use crate::run::RunTask;
use serde_json::{Map, Value, json};

/// Names of a mask that a tokenizer without one may get.
const MASKS: [&str; 3] = ["[MASK]", "<mask>", "<|mask|>"];
/// Names of padding, where the tokenizer has a token for it.
const PADS: [&str; 3] = ["[PAD]", "<pad>", "<|pad|>"];

/// Adds to `config.json` what the classes are called and what kind of problem it is, and the id of padding.
pub fn describe_classes(config: &mut Value, task: &RunTask, tokens: &Tokens<'_>) {
    let names = match (task.config(), &task.classes) {
        // transformers' name of what has none
        (TaskConfig::Labels(_), None) => vec!["LABEL_0".to_owned()],
        (_, Some(classes)) => classes.names.clone(),
        _ => Vec::new(),
    };
    if !names.is_empty() {
        let of = |entry: fn((usize, &String)) -> (String, Value)| -> Map<String, Value> {
            names.iter().enumerate().map(entry).collect()
        };
        config["id2label"] = of(|(id, name)| (id.to_string(), name.as_str().into())).into();
        config["label2id"] = of(|(id, name)| (name.clone(), id.into())).into();
    }
    if let TaskConfig::Labels(LabelsConfig { values, .. }) = task.config() {
        let problem = match values {
            Values::One => "single_label_classification",
            Values::Several => "multi_label_classification",
            Values::Number => "regression",
        };
        config["problem_type"] = problem.into();
    }
    // RoBERTa counts positions from its own
    let is_free = config.get("pad_token_id").is_none() || task.config().has_source();
    if let Some(pad) = pad(tokens).or(task.marks.last).filter(|_| is_free && !task.config().continues_text()) {
        config["pad_token_id"] = pad.into();
    }
}

/// The tokenizer with what the task adds: tokens of the model alone, and those around a text.
pub fn describe_tokenizer(mut file: Value, task: &RunTask) -> Value {
    let marks = &task.marks;
    if task.config().has_mask() && marks.has_own_mask() {
        let is_free = |name: &&str| Tokens(&file).id(name).is_none();
        if let Some(name) = MASKS.into_iter().find(is_free) {
            file = with_added_token(file, name, marks.mask);
        }
    }
    // their ids fall
    for (index, &id) in marks.sentinels.iter().enumerate().rev().filter(|(_, id)| **id >= marks.n_tokens) {
        file = with_added_token(file, &format!("<extra_id_{index}>"), id);
    }
    let first = match task.config() {
        TaskConfig::Labels(_) | TaskConfig::Tags(_) | TaskConfig::Masked(_) => marks.first,
        TaskConfig::Seq2Seq(_) | TaskConfig::Denoise(_) => marks.first.filter(|first| Some(*first) != marks.last),
        // a stream is tokenized without marks
        TaskConfig::Causal | TaskConfig::Chat(_) | TaskConfig::Embeddings(_) => return file,
    };
    if let Some(template) = template(&Tokens(&file), first, marks.last) {
        file["post_processor"] = with_bytes(&file["post_processor"], template);
    }
    file
}

/// Names of special tokens, by transformers' keys, that the task has beside the end of a text.
pub fn special_tokens(task: &RunTask, tokens: &Tokens<'_>) -> Vec<(&'static str, String)> {
    let marks = &task.marks;
    let (first, mask) = match task.config() {
        TaskConfig::Causal | TaskConfig::Chat(_) | TaskConfig::Embeddings(_) => return Vec::new(),
        task if task.has_mask() => (marks.first, Some(marks.mask)),
        _ => (marks.first, Some(marks.mask).filter(|_| !marks.has_own_mask())),
    };
    let last = marks.last.filter(|_| first.is_some());
    let ids = [("cls_token", first), ("sep_token", last), ("mask_token", mask), ("pad_token", pad(tokens))];
    ids.into_iter().filter_map(|(key, id)| Some((key, tokens.name(id?)?))).collect()
}

/// The id of padding, where the tokenizer has a token for it.
fn pad(tokens: &Tokens<'_>) -> Option<u32> {
    PADS.into_iter().find_map(|name| tokens.id(name))
}

/// The tokens around a text, and around a pair of them, in the form of the tokenizers library; none without any.
fn template(tokens: &Tokens<'_>, first: Option<u32>, last: Option<u32>) -> Option<Value> {
    let named = |id: Option<u32>| id.and_then(|id| Some((id, tokens.name(id)?)));
    let (first, last) = (named(first), named(last));
    let special = |mark: &Option<(u32, String)>, of: u32| {
        let (_, name) = mark.as_ref()?;
        Some(json!({"SpecialToken": {"id": name, "type_id": of}}))
    };
    let text = |name: &str, of: u32| Some(json!({"Sequence": {"id": name, "type_id": of}}));
    let single = [special(&first, 0), text("A", 0), special(&last, 0)];
    let pair = single.iter().cloned().chain([text("B", 1), special(&last, 1)]);
    let pair: Vec<Value> = pair.flatten().collect();
    let single: Vec<Value> = single.into_iter().flatten().collect();
    let marks: Map<String, Value> = [first, last]
        .into_iter()
        .flatten()
        .map(|(id, name)| (name.clone(), json!({"id": name, "ids": [id], "tokens": [name]})))
        .collect();
    (!marks.is_empty())
        .then(|| json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": marks}))
}

/// `template` behind what the file does to offsets of bytes: that adds no token.
fn with_bytes(before: &Value, template: Value) -> Value {
    let parts = match before["processors"].as_array() {
        Some(parts) => parts.clone(),
        None => vec![before.clone()],
    };
    let mut kept: Vec<_> = parts.into_iter().filter(|part| part["type"] == "ByteLevel").collect();
    if kept.is_empty() {
        return template;
    }
    kept.push(template);
    json!({"type": "Sequence", "processors": kept})
}
