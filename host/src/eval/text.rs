//! Text in, text out.

use super::continue_tokens;
use crate::Result;
use crate::feed::Dataset;
use crate::model::Transformer;
use crate::plugin::Plugin;
use crate::run::SampleConfig;
use trainyard_plugin::{TokenBatch, Tokenizer};

/// Text in, text out: the tokenizer's way there and back around [`continue_tokens`]. The tokenizer is returned too, to
/// be closed when the text was shown: closing can go wrong.
///
/// # Errors
/// Whatever the tokenizer reports.
pub fn continue_text(
    plugin: &Plugin,
    data: &Dataset,
    model: &Transformer,
    sample: &SampleConfig,
) -> Result<(String, Box<dyn Tokenizer>)> {
    let mut tokenizer = plugin.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    // As in training, a text begins after the token that ends the one before.
    let mut prompt: Vec<u32> = data.tokenizer.end_of_text.into_iter().collect();
    prompt.extend(tokenizer.encode(&[&sample.prompt])?.ids);
    let ids = continue_tokens(model, &prompt, sample, data.tokenizer.end_of_text)?;
    let mut batch = TokenBatch { ids, ends: Vec::new() };
    batch.end_sequence()?;
    let bytes = tokenizer.decode(&batch)?.concat();
    Ok((String::from_utf8_lossy(&bytes).into_owned(), tokenizer))
}
