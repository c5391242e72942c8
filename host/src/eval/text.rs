//! Text in, text out.

use super::continue_tokens;
use crate::Result;
use crate::feed::Dataset;
use crate::model::Model;
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
    model: &Model,
    sample: &SampleConfig,
) -> Result<(String, Box<dyn Tokenizer>)> {
    let mut tokenizer = plugin.tokenizer()?;
    tokenizer.load(&data.tokenizer.model)?;
    // As in training, a text begins after the token that ends the one before.
    let mut prompt: Vec<u32> = data.tokenizer.end_of_text.into_iter().collect();
    let start = prompt.len();
    prompt.extend(tokenizer.encode(&[&sample.prompt])?.ids);
    let ids = continue_tokens(model, &prompt, sample, data.tokenizer.end_of_text, data.tokenizer.n_tokens)?;
    let bytes = decode_after(&mut *tokenizer, &prompt[start..], &ids)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), tokenizer))
}

/// The bytes that `ids` add to those of `prompt`. Some tokenizers write a space between two words only: what a token is
/// depends on the one before it.
fn decode_after(tokenizer: &mut dyn Tokenizer, prompt: &[u32], ids: &[u32]) -> Result<Vec<u8>> {
    let mut batch = TokenBatch::default();
    for sequence in [&[prompt, ids].concat()[..], prompt, ids] {
        batch.ids.extend(sequence);
        batch.end_sequence()?;
    }
    let mut texts = tokenizer.decode(&batch)?.into_iter();
    let mut next = || texts.next().unwrap_or_default();
    let (whole, before, alone) = (next(), next(), next());
    Ok(whole.strip_prefix(&before[..]).map_or(alone, <[u8]>::to_vec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::PluginConfig;
    use trainyard_plugin::Kind;

    #[test]
    fn a_word_after_the_prompt_keeps_its_space() {
        let plugin = Plugin::open(&PluginConfig::new("wordpiece"), Kind::Tokenizer).unwrap();
        let mut tokenizer = plugin.tokenizer().unwrap();
        tokenizer.observe(&["the cat sat", "the cat"]).unwrap();
        let model = tokenizer.train().unwrap();
        tokenizer.load(&model).unwrap();
        let mut ids = |text: &str| tokenizer.encode(&[text]).unwrap().ids;
        let (prompt, more) = (ids("the cat"), ids("sat"));
        assert_eq!(decode_after(&mut *tokenizer, &prompt, &more).unwrap(), b" sat");
        assert_eq!(decode_after(&mut *tokenizer, &prompt, &[]).unwrap(), b"");
        assert_eq!(decode_after(&mut *tokenizer, &[], &more).unwrap(), b"sat");
    }
}
