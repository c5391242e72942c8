//! The token that ends a document: what files beside a `tokenizer.json` declare, and what a vocabulary says of a name.

use crate::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::Path;
use trainyard_plugin::{END_OF_TEXT, NO_END_OF_TEXT, SpecialToken, Vocabulary};

/// Special tokens that an error names.
const NAMED_MAX: usize = 10;

/// The part of a `tokenizer.json` that is looked at.
#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
}

/// The name of the end of a text that the files of Hugging Face beside `model` declare: `eos_token` of
/// `tokenizer_config.json` and `special_tokens_map.json`, `eos_token_id` of `generation_config.json` and `config.json`.
/// None when `model` is no `tokenizer.json`, when it has [`END_OF_TEXT`] itself, when it lacks what is declared, and
/// when that is what its tokenizer would take anyway.
pub fn declared_end_of_text(model: &Path) -> Option<String> {
    let folder = model.parent()?;
    let json = |name: &str| -> Option<Value> { serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok() };
    let configs = ["tokenizer_config.json", "special_tokens_map.json"].map(json);
    let ids = ["generation_config.json", "config.json"].map(json);
    if configs.iter().chain(&ids).all(Option::is_none) {
        return None;
    }
    let file: TokenizerFile = serde_json::from_slice(&fs::read(model).ok()?).ok()?;
    let tokens = file.added_tokens;
    if tokens.iter().any(|token| token.content == END_OF_TEXT) {
        return None;
    }
    let named = |config: Value| {
        let token = &config["eos_token"];
        let name = token.as_str().or(token["content"].as_str())?.to_owned();
        tokens.iter().any(|token| token.content == name).then_some(name)
    };
    let numbered = |config: Value| {
        let id = &config["eos_token_id"];
        let id = id.as_u64().or(id[0].as_u64())?;
        tokens.iter().find(|token| u64::from(token.id) == id).map(|token| token.content.clone())
    };
    let by_name = configs.into_iter().flatten().find_map(named);
    let declared = by_name.or_else(|| ids.into_iter().flatten().find_map(numbered))?;
    let special = |token: &AddedToken| SpecialToken { name: token.content.clone(), id: token.id };
    let specials = tokens.iter().filter(|token| token.special).map(special).collect();
    let mut guess = Vocabulary { tokens: Vec::new(), specials };
    guess.name_end_of_text();
    let guessed = tokens.iter().find(|token| guess.special(END_OF_TEXT) == Some(token.id));
    (guessed.map(|token| &token.content) != Some(&declared)).then_some(declared)
}

/// How a tokenizer's token that ends a document is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndOfText {
    /// It says so itself, with the name [`END_OF_TEXT`]. Without one, documents follow one another unmarked.
    Own,
    /// The same, of a tokenizer that can be told which of its tokens it is: to have none is an error.
    Required,
    /// The special token of this name, or none for [`NO_END_OF_TEXT`].
    Named(String),
}

impl EndOfText {
    /// The id of that token in the vocabulary of the tokenizer `name`.
    ///
    /// # Errors
    /// No special token has the name, or none is known where one must be.
    pub fn find(&self, name: &str, vocabulary: &Vocabulary) -> Result<Option<u32>> {
        let mut names: Vec<_> =
            vocabulary.specials.iter().take(NAMED_MAX).map(|special| format!("{:?}", special.name)).collect();
        names.extend((vocabulary.specials.len() > NAMED_MAX).then(|| "…".to_owned()));
        let has = if names.is_empty() { "it has no special tokens".into() } else { names.join(", ") };
        match self {
            Self::Named(token) if token == NO_END_OF_TEXT => Ok(None),
            Self::Named(token) => match vocabulary.special(token) {
                Some(id) => Ok(Some(id)),
                None => Err(Error::usage(format!(
                    "tokenizer.end_of_text: expected the name of a special token of {name:?} ({has}), got {token:?}"
                ))),
            },
            Self::Own | Self::Required => match (vocabulary.special(END_OF_TEXT), self) {
                (None, Self::Required) => Err(Error::usage(format!(
                    "tokenizer {name:?}: no special token is known to end a document ({has}): set \
                     tokenizer.end_of_text to the one that does, or to {NO_END_OF_TEXT:?} to let documents follow one \
                     another unmarked"
                ))),
                (None, _) => {
                    tracing::warn!(
                        "tokenizer {name:?} has no {END_OF_TEXT}: documents follow one another unmarked; if another \
                         special token ends them ({has}), set tokenizer.end_of_text to its name"
                    );
                    Ok(None)
                }
                (id, _) => Ok(id),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(names: &[&str]) -> Vocabulary {
        let specials = names.iter().zip(0..).map(|(&name, id)| SpecialToken { name: name.into(), id }).collect();
        Vocabulary { tokens: vec![Vec::new(); names.len()], specials }
    }

    #[test]
    fn it_is_found_or_asked_for() {
        let (fin, end) = (vocabulary(&["<pad>", "<fin>"]), vocabulary(&["<pad>", END_OF_TEXT]));
        let named = |name: &str| EndOfText::Named(name.into());
        let id = |kind: &EndOfText, vocabulary| kind.find("t", vocabulary).map_err(|error| error.to_string());
        for kind in [EndOfText::Own, EndOfText::Required, named(END_OF_TEXT)] {
            assert_eq!(id(&kind, &end), Ok(Some(1)), "{kind:?}");
        }
        assert_eq!(id(&named("<fin>"), &fin), Ok(Some(1)));
        assert_eq!(id(&named("none"), &end), Ok(None));
        assert_eq!(id(&EndOfText::Own, &fin), Ok(None));
        let unknown = "tokenizer \"t\": no special token is known to end a document (\"<pad>\", \"<fin>\"): set \
                       tokenizer.end_of_text to the one that does, or to \"none\" to let documents follow one another \
                       unmarked";
        assert_eq!(id(&EndOfText::Required, &fin), Err(unknown.into()));
        let missing = "tokenizer.end_of_text: expected the name of a special token of \"t\" (it has no special tokens), \
                       got \"x\"";
        assert_eq!(id(&named("x"), &vocabulary(&[])), Err(missing.into()));
    }

    #[test]
    fn files_beside_the_model_declare_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it can be written");
        let model = folder.path().join("tokenizer.json");
        write("tokenizer.json", r#"{"added_tokens": [{"id": 0, "content": "<fin>"}, {"id": 7, "content": "<x>"}]}"#);
        assert_eq!(declared_end_of_text(&model), None);
        write("config.json", r#"{"eos_token_id": 7}"#);
        assert_eq!(declared_end_of_text(&model).as_deref(), Some("<x>"));
        write("generation_config.json", r#"{"eos_token_id": [0, 7]}"#);
        assert_eq!(declared_end_of_text(&model).as_deref(), Some("<fin>"));
        write("special_tokens_map.json", r#"{"eos_token": {"content": "<x>"}}"#);
        assert_eq!(declared_end_of_text(&model).as_deref(), Some("<x>"));
        write("tokenizer_config.json", r#"{"eos_token": "<fin>"}"#);
        assert_eq!(declared_end_of_text(&model).as_deref(), Some("<fin>"));
        // what the model lacks is not looked for, and a name that is known everywhere comes first
        write("tokenizer_config.json", r#"{"eos_token": "</s>"}"#);
        assert_eq!(declared_end_of_text(&model).as_deref(), Some("<x>"));
        write(
            "tokenizer.json",
            r#"{"added_tokens": [{"id": 0, "content": "<|endoftext|>"}, {"id": 7, "content": "<x>"}]}"#,
        );
        assert_eq!(declared_end_of_text(&model), None);
        // what is found by its name need not be told
        write("tokenizer_config.json", r#"{"eos_token": "</s>"}"#);
        write("tokenizer.json", r#"{"added_tokens": [{"id": 0, "content": "</s>", "special": true}]}"#);
        assert_eq!(declared_end_of_text(&model), None);
        write("tokenizer.json", "YQ== 0\n");
        assert_eq!(declared_end_of_text(&model), None);
    }
}
