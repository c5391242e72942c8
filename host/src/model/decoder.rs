//! Writes text token by token, keeping the keys and values of what was read.

use super::Gpt;
use crate::ops::{add, attention, embedding, gelu, gelu::Gelu, linear};
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};

/// One sequence being read and written.
pub struct Decoder<'m> {
    model: &'m Gpt,
    /// Per block `[context, 2C]`: keys and values of all positions so far.
    caches: Vec<Tensor>,
    position: usize,
    scratch: Scratch,
}

/// All for one row.
struct Scratch {
    /// `[1, C]`
    stream: Tensor,
    normed: Tensor,
    branch: Tensor,
    /// `[1, 2]`
    stats: Tensor,
    /// `[1, 3C]`
    qkv: Tensor,
    /// `[1, 4C]`
    expanded: Tensor,
    activated: Tensor,
    /// `[1, vocab]`
    logits: Tensor,
}

impl<'m> Decoder<'m> {
    /// An empty sequence.
    pub fn new(model: &'m Gpt) -> Result<Self> {
        let (config, dtype) = (&model.config, model.tokens.value.dtype());
        let zeros = |rows: usize, columns: usize| Result::Ok(Tensor::zeros((rows, columns), dtype, &Device::Cpu)?);
        let width = config.width;
        Ok(Self {
            model,
            caches: (0..config.layers).map(|_| zeros(config.context, 2 * width)).collect::<Result<_>>()?,
            position: 0,
            scratch: Scratch {
                stream: zeros(1, width)?,
                normed: zeros(1, width)?,
                branch: zeros(1, width)?,
                stats: zeros(1, 2)?,
                qkv: zeros(1, 3 * width)?,
                expanded: zeros(1, 4 * width)?,
                activated: zeros(1, 4 * width)?,
                logits: zeros(1, model.vocab())?,
            },
        })
    }

    /// Number of tokens read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Reads one token and returns the logits `[vocab]` of the next. An id outside the vocabulary or a full context is
    /// an error.
    pub fn read(&mut self, id: u32) -> Result<Vec<f64>> {
        let (model, scratch, position) = (self.model, &self.scratch, self.position);
        let engine = model.engine();
        if id as usize >= model.vocab() {
            return Err(Error::run(format!("token id {id} is outside the model's vocabulary of {}", model.vocab())));
        }
        if position >= model.config.context {
            return Err(Error::run(format!("the context of {} tokens is full", model.config.context)));
        }
        let shape = model.config.attention(1);
        embedding::forward(
            engine,
            &[id],
            &model.tokens.value,
            Some((&[position as u32], &model.positions.value)),
            &scratch.stream,
        )?;
        for (block, cache) in model.blocks.iter().zip(&self.caches) {
            block.norm_1.norm(engine, &scratch.stream, &scratch.normed, &scratch.stats)?;
            block.qkv.linear(engine, &scratch.normed, &scratch.qkv)?;
            attention::cached(engine, &scratch.qkv, shape, position, cache, &scratch.normed)?;
            block.project.linear(engine, &scratch.normed, &scratch.branch)?;
            add::forward(engine, &scratch.stream, &scratch.branch, &scratch.normed)?;
            add::copy(&scratch.normed, &scratch.stream)?;
            block.norm_2.norm(engine, &scratch.stream, &scratch.normed, &scratch.stats)?;
            block.expand.linear(engine, &scratch.normed, &scratch.expanded)?;
            gelu::forward(engine, Gelu::Tanh, &scratch.expanded, &scratch.activated)?;
            block.contract.linear(engine, &scratch.activated, &scratch.branch)?;
            add::forward(engine, &scratch.stream, &scratch.branch, &scratch.normed)?;
            add::copy(&scratch.normed, &scratch.stream)?;
        }
        model.final_norm.norm(engine, &scratch.stream, &scratch.normed, &scratch.stats)?;
        linear::logits(engine, &scratch.normed, &model.head().value, &scratch.logits)?;
        self.position += 1;
        Ok(scratch.logits.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
    }
}
