//! The plugins that are linked into the host.

use crate::plugin::kinds;
use crate::plugin::seat::{Backend, Seat};
use trainyard_plugin::{Builtin, Identity, Kind, Result, Setting};

/// Every built-in, in the order in which they are listed to the user.
pub const BUILTINS: &[Builtin] = &[
    trainyard_byte::PLUGIN,
    trainyard_bpe::PLUGIN,
    trainyard_hf_tokenizer::PLUGIN,
    trainyard_wordpiece::PLUGIN,
    trainyard_unigram::PLUGIN,
    trainyard_length::PLUGIN,
    trainyard_unicode::PLUGIN,
    trainyard_mojibake::PLUGIN,
    trainyard_newlines::PLUGIN,
    trainyard_unwrap_lines::PLUGIN,
    trainyard_html_entities::PLUGIN,
    trainyard_citations::PLUGIN,
    trainyard_pii::PLUGIN,
    trainyard_language::PLUGIN,
    trainyard_stop_words::PLUGIN,
    trainyard_rare_terms::PLUGIN,
    trainyard_word_statistics::PLUGIN,
    trainyard_badwords::PLUGIN,
    trainyard_gopher_quality::PLUGIN,
    trainyard_gopher_repetition::PLUGIN,
    trainyard_c4_lines::PLUGIN,
    trainyard_c4_paragraphs::PLUGIN,
    trainyard_fineweb_quality::PLUGIN,
    trainyard_refinedweb_lines::PLUGIN,
    trainyard_char_rules::PLUGIN,
    trainyard_cross_entropy::PLUGIN,
    trainyard_binary_cross_entropy::PLUGIN,
    trainyard_squared_error::PLUGIN,
    trainyard_label_smoothing::PLUGIN,
    trainyard_focal::PLUGIN,
    trainyard_z_loss::PLUGIN,
    trainyard_bits_per_byte::PLUGIN,
    trainyard_token_accuracy::PLUGIN,
    trainyard_perplexity::PLUGIN,
    trainyard_distinct_n::PLUGIN,
    trainyard_bleu::PLUGIN,
    trainyard_chrf::PLUGIN,
    trainyard_rouge::PLUGIN,
    trainyard_ter::PLUGIN,
    trainyard_exact_match::PLUGIN,
    trainyard_token_f1::PLUGIN,
    trainyard_label_scores::PLUGIN,
    trainyard_entities::PLUGIN,
    trainyard_repetition::PLUGIN,
    trainyard_gpt2::PLUGIN,
    trainyard_llama::PLUGIN,
    trainyard_mistral::PLUGIN,
    trainyard_qwen2::PLUGIN,
    trainyard_qwen3::PLUGIN,
    trainyard_gemma2::PLUGIN,
    trainyard_gemma3::PLUGIN,
    trainyard_phi::PLUGIN,
    trainyard_phi3::PLUGIN,
    trainyard_bert::PLUGIN,
    trainyard_roberta::PLUGIN,
    trainyard_bart::PLUGIN,
    trainyard_t5::PLUGIN,
    trainyard_rnn::PLUGIN,
    trainyard_gru::PLUGIN,
    trainyard_lstm::PLUGIN,
    trainyard_autoencoder::PLUGIN,
    trainyard_embeddings::PLUGIN,
    trainyard_features::PLUGIN,
];

/// The built-ins with their identities.
pub fn identities() -> impl Iterator<Item = (Identity, &'static Builtin)> {
    // `export!` wrote these texts, a test parses every one
    BUILTINS.iter().filter_map(|builtin| Some((Identity::parse(builtin.identity).ok()?, builtin)))
}

/// Names of the built-ins.
pub fn names() -> impl Iterator<Item = String> {
    identities().map(|(identity, _)| identity.name)
}

/// Names of the built-ins of a kind, each with its abilities.
pub fn abilities(kind: Kind) -> impl Iterator<Item = (String, Vec<String>)> {
    identities()
        .filter(move |(identity, _)| identity.kind == kind)
        .map(|(identity, _)| (identity.name, identity.abilities))
}

/// A plugin that is linked into the program.
pub struct Linked(pub &'static Builtin);

impl Backend for Linked {
    fn name(&self) -> &'static str {
        "builtin"
    }

    fn seat(&self, settings: &[Setting]) -> Result<Box<dyn Seat>> {
        kinds::linked(self.0.create, settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_has_an_identity_of_its_own() {
        let mut names: Vec<_> = identities().map(|(identity, _)| identity.name).collect();
        assert_eq!(names.len(), BUILTINS.len());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), BUILTINS.len());
    }
}
