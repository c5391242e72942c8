//! Llama (Touvron et al., arXiv 2302.13971) as a recipe: rotary positions, RMS norms, SwiGLU, grouped-query attention
//! (Ainslie et al., arXiv 2305.13245), no biases. Parameters are named and shaped as in transformers'
//! `LlamaForCausalLM`; matrices that are multiplied with the same rows lie in one matrix.

use super::activation::Activation;
use super::block::Block;
use super::config::ModelConfig;
use super::linear::Linear;
use super::norm::Norm;
use super::params::{Init, Param, Params};
use super::parts::Parts;
use crate::Result;
use crate::ops::linear::Layout;
use serde_json::{Value, json};

/// A new network. Initialisation as here for GPT: normal with deviation 0.02, projections onto
/// the residual stream with 0.02 / √(2 · layers), norms 1.
pub(super) fn parts(config: &ModelConfig, vocab: usize, params: &mut Params) -> Result<Parts> {
    let (width, hidden, kv_width) = (config.width, config.hidden, config.kv_width());
    let normal = Init::Normal(0.02);
    let residual = Init::Normal(0.02 / (2.0 * config.layers as f64).sqrt());
    let epsilon = config.norm_epsilon;
    let norm = |params: &mut Params, name: &str| {
        Result::Ok(Norm::Rms { weight: params.add(&format!("{name}.weight"), &[width], Init::Ones)?, epsilon })
    };
    let tokens = params.add("model.embed_tokens.weight", &[vocab, width], normal)?;
    let mut blocks = Vec::with_capacity(config.layers);
    for layer in 0..config.layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let weight = |part: &str| name(part) + ".weight";
        let qkv = [
            (weight("self_attn.q_proj"), width),
            (weight("self_attn.k_proj"), kv_width),
            (weight("self_attn.v_proj"), kv_width),
        ];
        let gate_up = [(weight("mlp.gate_proj"), hidden), (weight("mlp.up_proj"), hidden)];
        blocks.push(Block {
            layer,
            norm_1: norm(params, &name("input_layernorm"))?,
            qkv: linear(params.add_stacked(&qkv, width, normal)?),
            project: linear(params.add(&weight("self_attn.o_proj"), &[width, width], residual)?),
            norm_2: norm(params, &name("post_attention_layernorm"))?,
            expand: linear(params.add_stacked(&gate_up, width, normal)?),
            activation: Activation::SwiGlu,
            contract: linear(params.add(&weight("mlp.down_proj"), &[width, hidden], residual)?),
        });
    }
    let final_norm = norm(params, "model.norm")?;
    let head = if config.tied { tokens.clone() } else { params.add("lm_head.weight", &[vocab, width], normal)? };
    Ok(Parts { tokens, positions: None, blocks, final_norm, head })
}

/// `[out, in]`, as PyTorch's Linear.
fn linear(weight: Param) -> Linear {
    Linear { weight, layout: Layout::OutIn, bias: None }
}

/// `config.json` as transformers' `LlamaConfig` reads it.
pub(super) fn hugging_face(config: &ModelConfig, rope_theta: f64, vocab: usize) -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocab,
        "max_position_embeddings": config.context,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads(),
        "head_dim": config.width / config.heads,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": rope_theta,
        "attention_bias": false,
        "mlp_bias": false,
        "attention_dropout": config.dropout,
        "tie_word_embeddings": config.tied,
    })
}
