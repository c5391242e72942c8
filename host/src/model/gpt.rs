//! GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks of causal self-attention and a GELU network.
//!
//! Forward and backward are written out layer by layer over tensors that are kept from step to step: measured against
//! candle's tape with the same kernels, that is 1.2 to 1.5 times faster, and peak memory is known before step 1.
//! Shapes: rows = sequences · length; C = width.

use super::activations::{Activations, BlockActivations, Gradients};
use super::params::{Init, Param, Params};
use super::{ModelConfig, Tokens};
use crate::Result;
use crate::ops::{
    Engine, Precision, add, attention, dropout, dropout::Mask, embedding, gelu, gelu::Gelu, layer_norm, linear,
    linear::Layout,
};
use crate::random::Stream;
use candle_core::Tensor;

/// The network with its parameters, gradients and activations.
pub struct Gpt {
    pub(super) config: ModelConfig,
    engine: Engine,
    vocab: usize,
    params: Params,
    pub(super) tokens: Param,
    pub(super) positions: Param,
    pub(super) blocks: Vec<Block>,
    pub(super) final_norm: Affine,
    head: Param,
    activations: Option<Activations>,
}

/// Weight and bias of a linear layer (`[in, out]`, `[out]`) or a norm (`[C]`, `[C]`).
pub(super) struct Affine {
    weight: Param,
    bias: Param,
}

pub(super) struct Block {
    pub norm_1: Affine,
    pub qkv: Affine,
    pub project: Affine,
    pub norm_2: Affine,
    pub expand: Affine,
    pub contract: Affine,
}

/// Where the dropout masks of one forward and backward come from.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// The run's dropout stream.
    pub stream: Stream,
    /// Number of the micro-batch since the start of the run.
    pub micro_batch: u64,
}

/// Places of a block at which dropout acts, and their number.
const AFTER_EMBEDDING: u64 = 0;
const IN_ATTENTION: u64 = 1;
const AFTER_ATTENTION: u64 = 2;
const AFTER_NETWORK: u64 = 3;
const SITES: u64 = 4;

impl Gpt {
    /// A new network; initialisation as GPT-2: normal with deviation 0.02, projections onto the residual stream with
    /// 0.02 / √(2 · layers), biases 0, norms 1.
    pub fn new(config: &ModelConfig, vocab: usize, precision: Precision, seed: u64) -> Result<Self> {
        let mut params = Params::new(precision.dtype(), seed);
        let width = config.width;
        let normal = Init::Normal(0.02);
        let residual = Init::Normal(0.02 / (2.0 * config.layers as f64).sqrt());
        let tokens = params.add("transformer.wte.weight", &[vocab, width], normal)?;
        let positions = params.add("transformer.wpe.weight", &[config.context, width], normal)?;
        let mut blocks = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let mut affine = |name: &str, shape: &[usize], init| {
                let name = format!("transformer.h.{layer}.{name}");
                let bias_shape = &shape[shape.len() - 1..];
                let weight = params.add(&format!("{name}.weight"), shape, init)?;
                Result::Ok(Affine { weight, bias: params.add(&format!("{name}.bias"), bias_shape, Init::Zeros)? })
            };
            blocks.push(Block {
                norm_1: affine("ln_1", &[width], Init::Ones)?,
                qkv: affine("attn.c_attn", &[width, 3 * width], normal)?,
                project: affine("attn.c_proj", &[width, width], residual)?,
                norm_2: affine("ln_2", &[width], Init::Ones)?,
                expand: affine("mlp.c_fc", &[width, 4 * width], normal)?,
                contract: affine("mlp.c_proj", &[4 * width, width], residual)?,
            });
        }
        let final_norm = Affine {
            weight: params.add("transformer.ln_f.weight", &[width], Init::Ones)?,
            bias: params.add("transformer.ln_f.bias", &[width], Init::Zeros)?,
        };
        let head = if config.tied { tokens.clone() } else { params.add("lm_head.weight", &[vocab, width], normal)? };
        Ok(Self {
            config: config.clone(),
            engine: Engine::new(precision),
            vocab,
            params,
            tokens,
            positions,
            blocks,
            final_norm,
            head,
            activations: None,
        })
    }

    /// All parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The shape of the network.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What its operations run on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Number of tokens in the vocabulary.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Floating-point operations of forward and backward per token: 6 per weight of a matrix that is multiplied, and
    /// 6 · layers · C · context for causal attention (Chowdhery et al., PaLM, appendix B, halved for the mask).
    pub fn flops_per_token(&self) -> f64 {
        let ModelConfig { layers, width, context, .. } = self.config;
        (6 * (12 * layers * width * width + self.vocab * width) + 6 * layers * width * context) as f64
    }

    /// The output layer, `[vocab, C]`: logits = hidden · headᵀ.
    pub fn head(&self) -> &Param {
        &self.head
    }

    /// The last hidden states `[rows, C]`, valid until the next call. `dropout` is given while training.
    pub fn forward(&mut self, tokens: &Tokens<'_>, dropout: Option<Dropout>) -> Result<Tensor> {
        let mut activations = match self.activations.take() {
            Some(kept) if kept.fits(tokens) => kept,
            _ => Activations::new(&self.config, tokens, self.tokens.value.dtype())?,
        };
        let result = self.forward_into(tokens, dropout, &mut activations);
        let hidden = activations.hidden.clone();
        self.activations = Some(activations);
        result.map(|()| hidden)
    }

    fn forward_into(&self, tokens: &Tokens<'_>, dropout: Option<Dropout>, activations: &mut Activations) -> Result<()> {
        let stream = &activations.residual;
        embedding::forward(
            &self.engine,
            tokens.ids,
            &self.tokens.value,
            Some((tokens.positions, &self.positions.value)),
            &stream[0],
        )?;
        self.drop(&stream[0], dropout, 0, AFTER_EMBEDDING)?;
        for (layer, (block, kept)) in self.blocks.iter().zip(&activations.blocks).enumerate() {
            self.block_forward(layer, block, kept, &stream[layer], &stream[layer + 1], &activations.branch, dropout)?;
        }
        let last = &stream[self.blocks.len()];
        self.final_norm.norm(&self.engine, last, &activations.hidden, &activations.final_stats)
    }

    /// `out` `[rows, C]` = `x` + attention + network. `branch` `[rows, C]` is scratch.
    #[expect(clippy::too_many_arguments, reason = "a block is its inputs, outputs and what is kept for the backward")]
    fn block_forward(
        &self,
        layer: usize,
        block: &Block,
        kept: &BlockActivations,
        x: &Tensor,
        out: &Tensor,
        branch: &Tensor,
        dropout: Option<Dropout>,
    ) -> Result<()> {
        // attention: x → norm → q, k, v → heads → projection → + x
        block.norm_1.norm(&self.engine, x, &kept.norm_1, &kept.stats_1)?;
        block.qkv.linear(&self.engine, &kept.norm_1, &kept.qkv)?;
        let mask = self.mask(dropout, layer, IN_ATTENTION);
        attention::forward(&self.engine, &kept.qkv, kept.shape, mask.as_ref(), &kept.attention, &kept.log_sum_exp)?;
        block.project.linear(&self.engine, &kept.attention, branch)?;
        self.drop(branch, dropout, layer, AFTER_ATTENTION)?;
        add::forward(&self.engine, x, branch, &kept.middle)?;
        // network: → norm → 4C → GELU → C → +
        block.norm_2.norm(&self.engine, &kept.middle, &kept.norm_2, &kept.stats_2)?;
        block.expand.linear(&self.engine, &kept.norm_2, &kept.expanded)?;
        gelu::forward(&self.engine, Gelu::Tanh, &kept.expanded, &kept.activated)?;
        block.contract.linear(&self.engine, &kept.activated, branch)?;
        self.drop(branch, dropout, layer, AFTER_NETWORK)?;
        add::forward(&self.engine, &kept.middle, branch, out)
    }

    /// Adds to the gradients of all parameters but the head's, given the gradient `dhidden` `[rows, C]` of the last
    /// forward's result. Must follow that forward, with the same tokens and dropout.
    pub fn backward(&mut self, tokens: &Tokens<'_>, dropout: Option<Dropout>, dhidden: &Tensor) -> Result<()> {
        let Some(activations) = self.activations.take() else {
            return Err(crate::Error::run("backward was called before forward"));
        };
        let result = self.backward_through(tokens, dropout, dhidden, &activations);
        self.activations = Some(activations);
        result
    }

    fn backward_through(
        &self,
        tokens: &Tokens<'_>,
        dropout: Option<Dropout>,
        dhidden: &Tensor,
        activations: &Activations,
    ) -> Result<()> {
        let gradients = activations.gradients()?;
        let dstream = &gradients.stream;
        let stream = &activations.residual;
        add::zero(dstream)?;
        self.final_norm.norm_backward(
            &self.engine,
            dhidden,
            &stream[self.blocks.len()],
            &activations.final_stats,
            dstream,
        )?;
        for (layer, (block, kept)) in self.blocks.iter().zip(&activations.blocks).enumerate().rev() {
            // network
            let dbranch = self.branch_gradient(gradients, dropout, layer, AFTER_NETWORK)?;
            block.contract.linear_backward(&self.engine, dbranch, &kept.activated, &gradients.expanded)?;
            gelu::backward(&self.engine, Gelu::Tanh, &kept.expanded, &gradients.expanded)?;
            block.expand.linear_backward(&self.engine, &gradients.expanded, &kept.norm_2, &gradients.branch)?;
            block.norm_2.norm_backward(&self.engine, &gradients.branch, &kept.middle, &kept.stats_2, dstream)?;
            // attention
            let dbranch = self.branch_gradient(gradients, dropout, layer, AFTER_ATTENTION)?;
            block.project.linear_backward(&self.engine, dbranch, &kept.attention, &gradients.attention)?;
            let mask = self.mask(dropout, layer, IN_ATTENTION);
            let (dattention, dqkv) = (&gradients.attention, &gradients.qkv);
            let saved = (&kept.qkv, &kept.attention, &kept.log_sum_exp);
            attention::backward(&self.engine, dattention, saved.0, saved.1, saved.2, kept.shape, mask.as_ref(), dqkv)?;
            block.qkv.linear_backward(&self.engine, dqkv, &kept.norm_1, &gradients.branch)?;
            block.norm_1.norm_backward(&self.engine, &gradients.branch, &stream[layer], &kept.stats_1, dstream)?;
        }
        self.drop(dstream, dropout, 0, AFTER_EMBEDDING)?;
        embedding::backward(
            &self.engine,
            tokens.ids,
            dstream,
            &self.tokens.grad,
            Some((tokens.positions, &self.positions.grad)),
        )
    }

    /// The gradient of a residual branch: the stream's, through the dropout mask of that branch if there is one.
    fn branch_gradient<'g>(
        &self,
        gradients: &'g Gradients,
        dropout: Option<Dropout>,
        layer: usize,
        place: u64,
    ) -> Result<&'g Tensor> {
        let Some(mask) = self.mask(dropout, layer, place) else { return Ok(&gradients.stream) };
        add::copy(&gradients.stream, &gradients.branch)?;
        dropout::apply(&self.engine, &gradients.branch, &mask)?;
        Ok(&gradients.branch)
    }

    fn mask(&self, dropout: Option<Dropout>, layer: usize, place: u64) -> Option<Mask> {
        let dropout = dropout.filter(|_| self.config.dropout > 0.0)?;
        let site = (dropout.micro_batch * self.config.layers as u64 + layer as u64) * SITES + place;
        Some(Mask { stream: dropout.stream, site, rate: self.config.dropout })
    }

    fn drop(&self, x: &Tensor, dropout: Option<Dropout>, layer: usize, place: u64) -> Result<()> {
        match self.mask(dropout, layer, place) {
            Some(mask) => dropout::apply(&self.engine, x, &mask),
            None => Ok(()),
        }
    }
}

impl Affine {
    pub fn linear(&self, engine: &Engine, x: &Tensor, out: &Tensor) -> Result<()> {
        linear::forward(engine, x, (&self.weight.value, Layout::InOut), Some(&self.bias.value), None, out)
    }

    fn linear_backward(&self, engine: &Engine, dy: &Tensor, x: &Tensor, dx: &Tensor) -> Result<()> {
        linear::backward(
            engine,
            dy,
            x,
            (&self.weight.value, Layout::InOut),
            dx,
            &self.weight.grad,
            Some(&self.bias.grad),
        )
    }

    pub fn norm(&self, engine: &Engine, x: &Tensor, out: &Tensor, stats: &Tensor) -> Result<()> {
        layer_norm::forward(engine, x, &self.weight.value, &self.bias.value, layer_norm::EPSILON, out, stats)
    }

    fn norm_backward(&self, engine: &Engine, dy: &Tensor, x: &Tensor, stats: &Tensor, dx: &Tensor) -> Result<()> {
        layer_norm::backward(engine, dy, x, &self.weight.value, stats, dx, &self.weight.grad, &self.bias.grad)
    }
}
