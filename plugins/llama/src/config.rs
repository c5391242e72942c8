//! `config.json` as transformers' `LlamaConfig` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, Scaling, activation, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["LlamaForCausalLM", "LlamaModel", "LLaMAForCausalLM"])?;
    import.integers(&[
        ("num_hidden_layers", "layers", 32),
        ("num_attention_heads", "heads", 32),
        ("num_key_value_heads", "kv_heads", 0),
        ("hidden_size", "width", 4096),
        ("head_dim", "head_width", 0),
        ("intermediate_size", "hidden", 11008),
        ("max_position_embeddings", "context", 2048),
    ])?;
    import.numbers(&[("rms_norm_eps", "norm_epsilon", 1e-6), ("attention_dropout", "attention_dropout", 0.0)])?;
    import.flags(&[
        ("tie_word_embeddings", "tied", false),
        ("attention_bias", "attention_bias", false),
        ("mlp_bias", "mlp_bias", false),
    ])?;
    import.text("hidden_act", "activation", "silu", activation::NAMES)?;
    import.rope(10_000.0)?;
    import.only(&[("is_encoder_decoder", Value::Boolean(false)), ("rope_interleaved", Value::Boolean(false))])?;
    import.finish(&["pretraining_tp", "is_decoder", "is_llama_config", "max_sequence_length"])
}

pub(crate) fn export(settings: &Settings, scaling: &Scaling, sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, context, dropout, norm_epsilon, .. } = *settings;
    Ok(Export::new("llama", "LlamaForCausalLM")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("max_position_embeddings", ranges::positions(context, sizes.context)?),
            ("hidden_size", width),
            ("intermediate_size", settings.hidden()),
            ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", settings.kv_heads()),
            ("head_dim", settings.head_width()),
        ])
        .text("hidden_act", &settings.activation)
        .number("rms_norm_eps", norm_epsilon)
        .rope(settings.rope_theta, scaling)
        .flag("attention_bias", settings.attention_bias)
        .flag("mlp_bias", settings.mlp_bias)
        .number("attention_dropout", ranges::rate_or(settings.attention_dropout, dropout))
        .flag("tie_word_embeddings", settings.tied)
        .finish())
}
