//! `config.json` as transformers' `PhiConfig` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, Scaling, activation, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["PhiForCausalLM", "PhiModel"])?;
    import.integers(&[
        ("num_hidden_layers", "layers", 24),
        ("num_attention_heads", "heads", 32),
        ("num_key_value_heads", "kv_heads", 0),
        ("hidden_size", "width", 2048),
        ("intermediate_size", "hidden", 8192),
        ("max_position_embeddings", "context", 2048),
    ])?;
    let share = import.keys().number("rope_parameters.partial_rotary_factor")?;
    import.numbers(&[
        ("resid_pdrop", "dropout", 0.0),
        ("embd_pdrop", "embedding_dropout", 0.0),
        ("attention_dropout", "attention_dropout", 0.0),
        ("layer_norm_eps", "norm_epsilon", 1e-5),
        ("partial_rotary_factor", "rotary_share", share.unwrap_or(0.5)),
    ])?;
    import.flags(&[("tie_word_embeddings", "tied", false), ("qk_layernorm", "head_norms", false)])?;
    import.text("hidden_act", "activation", "gelu_new", activation::NAMES)?;
    import.rope(10_000.0)?;
    import.only(&[("is_encoder_decoder", Value::Boolean(false))])?;
    import.finish(&["is_decoder"])
}

pub(crate) fn export(settings: &Settings, scaling: &Scaling, sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, context, dropout, norm_epsilon, .. } = *settings;
    Ok(Export::new("phi", "PhiForCausalLM")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("max_position_embeddings", ranges::positions(context, sizes.context)?),
            ("hidden_size", width),
            ("intermediate_size", settings.hidden()),
            ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", settings.kv_heads()),
        ])
        .text("hidden_act", &settings.activation)
        .number("layer_norm_eps", norm_epsilon)
        .rope(settings.rope_theta, scaling)
        .number("partial_rotary_factor", settings.rotary_share)
        .flag("qk_layernorm", settings.head_norms)
        .number("resid_pdrop", dropout)
        .number("embd_pdrop", ranges::rate_or(settings.embedding_dropout, dropout))
        .number("attention_dropout", ranges::rate_or(settings.attention_dropout, dropout))
        .flag("tie_word_embeddings", settings.tied)
        .finish())
}
