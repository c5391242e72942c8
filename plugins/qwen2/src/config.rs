//! `config.json` as transformers' `Qwen2Config` writes and reads it.

use crate::Settings;
use trainyard_models::{Export, Import, Scaling, activation, kinds, ranges};
use trainyard_plugin::{Result, Setting, Sizes, Value};

pub(crate) fn import(config: &[Setting]) -> Result<Vec<Setting>> {
    let mut import = Import::new(config);
    import.architecture(&["Qwen2ForCausalLM", "Qwen2Model"])?;
    import.integers(&[
        ("num_hidden_layers", "layers", 32),
        ("num_attention_heads", "heads", 32),
        ("num_key_value_heads", "kv_heads", 32),
        ("hidden_size", "width", 4096),
        ("intermediate_size", "hidden", 22016),
        ("max_position_embeddings", "context", 32768),
    ])?;
    import.numbers(&[("rms_norm_eps", "norm_epsilon", 1e-6), ("attention_dropout", "attention_dropout", 0.0)])?;
    import.flags(&[("tie_word_embeddings", "tied", false)])?;
    import.text("hidden_act", "activation", "silu", activation::NAMES)?;
    import.rope(10_000.0)?;
    let keys = import.keys();
    let windows = keys.flag("use_sliding_window")? == Some(true);
    let window = keys.integer("sliding_window")?.filter(|_| windows).unwrap_or(0);
    let from = keys.integer("max_window_layers")?.unwrap_or(28);
    import.set("window", Value::Integer(window));
    import.layer_types(32, |layer| windows && i64::from(layer) >= from)?;
    import.only(&[("use_mrope", Value::Boolean(false))])?;
    import.finish(&["is_decoder"])
}

pub(crate) fn export(settings: &Settings, scaling: &Scaling, windows: &[bool], sizes: &Sizes) -> Result<Vec<Setting>> {
    let Settings { layers, heads, width, window, dropout, norm_epsilon, .. } = *settings;
    let export = Export::new("qwen2", "Qwen2ForCausalLM")
        .integers(&[
            ("vocab_size", sizes.vocab),
            ("max_position_embeddings", ranges::positions(settings.context, sizes.context)?),
            ("hidden_size", width),
            ("intermediate_size", settings.hidden()),
            ("num_hidden_layers", layers),
            ("num_attention_heads", heads),
            ("num_key_value_heads", settings.kv_heads()),
        ])
        .text("hidden_act", &settings.activation)
        .number("rms_norm_eps", norm_epsilon)
        .rope(settings.rope_theta, scaling)
        .number("attention_dropout", ranges::rate_or(settings.attention_dropout, dropout))
        .flag("tie_word_embeddings", settings.tied)
        .flag("use_sliding_window", windows.contains(&true))
        .set("layer_types", kinds::names(windows));
    Ok(if windows.contains(&true) { export.integer("sliding_window", window) } else { export }.finish())
}
