//! `config.json` as transformers' `Gemma3TextConfig` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, Scaling, activation, kinds, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["Gemma3ForCausalLM", "Gemma3Model"])?;
    import.integers(&[
        ("num_hidden_layers", "layers", 26),
        ("num_attention_heads", "heads", 8),
        ("num_key_value_heads", "kv_heads", 4),
        ("hidden_size", "width", 2304),
        ("head_dim", "head_width", 256),
        ("intermediate_size", "hidden", 9216),
        ("max_position_embeddings", "context", 131_072),
        ("sliding_window", "window", 4096),
    ])?;
    import.numbers(&[
        ("rms_norm_eps", "norm_epsilon", 1e-6),
        ("attention_dropout", "attention_dropout", 0.0),
        ("query_pre_attn_scalar", "score_scalar", 256.0),
        ("final_logit_softcapping", "logit_cap", 0.0),
    ])?;
    import.flags(&[("tie_word_embeddings", "tied", true), ("attention_bias", "attention_bias", false)])?;
    import.text("hidden_activation", "activation", "gelu_pytorch_tanh", activation::NAMES)?;
    // transformers 5 has both rotary positions under rope_parameters, 4 only a scaling of those without a window
    let of_5 = import.keys().text("rope_parameters.full_attention.rope_type")?.is_some();
    let full = if of_5 { "rope_parameters.full_attention" } else { "rope_scaling" };
    import.rope_of(full, "rope_theta", 1e6, ["rope_theta", "rope_scaling"])?;
    let window = ["window_rope_theta", "window_rope_scaling"];
    import.rope_of("rope_parameters.sliding_attention", "rope_local_base_freq", 1e4, window)?;
    let keys = import.keys();
    let pattern = keys.integer("sliding_window_pattern")?.or(keys.integer("_sliding_window_pattern")?).unwrap_or(6);
    import.layer_types(26, |layer| pattern < 1 || (i64::from(layer) + 1) % pattern != 0)?;
    import.only(&[("use_bidirectional_attention", Value::Boolean(false))])?;
    // keys that transformers does not use either
    import.finish(&["hidden_act", "cache_implementation", "attn_logit_softcapping"])
}

pub(crate) fn export(
    settings: &Settings,
    scalings: &[Scaling; 2],
    windows: &[bool],
    sizes: &Sizes,
) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, window, dropout, norm_epsilon, .. } = *settings;
    let export = Export::new("gemma3_text", "Gemma3ForCausalLM")
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
        .rope(settings.rope_theta, &scalings[0])
        .number("rope_local_base_freq", settings.window_rope_theta)
        .whole("query_pre_attn_scalar", settings.score_scalar())
        .number("attention_dropout", ranges::rate_or(settings.attention_dropout, dropout))
        .flag("attention_bias", settings.attention_bias)
        .flag("tie_word_embeddings", settings.tied)
        .set("layer_types", kinds::names(windows));
    let cap = settings.logit_cap;
    Ok(if cap > 0.0 { export.number("final_logit_softcapping", cap) } else { export }.finish())
}
