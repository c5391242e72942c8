//! `config.json` as transformers' `BartConfig` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, activation, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["BartForConditionalGeneration", "BartModel"])?;
    import.integers(&[
        ("encoder_layers", "layers", 12),
        ("decoder_layers", "decoder_layers", 12),
        ("encoder_attention_heads", "heads", 16),
        ("decoder_attention_heads", "decoder_heads", 16),
        ("d_model", "width", 1024),
        ("encoder_ffn_dim", "hidden", 4096),
        ("decoder_ffn_dim", "decoder_hidden", 4096),
        ("max_position_embeddings", "context", 1024),
        ("decoder_start_token_id", "start_token", 2),
        ("pad_token_id", "pad_token", 1),
    ])?;
    import.numbers(&[
        ("dropout", "dropout", 0.1),
        ("attention_dropout", "attention_dropout", 0.0),
        ("activation_dropout", "activation_dropout", 0.0),
    ])?;
    import.flags(&[("scale_embedding", "scale_embedding", false), ("tie_word_embeddings", "tied", true)])?;
    import.text("activation_function", "activation", "gelu", activation::NAMES)?;
    import.only(&[
        ("is_encoder_decoder", Value::Boolean(true)),
        ("is_decoder", Value::Boolean(false)),
        ("normalize_before", Value::Boolean(false)),
        ("normalize_embedding", Value::Boolean(true)),
        ("add_final_layer_norm", Value::Boolean(false)),
        ("static_position_embeddings", Value::Boolean(false)),
    ])?;
    let harmless = ["classif_dropout", "classifier_dropout", "encoder_layerdrop", "decoder_layerdrop", "init_std"];
    let of_writing = ["forced_bos_token_id", "forced_eos_token_id", "force_bos_token_to_be_generated"];
    let of_old = ["num_hidden_layers", "add_bias_logits", "extra_pos_embeddings"];
    import.finish(&[&harmless[..], &of_writing, &of_old].concat())
}

pub(crate) fn export(settings: &Settings, sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, dropout, activation_dropout, .. } = *settings;
    Ok(Export::new("bart", "BartForConditionalGeneration")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("max_position_embeddings", ranges::positions(settings.context, sizes.context)?),
            ("d_model", width),
            ("encoder_layers", layers),
            ("decoder_layers", settings.decoder_layers()),
            ("encoder_attention_heads", heads),
            ("decoder_attention_heads", settings.decoder_heads()),
            ("encoder_ffn_dim", settings.hidden()),
            ("decoder_ffn_dim", settings.decoder_hidden()),
            ("decoder_start_token_id", settings.start_token),
            ("pad_token_id", settings.pad_token),
        ])
        .text("activation_function", &settings.activation)
        .number("dropout", dropout)
        .number("attention_dropout", ranges::rate_or(settings.attention_dropout, dropout))
        .number("activation_dropout", activation_dropout)
        .flag("scale_embedding", settings.scale_embedding)
        .flag("is_encoder_decoder", true)
        .flag("tie_word_embeddings", settings.tied)
        .finish())
}
