//! `config.json` as transformers' `GPT2Config` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["GPT2LMHeadModel", "GPT2Model"])?;
    import.integers(&[
        ("n_layer", "layers", 12),
        ("n_head", "heads", 12),
        ("n_embd", "width", 768),
        ("n_inner", "hidden", 0),
        ("n_positions", "context", 1024),
    ])?;
    import.numbers(&[
        ("resid_pdrop", "dropout", 0.1),
        ("embd_pdrop", "embedding_dropout", 0.1),
        ("attn_pdrop", "attention_dropout", 0.1),
        ("layer_norm_epsilon", "norm_epsilon", 1e-5),
    ])?;
    import.flags(&[("tie_word_embeddings", "tied", true)])?;
    let known = ["gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast"].map(|name| Value::Text(name.into()));
    import.keys().only("activation_function", &known)?;
    let erf = import.keys().text("activation_function")? == Some("gelu");
    import.set("gelu", Value::Text(if erf { "erf" } else { "tanh" }.into()));
    import.only(&[
        ("scale_attn_weights", Value::Boolean(true)),
        ("scale_attn_by_inverse_layer_idx", Value::Boolean(false)),
        ("add_cross_attention", Value::Boolean(false)),
        ("is_encoder_decoder", Value::Boolean(false)),
    ])?;
    import.finish(&["n_ctx", "reorder_and_upcast_attn", "summary_*", "is_decoder"])
}

pub(crate) fn export(settings: &Settings, sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, context, dropout, norm_epsilon, .. } = *settings;
    Ok(Export::new("gpt2", "GPT2LMHeadModel")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("n_positions", ranges::positions(context, sizes.context)?),
            ("n_embd", width),
            ("n_layer", layers),
            ("n_head", heads),
            ("n_inner", settings.hidden()),
        ])
        .text("activation_function", if settings.gelu == "erf" { "gelu" } else { "gelu_new" })
        .number("layer_norm_epsilon", norm_epsilon)
        .number("resid_pdrop", dropout)
        .number("embd_pdrop", ranges::rate_or(settings.embedding_dropout, dropout))
        .number("attn_pdrop", ranges::rate_or(settings.attention_dropout, dropout))
        .flag("tie_word_embeddings", settings.tied)
        .finish())
}
