//! GPT-2 (Radford et al. 2019) as a recipe: learned positions, layer norms, GELU, biases everywhere. Parameters are
//! named and shaped as in transformers' `GPT2LMHeadModel`.

use super::activation::Activation;
use super::block::Block;
use super::config::{Gelu, ModelConfig};
use super::linear::Linear;
use super::norm::Norm;
use super::params::{Init, Params};
use super::parts::Parts;
use crate::Result;
use crate::ops::linear::Layout;
use serde_json::{Value, json};

/// A new network. Initialisation as GPT-2: normal with deviation 0.02, projections onto the residual stream with
/// 0.02 / √(2 · layers), biases 0, norms 1.
pub(super) fn parts(config: &ModelConfig, gelu: Gelu, vocab: usize, params: &mut Params) -> Result<Parts> {
    let (width, hidden) = (config.width, config.hidden);
    let normal = Init::Normal(0.02);
    let norm = |params: &mut Params, name: &str| norm(params, name, width, config.norm_epsilon);
    let residual = Init::Normal(0.02 / (2.0 * config.layers as f64).sqrt());
    let tokens = params.add("transformer.wte.weight", &[vocab, width], normal)?;
    let positions = params.add("transformer.wpe.weight", &[config.context, width], normal)?;
    let mut blocks = Vec::with_capacity(config.layers);
    for layer in 0..config.layers {
        let name = |part: &str| format!("transformer.h.{layer}.{part}");
        blocks.push(Block {
            layer,
            norm_1: norm(params, &name("ln_1"))?,
            qkv: linear(params, &name("attn.c_attn"), width, 3 * width, normal)?,
            project: linear(params, &name("attn.c_proj"), width, width, residual)?,
            norm_2: norm(params, &name("ln_2"))?,
            expand: linear(params, &name("mlp.c_fc"), width, hidden, normal)?,
            activation: Activation::Gelu(gelu),
            contract: linear(params, &name("mlp.c_proj"), hidden, width, residual)?,
        });
    }
    let final_norm = norm(params, "transformer.ln_f")?;
    let head = if config.tied { tokens.clone() } else { params.add("lm_head.weight", &[vocab, width], normal)? };
    Ok(Parts { tokens, positions: Some(positions), blocks, final_norm, head })
}

/// `[in, out]`, as GPT-2's Conv1D.
fn linear(params: &mut Params, name: &str, n_in: usize, n_out: usize, init: Init) -> Result<Linear> {
    Ok(Linear {
        weight: params.add(&format!("{name}.weight"), &[n_in, n_out], init)?,
        layout: Layout::InOut,
        bias: Some(params.add(&format!("{name}.bias"), &[n_out], Init::Zeros)?),
    })
}

fn norm(params: &mut Params, name: &str, width: usize, epsilon: f64) -> Result<Norm> {
    Ok(Norm::Layer {
        weight: params.add(&format!("{name}.weight"), &[width], Init::Ones)?,
        bias: params.add(&format!("{name}.bias"), &[width], Init::Zeros)?,
        epsilon,
    })
}

/// `config.json` as transformers' `GPT2Config` reads it.
pub(super) fn hugging_face(config: &ModelConfig, gelu: Gelu, vocab: usize) -> Value {
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": vocab,
        "n_positions": config.context,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": config.hidden,
        "activation_function": match gelu {
            Gelu::Tanh => "gelu_new",
            Gelu::Erf => "gelu",
        },
        "layer_norm_epsilon": config.norm_epsilon,
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.dropout,
        "tie_word_embeddings": config.tied,
    })
}
