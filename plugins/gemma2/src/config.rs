//! `config.json` as transformers' `Gemma2Config` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, activation, kinds, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

const NO_CAP: f64 = 1e30;

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["Gemma2ForCausalLM", "Gemma2Model"])?;
    import.integers(&[
        ("num_hidden_layers", "layers", 26),
        ("num_attention_heads", "heads", 8),
        ("num_key_value_heads", "kv_heads", 4),
        ("hidden_size", "width", 2304),
        ("head_dim", "head_width", 256),
        ("intermediate_size", "hidden", 9216),
        ("max_position_embeddings", "context", 8192),
        ("sliding_window", "window", 4096),
    ])?;
    import.numbers(&[
        ("rms_norm_eps", "norm_epsilon", 1e-6),
        ("attention_dropout", "attention_dropout", 0.0),
        ("query_pre_attn_scalar", "score_scalar", 256.0),
    ])?;
    for (key, setting) in [("attn_logit_softcapping", "attention_cap"), ("final_logit_softcapping", "logit_cap")] {
        let cap = import.keys().number(key)?.filter(|cap| *cap < NO_CAP);
        import.set(setting, Value::Number(cap.unwrap_or(0.0)));
    }
    import.flags(&[("tie_word_embeddings", "tied", true), ("attention_bias", "attention_bias", false)])?;
    import.text("hidden_activation", "activation", "gelu_pytorch_tanh", activation::NAMES)?;
    let theta = import.keys().number("rope_parameters.rope_theta")?;
    import.numbers(&[("rope_theta", "rope_theta", theta.unwrap_or(10_000.0))])?;
    import.layer_types(26, |layer| layer % 2 == 0)?;
    let plain = Value::Text("default".into());
    import.only(&[("rope_parameters.rope_type", plain), ("use_bidirectional_attention", Value::Boolean(false))])?;
    // of the hub's files; transformers goes by hidden_activation
    import.finish(&["hidden_act", "cache_implementation"])
}

pub(crate) fn export(settings: &Settings, windows: &[bool], sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, window, dropout, norm_epsilon, .. } = *settings;
    let export = Export::new("gemma2", "Gemma2ForCausalLM")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("max_position_embeddings", ranges::positions(settings.context, sizes.context)?),
            ("hidden_size", width),
            ("intermediate_size", settings.hidden()),
            ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", settings.kv_heads()),
            ("sliding_window", window),
            ("head_dim", settings.head_width()),
        ])
        .text("hidden_activation", &settings.activation)
        .number("rms_norm_eps", norm_epsilon)
        .number("rope_theta", settings.rope_theta)
        .whole("query_pre_attn_scalar", settings.score_scalar())
        .number("attention_dropout", ranges::rate_or(settings.attention_dropout, dropout))
        .flag("attention_bias", settings.attention_bias)
        .flag("tie_word_embeddings", settings.tied)
        .set("layer_types", kinds::names(windows));
    // without the keys transformers takes 50 and 30, so that none is written as a bound that nothing reaches
    let caps = [("attn_logit_softcapping", settings.attention_cap), ("final_logit_softcapping", settings.logit_cap)];
    let cap_or_none = |cap| if cap == 0.0 { NO_CAP } else { cap };
    Ok(caps.into_iter().fold(export, |export, (key, cap)| export.number(key, cap_or_none(cap))).finish())
}
