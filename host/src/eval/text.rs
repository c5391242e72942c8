//! Text in, text out.

use super::continue_tokens;
use crate::Result;
use crate::data::Dataset;
use crate::model::Transformer;
use crate::train::{RunPlugins, SampleConfig};
use trainyard_plugin::TokenBatch;

/// Text in, text out: the tokenizer's way there and back around [`continue_tokens`].
pub fn continue_text(
    plugins: &RunPlugins,
    data: &Dataset,
    model: &Transformer,
    sample: &SampleConfig,
) -> Result<String> {
    let mut tokenizer = plugins.data.tokenizer.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    // As in training, a text begins after the token that ends the one before.
    let mut prompt: Vec<u32> = data.tokenizer.end_of_text.into_iter().collect();
    prompt.extend(tokenizer.encode(&[&sample.prompt])?.ids);
    let ids = continue_tokens(model, &prompt, sample, data.tokenizer.end_of_text)?;
    let mut batch = TokenBatch { ids, ends: Vec::new() };
    batch.end_sequence()?;
    let bytes = tokenizer.decode(&batch)?.concat();
    plugins.keep(tokenizer);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
