//! A pre-norm residual decoder: embedding, blocks, final norm, output layer. GPT-2 and Llama are two recipes for its
//! parts.
//!
//! Forward and backward are written out layer by layer over tensors that are kept from step to step: measured against
//! candle's tape with the same kernels, that is 1.2 to 1.5 times faster, and peak memory is known before step 1.
//! Shapes: rows = sequences · length; C = width.

use super::activations::{Activations, Size};
use super::block::{Block, Pass};
use super::config::{Architecture, ModelConfig};
use super::dropout::{Dropout, Masks, Site};
use super::memory::Allocator;
use super::params::{Param, Params};
use super::parts::Parts;
use super::{gpt, llama};
use crate::ops::{Device, Engine, Precision, Tensor, add, embedding, rotary::Angles, rotary::Table};
use crate::rows::Tokens;
use crate::{Error, Result};

/// The network with its parameters, gradients and activations.
pub struct Transformer {
    config: ModelConfig,
    engine: Engine,
    vocab: usize,
    recompute: bool,
    params: Params,
    pub(super) parts: Parts,
    /// None when positions are learned.
    rotary: Option<Table>,
    activations: Option<Activations>,
    /// How often the activations were made.
    generation: u64,
}

fn parts(config: &ModelConfig, vocab: usize, params: &mut Params) -> Result<Parts> {
    match config.architecture {
        Architecture::Gpt { gelu } => gpt::parts(config, gelu, vocab, params),
        Architecture::Llama { .. } => llama::parts(config, vocab, params),
    }
}

impl Transformer {
    /// A new network. With `recompute` a forward keeps only the input of each block, and the backward runs each block's
    /// forward again (Chen et al., arXiv 1604.06174): the same gradients, bit for bit, from less memory and up to a
    /// third more work.
    ///
    /// # Errors
    /// A GPU without room for the parameters.
    pub fn new(config: &ModelConfig, vocab: usize, engine: Engine, seed: u64, recompute: bool) -> Result<Self> {
        let mut params = Params::new(Allocator::new(&engine), seed);
        let parts = parts(config, vocab, &mut params)?;
        let rotary = match config.architecture {
            Architecture::Gpt { .. } => None,
            Architecture::Llama { rope_theta, .. } => {
                let angles = Angles::new(config.width / config.heads, rope_theta);
                Some(Table::new(config.context, &angles, engine.precision().dtype(), engine.device())?)
            }
        };
        Ok(Self {
            config: config.clone(),
            engine,
            vocab,
            recompute,
            params,
            parts,
            rotary,
            activations: None,
            generation: 0,
        })
    }

    /// Bytes of parameters, their gradients, activations and, when `training`, the gradients of activations, for
    /// `sequences` sequences of `length` tokens. Nothing of that size is allocated.
    ///
    /// Not in it is what others hold: the optimizer's state, the gradient of the last hidden states, the blocks of
    /// logits of the loss, the table of rotary angles, and the scratch of single operations.
    ///
    /// # Errors
    /// Sizes that no tensor can have.
    pub fn bytes(
        config: &ModelConfig,
        vocab: usize,
        (precision, device): (Precision, &Device),
        (sequences, length): (usize, usize),
        training: bool,
        recompute: bool,
    ) -> Result<u64> {
        let mut params = Params::new(Allocator::only_shapes(precision, device), 0);
        parts(config, vocab, &mut params)?;
        let allocator = Allocator::only_shapes(precision, device);
        let activations = Activations::new(config, Size { sequences, length, recompute }, &allocator)?;
        if training {
            activations.gradients(config, &allocator)?;
        }
        Ok(params.bytes() + allocator.bytes())
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

    /// A number that changes when tensors of a forward and backward move to another place.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Number of tokens in the vocabulary.
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// The output layer, `[vocab, C]`: logits = hidden · headᵀ.
    pub fn head(&self) -> &Param {
        &self.parts.head
    }

    /// Floating-point operations of forward and backward per token: 6 per weight of a matrix that is multiplied, and
    /// 6 · layers · C · context for causal attention (Chowdhery et al., PaLM, appendix B, halved for the mask). What
    /// recomputation adds is not counted: it is the work of the model, not of the program.
    pub fn flops_per_token(&self) -> f64 {
        let ModelConfig { layers, width, context, .. } = self.config;
        let weights: usize = self.parts.blocks.iter().map(Block::n_multiplied).sum();
        (6 * (weights + self.parts.head.value.elem_count()) + 6 * layers * width * context) as f64
    }

    /// `config.json` for Hugging Face transformers; `end_of_text` is the id of that token.
    pub fn hugging_face_config(&self, end_of_text: Option<u32>) -> serde_json::Value {
        let mut json = match self.config.architecture {
            Architecture::Gpt { gelu } => gpt::hugging_face(&self.config, gelu, self.vocab),
            Architecture::Llama { rope_theta, .. } => llama::hugging_face(&self.config, rope_theta, self.vocab),
        };
        json["bos_token_id"] = end_of_text.into();
        json["eos_token_id"] = end_of_text.into();
        json
    }

    /// The last hidden states `[rows, C]`, valid until the next call. `dropout` is given while training.
    ///
    /// # Errors
    /// Ids or positions that the model does not have.
    pub fn forward(&mut self, tokens: &Tokens<'_>, dropout: Option<Dropout>) -> Result<Tensor> {
        self.check(tokens)?;
        let size = Size { sequences: tokens.sequences(), length: tokens.length, recompute: self.recompute };
        let activations = match self.activations.take() {
            Some(kept) if kept.fits(size) => kept,
            // What did not fit is gone before the new is made.
            _ => {
                self.generation += 1;
                Activations::new(&self.config, size, &self.allocator())?
            }
        };
        let result = self.forward_into(tokens, dropout, &activations);
        let hidden = activations.hidden.clone();
        self.activations = Some(activations);
        result.map(|()| hidden)
    }

    fn forward_into(&self, tokens: &Tokens<'_>, dropout: Option<Dropout>, kept: &Activations) -> Result<()> {
        let Parts { tokens: vectors, positions, blocks, final_norm, .. } = &self.parts;
        let pass = self.pass(tokens, dropout, kept.branch.as_ref());
        let stream = &kept.stream;
        let learned = positions.as_ref().map(|table| (&tokens.positions, &table.value));
        embedding::forward(&self.engine, &tokens.ids, &vectors.value, learned, &stream[0])?;
        if let Some(masks) = &pass.dropout {
            masks.apply(&self.engine, 0, Site::AfterEmbedding, &stream[0])?;
        }
        for (layer, block) in blocks.iter().enumerate() {
            block.forward(&pass, &stream[layer], kept.block(layer), None, &stream[layer + 1])?;
        }
        final_norm.forward(&self.engine, &stream[blocks.len()], &kept.hidden, &kept.final_stats)
    }

    /// Adds to the gradients of all parameters but the head's, given the gradient `dhidden` `[rows, C]` of the last
    /// forward's result. Must follow that forward, with the same tokens and dropout.
    ///
    /// # Errors
    /// A backward before any forward, a GPU that fails.
    pub fn backward(&mut self, tokens: &Tokens<'_>, dropout: Option<Dropout>, dhidden: &Tensor) -> Result<()> {
        let Some(activations) = self.activations.take() else {
            return Err(Error::run("backward was called before forward"));
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
        kept: &Activations,
    ) -> Result<()> {
        let Parts { tokens: vectors, positions, blocks, final_norm, .. } = &self.parts;
        let pass = self.pass(tokens, dropout, kept.branch.as_ref());
        let stream = &kept.stream;
        let d = kept.gradients(&self.config, &self.allocator())?;
        add::zero(&self.engine, &d.stream)?;
        final_norm.backward(&self.engine, dhidden, &stream[blocks.len()], &kept.final_stats, &d.stream)?;
        for (layer, block) in blocks.iter().enumerate().rev() {
            if kept.is_lost(layer) {
                block.keep(&pass, &stream[layer], kept.block(layer), None)?;
            }
            block.backward(&pass, &stream[layer], kept.block(layer), d)?;
        }
        if let Some(masks) = &pass.dropout {
            masks.apply(&self.engine, 0, Site::AfterEmbedding, &d.stream)?;
        }
        let learned = positions.as_ref().map(|table| (&tokens.positions, &table.grad));
        embedding::backward(&self.engine, &tokens.ids, &d.stream, &vectors.grad, learned)
    }

    fn allocator(&self) -> Allocator {
        Allocator::new(&self.engine)
    }

    /// What the blocks are given. `branch` is scratch for dropout.
    pub(super) fn pass<'a>(
        &'a self,
        tokens: &'a Tokens<'a>,
        dropout: Option<Dropout>,
        branch: Option<&'a Tensor>,
    ) -> Pass<'a> {
        let (rate, layers, sequences) = (self.config.dropout, self.config.layers, tokens.sequences());
        Pass {
            engine: &self.engine,
            shape: self.config.attention(tokens.length),
            positions: &tokens.positions,
            rotary: self.rotary.as_ref(),
            dropout: dropout.zip(branch).map(|(dropout, branch)| Masks { dropout, rate, layers, sequences, branch }),
        }
    }

    /// Checks the ids and positions: kernels index tables with these numbers.
    ///
    /// # Errors
    /// Ids or positions that the model does not have.
    pub fn check(&self, tokens: &Tokens<'_>) -> Result<()> {
        let (ids, positions) = (tokens.ids.host(), tokens.positions.host());
        let (context, n) = (self.config.context, ids.len());
        if tokens.length == 0 || !n.is_multiple_of(tokens.length) || positions.len() != n {
            return Err(Error::run(format!(
                "a batch of {n} tokens with {} positions is not a number of sequences of {}",
                positions.len(),
                tokens.length
            )));
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= self.vocab) {
            return Err(Error::run(format!("token id {id} is outside the model's vocabulary of {}", self.vocab)));
        }
        if let Some(position) = positions.iter().find(|&&position| position as usize >= context) {
            return Err(Error::run(format!(
                "position {position} is outside the model's context of {context} tokens; raise model.context or cut the \
                 data shorter"
            )));
        }
        Ok(())
    }
}
