//! The steps of a forward.

use super::Pass;
use crate::Result;
use crate::model::graph::Norm;
use crate::model::plan::{Shape, Step, Work};
use crate::ops::activation;
use crate::ops::attention::{self, Extent};
use crate::ops::embedding::Lookup;
use crate::ops::recurrent::{self, Recurrence};
use crate::ops::{Assign, Column, Gain, Tensor, View};
use crate::ops::{
    add, bag, columns, conv, dropout, embedding, expand, gated, layer_norm, linear, mul, pooling, relative_bias,
};
use crate::ops::{rms_norm, rotary, scale, shift, soft_cap};
use trainyard_plugin::network::Space;

impl<'a> Pass<'a> {
    /// Runs all steps.
    ///
    /// # Errors
    /// A batch without what the model reads, a GPU that fails.
    pub fn forward(&self) -> Result<()> {
        self.plan.steps.iter().try_for_each(|step| self.step(step))
    }

    /// Runs one step.
    ///
    /// # Errors
    /// A batch without what the step reads, a GPU that fails.
    pub fn step(&self, step: &Step) -> Result<()> {
        let engine = self.engine;
        let reads: Vec<View<'_>> = step.reads.iter().map(|&place| self.buffers.view(self.plan, place)).collect();
        let out = self.buffers.view(self.plan, step.out);
        match &step.work {
            Work::Embedding(tables) => {
                let lookup = |&(index, table, offset): &(_, usize, u32)| {
                    let table = self.weights.parameters[table].weight(out.tensor.dtype());
                    Ok(Lookup { index: self.index(index)?, table, offset: offset as usize })
                };
                let lookups = tables.iter().map(lookup).collect::<Result<Vec<_>>>()?;
                embedding::forward(engine, &lookups, out.tensor)
            }
            Work::Linear { .. } => self.linear(step, &reads, out),
            Work::Norm { .. } => self.norm(step, reads[0], out),
            Work::Rotary(angles) => {
                rotary::forward(engine, out, self.positions(self.space(step))?, self.weights.table(angles)?)
            }
            Work::Attention { dropout, .. } => {
                let mask = self.mask(*dropout);
                let inputs = self.attention(step, &reads, mask.as_ref())?;
                attention::forward(engine, &inputs, self.attention_shape(step), out.tensor, self.kept(step))
            }
            Work::RelativeBias { table, .. } => {
                let table = &self.weights.parameters[*table].value;
                relative_bias::forward(engine, self.buffers.buckets(step)?, table, out.tensor)
            }
            Work::Activation(activation) => activation::forward(engine, *activation, reads[0], out),
            Work::Gated(activation) => gated::forward(engine, *activation, reads[0], out),
            Work::Add => add::forward(engine, reads[0], reads[1], out),
            Work::Mul => mul::forward(engine, reads[0], reads[1], out, Assign::Set),
            Work::Scale(factor) => scale::forward(engine, reads[0], *factor, out, Assign::Set),
            Work::SoftCap(cap) => soft_cap::forward(engine, reads[0], *cap, out),
            Work::Dropout(drop) => match self.mask(Some(*drop)) {
                Some(mask) => dropout::apply(engine, out.tensor, self.buffers.sequences(), &mask),
                None => Ok(()),
            },
            Work::Copy => columns::copy(engine, reads[0], out),
            Work::Recurrent { .. } => {
                let (recurrence, weights) = self.recurrence(step);
                let offsets = self.offsets(self.space(step))?;
                recurrent::forward(engine, recurrence, reads[0], weights, offsets, out, self.kept(step))
            }
            Work::Conv { weight, bias } => {
                let weight = self.weights.parameters[*weight].as_type(out.tensor.dtype());
                let bias = bias.map(|bias| self.weights.parameters[bias].as_type(out.tensor.dtype()));
                let space = self.space(step);
                conv::forward(engine, reads[0], weight, bias, self.offsets(space)?, self.length(space), out)
            }
            Work::Shift(by) => {
                let space = self.space(step);
                shift::forward(engine, *by, reads[0], self.offsets(space)?, self.length(space), out)
            }
            Work::Pool(pool) => {
                let of = self.space_of(step.reads[0].buffer);
                pooling::forward(engine, *pool, reads[0], self.ranges(of), out)
            }
            Work::Bag(index) => {
                let (index, weights) = (self.index(*index)?, self.tokens.weights.as_ref());
                bag::forward(engine, bag::Tokens { index, weights }, self.ranges(Space::Row), out.tensor)
            }
            Work::Expand => self.expand(reads[0], out),
        }
    }

    /// The vector of its sequence, or of the source that it reads, for each row.
    fn expand(&self, x: View<'_>, out: View<'_>) -> Result<()> {
        let Some(sources) = self.sources else {
            return expand::forward(self.engine, x, self.ranges(Space::Row), out);
        };
        let n = self.length(Space::Row);
        let all = [0, n as u32];
        let all = Column::new(self.engine, &all)?;
        for (sequence, &source) in sources.iter().enumerate() {
            let (vector, rows) = (x.tensor.narrow(source as usize, 1)?, out.tensor.narrow(sequence * n, n)?);
            let (x, out) = (View { tensor: &vector, ..x }, View { tensor: &rows, ..out });
            expand::forward(self.engine, x, &all, out)?;
        }
        Ok(())
    }

    fn linear(&self, step: &Step, reads: &[View<'_>], out: View<'_>) -> Result<()> {
        let Work::Linear { stack, dropout, .. } = step.work else { return Ok(()) };
        let (weight, layout, bias) = self.weights.stack(self.plan, stack);
        let weight = (weight.weight(reads[0].tensor.dtype()), layout);
        let residual = reads.get(1).copied();
        let product = |residual: Option<View<'_>>, out: View<'_>| {
            let bias = bias.map(|bias| bias.as_type(out.tensor.dtype()));
            linear::forward(self.engine, reads[0], weight, bias, residual, out)
        };
        // without dropout the product adds to the residual by itself
        let Some((mask, residual)) = self.mask(dropout).zip(residual) else { return product(residual, out) };
        let scratch = step.scratch.unwrap_or(step.out.buffer);
        let branch = View::from(self.buffers.tensor(self.plan, scratch));
        product(None, branch)?;
        dropout::apply(self.engine, branch.tensor, self.buffers.sequences(), &mask)?;
        add::forward(self.engine, residual, branch, out)
    }

    fn norm(&self, step: &Step, x: View<'_>, out: View<'_>) -> Result<()> {
        let Work::Norm { norm, weight, bias, epsilon } = step.work else { return Ok(()) };
        let value = |parameter: usize| &self.weights.parameters[parameter].value;
        let (weight, stats) = (weight.map(value), self.kept(step));
        match norm {
            Norm::Layer => layer_norm::forward(self.engine, x, weight, bias.map(value), epsilon, out, stats),
            Norm::Rms(offset) => {
                let gain = weight.map(|weight| Gain { weight, offset });
                rms_norm::forward(self.engine, x, gain, epsilon, out, stats)
            }
        }
    }

    /// What an attention reads.
    pub(super) fn attention<'p>(
        &'p self,
        step: &Step,
        reads: &[View<'p>],
        dropout: Option<&'p dropout::Mask>,
    ) -> Result<attention::Inputs<'p>> {
        let (space, keys) = (self.space(step), self.space_of(step.reads[1].buffer));
        let extent = match (space, keys) {
            (space, keys) if space == keys => Extent::Documents(self.offsets(space)?),
            (_, keys) => Extent::Source { length: self.length(keys), valid: self.valid()?, of: self.sources },
        };
        let bias = reads.get(3).map(|bias| bias.tensor);
        Ok(attention::Inputs { queries: reads[0], keys: reads[1], values: reads[2], extent, bias, dropout })
    }

    /// The shape of an attention.
    pub fn attention_shape(&self, step: &Step) -> attention::Shape {
        let Work::Attention { heads, kv_heads, span, scale, soft_cap, .. } = step.work else {
            return attention::Shape::new(1, 1, 1, 1, attention::Span::Causal);
        };
        let width = step.out.width / heads.max(1);
        let shape = attention::Shape::new(self.length(self.space(step)), heads, kv_heads, width, span);
        attention::Shape { scale: scale.unwrap_or(shape.scale), soft_cap: soft_cap.unwrap_or(0.0), ..shape }
    }

    /// A recurrence and what it multiplies with.
    pub fn recurrence(&self, step: &Step) -> (Recurrence, recurrent::Weights<'_>) {
        let Work::Recurrent { kind, weights: [w_ih, w_hh], biases: [b_ih, b_hh], reverse } = step.work else {
            unreachable!("only recurrent steps have a recurrence")
        };
        let dtype = self.engine.activations();
        let value = |parameter: usize| self.weights.parameters[parameter].as_type(dtype);
        let recurrence = Recurrence { kind, length: self.length(self.space(step)), reverse };
        let (b_ih, b_hh) = (b_ih.map(value), b_hh.map(value));
        (recurrence, recurrent::Weights { w_ih: value(w_ih), w_hh: value(w_hh), b_ih, b_hh })
    }

    /// What a step keeps for its backward.
    pub(super) fn kept(&self, step: &Step) -> &Tensor {
        self.buffers.tensor(self.plan, step.kept.unwrap_or(step.out.buffer))
    }

    /// What the rows of a step's result are.
    pub(super) fn space(&self, step: &Step) -> Space {
        self.space_of(step.out.buffer)
    }

    pub(super) fn space_of(&self, buffer: usize) -> Space {
        match self.plan.buffers[buffer].shape {
            Shape::Rows(space, _) | Shape::Scores(space, _) => space,
            Shape::Bias(_) => Space::Row,
        }
    }
}
