//! `config.json` as transformers' `Phi3Config` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, Scaling, activation, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["Phi3ForCausalLM", "Phi3Model"])?;
    import.integers(&[
        ("num_hidden_layers", "layers", 32),
        ("num_attention_heads", "heads", 32),
        ("num_key_value_heads", "kv_heads", 0),
        ("hidden_size", "width", 3072),
        ("intermediate_size", "hidden", 8192),
        ("sliding_window", "window", 0),
        ("max_position_embeddings", "context", 4096),
        ("pad_token_id", "pad_token", 32000),
    ])?;
    let share = import.keys().number("rope_parameters.partial_rotary_factor")?;
    import.numbers(&[
        ("resid_pdrop", "dropout", 0.0),
        ("embd_pdrop", "embedding_dropout", 0.0),
        ("attention_dropout", "attention_dropout", 0.0),
        ("rms_norm_eps", "norm_epsilon", 1e-5),
        ("partial_rotary_factor", "rotary_share", share.unwrap_or(1.0)),
    ])?;
    import.flags(&[("tie_word_embeddings", "tied", false)])?;
    import.text("hidden_act", "activation", "silu", activation::NAMES)?;
    import.rope(10_000.0)?;
    import.only(&[("is_encoder_decoder", Value::Boolean(false))])?;
    // the original positions matter for the scaling of long contexts alone, which is refused by its name
    import.finish(&["is_decoder", "original_max_position_embeddings", "attention_bias"])
}

pub(crate) fn export(settings: &Settings, scaling: &Scaling, sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, window, dropout, norm_epsilon, .. } = *settings;
    let positions = ranges::positions(settings.context, sizes.context)?;
    let export = Export::new("phi3", "Phi3ForCausalLM")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("max_position_embeddings", positions),
            ("hidden_size", width),
            ("intermediate_size", settings.hidden()),
            ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", settings.kv_heads()),
            // without the key transformers takes 32000, which a smaller vocabulary does not have
            ("pad_token_id", settings.pad_token.min(sizes.vocab.saturating_sub(1))),
            ("original_max_position_embeddings", positions),
        ])
        .text("hidden_act", &settings.activation)
        .number("rms_norm_eps", norm_epsilon)
        .rope(settings.rope_theta, scaling)
        .number("partial_rotary_factor", settings.rotary_share)
        .number("resid_pdrop", dropout)
        .number("embd_pdrop", ranges::rate_or(settings.embedding_dropout, dropout))
        .number("attention_dropout", ranges::rate_or(settings.attention_dropout, dropout))
        .flag("tie_word_embeddings", settings.tied);
    Ok(if window > 0 { export.integer("sliding_window", window) } else { export }.finish())
}
