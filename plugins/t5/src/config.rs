//! `config.json` as transformers' `T5Config` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    let class = import.architecture(&["T5ForConditionalGeneration", "MT5ForConditionalGeneration"])?;
    let is_mt5 = class.starts_with('M') || import.keys().text("model_type")? == Some("mt5");
    import.integers(&[
        ("num_layers", "layers", 6),
        ("num_decoder_layers", "decoder_layers", 0),
        ("num_heads", "heads", if is_mt5 { 6 } else { 8 }),
        ("d_model", "width", 512),
        ("d_kv", "head_width", 64),
        ("d_ff", "hidden", if is_mt5 { 1024 } else { 2048 }),
        ("relative_attention_num_buckets", "buckets", 32),
        ("relative_attention_max_distance", "max_distance", 128),
        ("decoder_start_token_id", "start_token", 0),
        ("pad_token_id", "pad_token", 0),
    ])?;
    import.numbers(&[("dropout_rate", "dropout", 0.1), ("layer_norm_epsilon", "norm_epsilon", 1e-6)])?;
    let keys = import.keys();
    let feed_forward = keys.text("feed_forward_proj")?.unwrap_or(if is_mt5 { "gated-gelu" } else { "relu" });
    // transformers 5 says tied of every model, and what was tied before by this
    let scaled = keys.flag("scale_decoder_outputs")?;
    let tied = scaled.or(keys.flag("tie_word_embeddings")?).unwrap_or(!is_mt5);
    import.set("feed_forward", Value::Text(feed_forward.into()));
    import.set("tied", Value::Boolean(tied));
    import.only(&[
        ("is_encoder_decoder", Value::Boolean(true)),
        ("is_decoder", Value::Boolean(false)),
        ("tie_encoder_decoder", Value::Boolean(false)),
    ])?;
    let harmless = ["tie_word_embeddings", "dense_act_fn", "is_gated_act", "initializer_factor", "classifier_dropout"];
    import.finish(&[&harmless[..], &["n_positions"]].concat())
}

pub(crate) fn export(settings: &Settings, sizes: &Sizes) -> Result<Vec<Setting>> {
    Ok(Export::new("t5", "T5ForConditionalGeneration")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("d_model", settings.width),
            ("d_kv", settings.head_width()),
            ("d_ff", settings.hidden()),
            ("num_layers", settings.layers),
            ("num_decoder_layers", settings.decoder_layers()),
            ("num_heads", settings.heads),
            ("relative_attention_num_buckets", settings.buckets),
            ("relative_attention_max_distance", settings.max_distance),
            ("decoder_start_token_id", settings.start_token),
            ("pad_token_id", settings.pad_token),
        ])
        .text("feed_forward_proj", &settings.feed_forward)
        .number("layer_norm_epsilon", settings.norm_epsilon)
        .number("dropout_rate", settings.dropout)
        .flag("is_encoder_decoder", true)
        .flag("tie_word_embeddings", settings.tied)
        .finish())
}
