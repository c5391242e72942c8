//! The metadata of llama.cpp for a `config.json`.

use super::super::family::Family;
use super::super::rope::Llama3;
use super::Config;
use crate::{Error, Result};
use candle_core::quantized::gguf_file::Value;

/// Metadata, and tensors that hold settings.
#[derive(Debug, Default)]
pub struct Written {
    /// Keys and values in their order.
    pub metadata: Vec<(String, Value)>,
    /// Constant tensors of one dimension.
    pub tensors: Vec<(String, Vec<f32>)>,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys.
    pub kv_heads: usize,
    /// Rows of the table of tokens.
    pub vocab: usize,
}

/// Writes the settings of a model.
///
/// # Errors
/// A setting that is missing, of another type, or one that llama.cpp has no place for.
pub fn write(config: &Config, family: &Family) -> Result<Written> {
    let vocab = config.required("vocab_size", Config::int)?;
    let mut writer = Writer { config, family, written: Written { vocab: vocab as usize, ..Written::default() } };
    match family.model_type {
        "gpt2" => writer.gpt2()?,
        "bert" | "roberta" => writer.bert()?,
        _ => writer.decoder()?,
    }
    writer.int("vocab_size", vocab);
    Ok(writer.written)
}

struct Writer<'a> {
    config: &'a Config,
    family: &'a Family,
    written: Written,
}

impl Writer<'_> {
    fn gpt2(&mut self) -> Result<()> {
        let config = self.config;
        let width = config.required("n_embd", Config::int)?;
        self.must_be("activation_function", &["gelu_new", "gelu_pytorch_tanh"], "gelu_new")?;
        self.refuse("scale_attn_by_inverse_layer_idx", false)?;
        self.refuse("scale_attn_weights", true)?;
        self.int("context_length", config.required("n_positions", Config::int)?);
        self.int("embedding_length", width);
        self.int("feed_forward_length", config.int("n_inner")?.unwrap_or(width.saturating_mul(4)));
        self.int("block_count", config.required("n_layer", Config::int)?);
        let heads = config.required("n_head", Config::int)?;
        self.heads(heads, heads);
        self.float("attention.layer_norm_epsilon", config.number("layer_norm_epsilon")?.unwrap_or(1e-5));
        Ok(())
    }

    fn bert(&mut self) -> Result<()> {
        let config = self.config;
        let positions = config.required("max_position_embeddings", Config::int)?;
        self.must_be("hidden_act", &["gelu", "gelu_new", "gelu_pytorch_tanh"], "gelu")?;
        self.must_be("position_embedding_type", &["absolute"], "absolute")?;
        self.int("context_length", positions.saturating_sub(self.family.first_position as u32));
        self.sizes()?;
        let heads = config.required("num_attention_heads", Config::int)?;
        self.heads(heads, heads);
        self.float("attention.layer_norm_epsilon", config.number("layer_norm_eps")?.unwrap_or(1e-12));
        self.put("attention.causal", Value::Bool(false));
        let types = config.int("type_vocab_size")?.unwrap_or(2);
        self.written.metadata.push(("tokenizer.ggml.token_type_count".into(), Value::U32(types)));
        Ok(())
    }

    fn decoder(&mut self) -> Result<()> {
        let config = self.config;
        let heads = config.required("num_attention_heads", Config::int)?;
        let width = config.required("hidden_size", Config::int)?;
        let usual = width.checked_div(heads).unwrap_or(0);
        let head = config.int("head_dim")?.unwrap_or(usual);
        self.int("context_length", config.required("max_position_embeddings", Config::int)?);
        self.sizes()?;
        self.heads(heads, config.int("num_key_value_heads")?.unwrap_or(heads));
        self.int("attention.key_length", head);
        self.int("attention.value_length", head);
        match self.family.model_type {
            "phi" => {
                self.must_be("hidden_act", &["gelu_new", "gelu_pytorch_tanh"], "gelu_new")?;
                self.refuse("qk_layernorm", false)?;
                self.float("attention.layer_norm_epsilon", config.number("layer_norm_eps")?.unwrap_or(1e-5));
            }
            "gemma2" | "gemma3_text" => {
                self.must_be("hidden_activation", &["gelu_pytorch_tanh"], "gelu_pytorch_tanh")?;
                self.float("attention.layer_norm_rms_epsilon", config.number("rms_norm_eps")?.unwrap_or(1e-6));
            }
            _ => {
                self.must_be("hidden_act", &["silu"], "silu")?;
                self.float("attention.layer_norm_rms_epsilon", config.number("rms_norm_eps")?.unwrap_or(1e-6));
            }
        }
        self.rotary(head)?;
        self.own(head)
    }

    /// Sizes that most families call alike.
    fn sizes(&mut self) -> Result<()> {
        self.int("embedding_length", self.config.required("hidden_size", Config::int)?);
        self.int("feed_forward_length", self.config.required("intermediate_size", Config::int)?);
        self.int("block_count", self.config.required("num_hidden_layers", Config::int)?);
        Ok(())
    }

    fn heads(&mut self, heads: u32, kv_heads: u32) {
        self.int("attention.head_count", heads);
        self.int("attention.head_count_kv", kv_heads);
        (self.written.heads, self.written.kv_heads) = (heads as usize, kv_heads as usize);
    }

    fn rotary(&mut self, head: u32) -> Result<()> {
        let rope = self.config.rope("full_attention")?;
        let theta = rope.number("rope_theta")?.unwrap_or(10_000.0);
        let part = rope.number("partial_rotary_factor")?.unwrap_or(match self.family.model_type {
            "phi" => 0.5,
            _ => 1.0,
        });
        let turned = (f64::from(head) * part) as u32;
        self.int("rope.dimension_count", turned);
        self.float("rope.freq_base", theta);
        match rope.text("rope_type")?.unwrap_or("default") {
            "default" => Ok(()),
            "linear" => {
                self.put("rope.scaling.type", Value::String("linear".into()));
                self.float("rope.scaling.factor", rope.required("factor", Config::number)?);
                Ok(())
            }
            "llama3" => {
                let settings = Llama3 {
                    factor: rope.required("factor", Config::number)?,
                    low: rope.required("low_freq_factor", Config::number)?,
                    high: rope.required("high_freq_factor", Config::number)?,
                    original: rope.required("original_max_position_embeddings", Config::number)?,
                };
                let divisors = settings.divisors(theta, turned as usize / 2);
                self.constant("rope_freqs.weight", &divisors);
                Ok(())
            }
            "yarn" => self.yarn(&rope),
            "longrope" | "su" if self.family.model_type == "phi3" => self.long_rope(&rope),
            other => Err(Error::run(format!("config.json: rope_type {other:?} has no form in GGUF for this family"))),
        }
    }

    fn yarn(&mut self, rope: &Config) -> Result<()> {
        self.put("rope.scaling.type", Value::String("yarn".into()));
        self.float("rope.scaling.factor", rope.required("factor", Config::number)?);
        let original = match rope.int("original_max_position_embeddings")? {
            Some(original) => original,
            None => self.config.required("max_position_embeddings", Config::int)?,
        };
        self.int("rope.scaling.original_context_length", original);
        for (there, here) in [("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow")] {
            if let Some(number) = rope.number(there)? {
                self.float(&format!("rope.scaling.{here}"), number);
            }
        }
        Ok(())
    }

    fn long_rope(&mut self, rope: &Config) -> Result<()> {
        let original = self.config.required("original_max_position_embeddings", Config::int)?;
        let context = self.config.required("max_position_embeddings", Config::int)?;
        let (original_size, scale) = (f64::from(original), f64::from(context) / f64::from(original.max(1)));
        let factor = if scale > 1.0 { (1.0 + scale.ln() / original_size.ln()).sqrt() } else { 1.0 };
        self.int("rope.scaling.original_context_length", original);
        self.float("rope.scaling.attn_factor", factor);
        for (key, name) in [("long_factor", "rope_factors_long.weight"), ("short_factor", "rope_factors_short.weight")]
        {
            let list = rope.get(key).and_then(|list| list.as_array());
            let divisors: Option<Vec<f64>> = list.and_then(|list| list.iter().map(|value| value.as_f64()).collect());
            let wrong = || Error::run(format!("config.json: rope_scaling.{key}: expected a list of numbers"));
            self.constant(name, &divisors.ok_or_else(wrong)?);
        }
        Ok(())
    }

    /// Settings of one family only.
    fn own(&mut self, head: u32) -> Result<()> {
        let config = self.config;
        let window = config.int("sliding_window")?;
        match self.family.model_type {
            "mistral" => {
                if let Some(window) = window {
                    self.int("attention.sliding_window", window);
                    let context = config.int("max_position_embeddings")?.unwrap_or(0);
                    if window < context {
                        tracing::warn!("llama.cpp ignores Mistral's window: texts above {window} tokens differ there");
                    }
                }
            }
            "phi3" => self.int("attention.sliding_window", window.unwrap_or(0)),
            "gemma2" | "gemma3_text" => self.gemma(head, window)?,
            _ => {}
        }
        Ok(())
    }

    fn gemma(&mut self, head: u32, window: Option<u32>) -> Result<()> {
        let config = self.config;
        let is_second = self.family.model_type == "gemma2";
        let period = if is_second { 2 } else { 6 };
        self.int("attention.sliding_window", window.unwrap_or(4096));
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if let Some(cap) = config.number(key)?.filter(|_| is_second || key.starts_with("final")) {
                self.float(key, cap);
            }
        }
        if !is_second {
            let local = match config.number("rope_local_base_freq")? {
                Some(local) => local,
                None => config.rope("sliding_attention")?.number("rope_theta")?.unwrap_or(10_000.0),
            };
            self.float("rope.freq_base_swa", local);
        }
        let scalar = config.number("query_pre_attn_scalar")?.unwrap_or(256.0);
        if scalar != f64::from(head) {
            self.float("attention.scale", scalar.sqrt().recip());
            tracing::warn!("llama.cpp may ignore query_pre_attn_scalar: it is {scalar}, and a head's width {head}");
        }
        let Some(types) = config.get("layer_types").and_then(|types| types.as_array()) else { return Ok(()) };
        let windows: Vec<bool> = types.iter().map(|kind| kind == "sliding_attention").collect();
        if windows.iter().zip(1..).any(|(is_window, layer)| *is_window != (layer % period != 0)) {
            self.put("attention.sliding_window_pattern", Value::Array(windows.into_iter().map(Value::Bool).collect()));
        }
        Ok(())
    }

    /// Makes sure that a setting has one of some values.
    fn must_be(&self, key: &str, values: &[&str], default: &str) -> Result<()> {
        let value = self.config.text(key)?.unwrap_or(default);
        match values.contains(&value) {
            true => Ok(()),
            false => {
                let expected = values.join(" or ");
                Err(Error::run(format!("config.json: {key}: llama.cpp has only {expected} here, got {value:?}")))
            }
        }
    }

    /// Makes sure that a setting is `usual`.
    fn refuse(&self, key: &str, usual: bool) -> Result<()> {
        match self.config.bool(key)?.unwrap_or(usual) == usual {
            true => Ok(()),
            false => Err(Error::run(format!("config.json: {key}: llama.cpp has only {usual} here, got {}", !usual))),
        }
    }

    fn put(&mut self, name: &str, value: Value) {
        self.written.metadata.push((format!("{}.{name}", self.family.arch), value));
    }

    fn int(&mut self, name: &str, value: u32) {
        self.put(name, Value::U32(value));
    }

    fn float(&mut self, name: &str, value: f64) {
        self.put(name, Value::F32(value as f32));
    }

    fn constant(&mut self, name: &str, values: &[f64]) {
        self.written.tensors.push((name.into(), values.iter().map(|value| *value as f32).collect()));
    }
}
