//! The tokens that end an answer.

use crate::Result;
use crate::feed::Given;
use crate::feed::tasks::ChatTemplate;
use crate::formats::hf::{Config, GENERATION};
use serde_json::Value;
use std::path::Path;

/// What ends an answer.
#[derive(Debug, Default)]
pub(in crate::eval) struct Stops {
    /// Tokens: those that the model's files name, the end of text, and the one that the template writes behind an
    /// answer.
    pub ids: Vec<u32>,
    /// The text behind an answer, where that is no token of its own.
    pub text: Option<String>,
}

/// Finds out what ends an answer of a model whose files are in `folder`.
///
/// # Errors
/// Whatever the tokenizer reports.
pub(in crate::eval) fn stops(folder: Option<&Path>, template: &ChatTemplate, given: &mut Given) -> Result<Stops> {
    let mut stops = ends(folder, given);
    let mut text = None;
    if let Some((written, place)) = template.behind_answer() {
        let (tokenizer, vocabulary) = given.parts();
        let tokenized = template.tokenized(&written, &[], tokenizer, vocabulary)?;
        let next = tokenized.ends.iter().position(|&end| end > place).map(|next| tokenized.ids[next]);
        let is_special = |id: &u32| vocabulary.specials.iter().any(|special| special.id == *id);
        match next.filter(is_special) {
            Some(id) => stops.push(id),
            None => text = Some(written[place..].trim().to_owned()),
        }
    }
    stops.sort_unstable();
    stops.dedup();
    Ok(Stops { ids: stops, text })
}

/// The tokens that end what a model writes: the end of text, and those that the files in the model's `folder` name.
pub(in crate::eval) fn ends(folder: Option<&Path>, given: &Given) -> Vec<u32> {
    let mut stops: Vec<u32> = given.end_of_text().into_iter().collect();
    let file = folder.and_then(|folder| std::fs::read(folder.join(GENERATION)).ok());
    let generation = file.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let config = folder.and_then(|folder| Config::read(folder).ok());
    let ends = generation.iter().map(|json| &json["eos_token_id"]);
    let ends = ends.chain(config.iter().filter_map(|config| config.get("eos_token_id")));
    for end in ends {
        let ids = end.as_array().map_or(std::slice::from_ref(end), Vec::as_slice);
        stops.extend(ids.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok()));
    }
    stops
}
