//! The planned backward.

use super::Pass;
use crate::Result;
use crate::model::graph::Norm;
use crate::model::params::Param;
use crate::model::plan::{Back, GradPlace, Step, Work};
use crate::ops::{Assign, Gain, Gradient, Tensor, View};
use crate::ops::{activation, attention, columns, conv, dropout, embedding, expand, gated, layer_norm, linear, mul};
use crate::ops::{pooling, recurrent, relative_bias, rms_norm, rotary, scale, shift, soft_cap};
use std::ops::Range;
use trainyard_plugin::network::Space;

/// Where the gradients of what a step read go.
type Targets<'p> = [Option<(View<'p>, Assign)>];

impl<'a> Pass<'a> {
    /// Adds to the gradients of parameters, from the gradient `dhidden` of the hidden states: a part of the plan.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn backward(&self, dhidden: &Tensor, backs: Range<usize>) -> Result<()> {
        let view = |place: GradPlace| self.buffers.gradient(place, dhidden);
        self.plan.backward[backs].iter().try_for_each(|back| match back {
            Back::Zero(place) => columns::zero(self.engine, view(*place)),
            Back::Copy(from, to) => columns::copy(self.engine, view(*from), view(*to)),
            Back::Add(from, to) => columns::add(self.engine, view(*from), view(*to)),
            Back::Again(step) => self.step(&self.plan.steps[*step]),
            Back::Branch { step, from, to } => self.branch(&self.plan.steps[*step], view(*from), view(*to)),
            Back::Run { step, from, to } => {
                let to: Vec<_> = to.iter().map(|to| to.map(|(place, assign)| (view(place), assign))).collect();
                self.reverse(&self.plan.steps[*step], view(*from), &to)
            }
        })
    }

    /// The gradient of a product's result, before it was added to the stream.
    fn branch(&self, step: &Step, from: View<'_>, to: View<'_>) -> Result<()> {
        let Work::Linear { dropout, .. } = step.work else { return Ok(()) };
        match self.mask(dropout) {
            Some(mask) => dropout::apply_to(self.engine, from.tensor, to.tensor, self.buffers.sequences(), &mask),
            None => columns::copy(self.engine, from, to),
        }
    }

    fn reverse(&self, step: &Step, dout: View<'_>, to: &Targets<'_>) -> Result<()> {
        let engine = self.engine;
        let reads: Vec<View<'_>> = step.reads.iter().map(|&place| self.buffers.view(self.plan, place)).collect();
        let out = self.buffers.view(self.plan, step.out);
        // the target of an op that has one and overwrites it; nothing is computed that is not wanted
        let first = to.first().copied().flatten();
        match &step.work {
            Work::Embedding(tables) => self.tables(tables, dout),
            Work::Linear { stack, .. } => {
                let (weight, layout, bias) = self.weights.stack(self.plan, *stack);
                let (dweight, dbias) = (weight.grad.as_ref(), bias.and_then(|bias| bias.grad.as_ref()));
                let weight = (weight.weight(reads[0].tensor.dtype()), layout);
                linear::backward(engine, dout, reads[0], weight, first, dweight, dbias)
            }
            Work::Norm { .. } => self.norm_backward(step, dout, reads[0], first),
            Work::Rotary(angles) => {
                rotary::backward(engine, dout, self.positions(self.space(step))?, self.weights.table(angles)?)
            }
            Work::Attention { .. } => self.attention_backward(step, dout, &reads, out, to),
            Work::RelativeBias { table, .. } => match &self.weights.parameters[*table].grad {
                Some(dtable) => relative_bias::backward(engine, self.buffers.buckets(step)?, dout.tensor, dtable),
                None => Ok(()),
            },
            Work::Dropout(drop) => match self.mask(Some(*drop)) {
                Some(mask) => dropout::apply(engine, dout.tensor, self.buffers.sequences(), &mask),
                None => Ok(()),
            },
            Work::Mul => {
                let factors = [reads[1], reads[0]];
                to.iter().zip(factors).try_for_each(|(to, factor)| match to {
                    Some((to, assign)) => mul::forward(engine, dout, factor, *to, *assign),
                    None => Ok(()),
                })
            }
            Work::Recurrent { .. } => self.recurrent_backward(step, dout, reads[0], out, first),
            Work::Conv { weight, bias } => {
                let gradient = |parameter: usize| self.weights.parameters[parameter].grad.as_ref();
                let (dweight, dbias) = (gradient(*weight), bias.and_then(gradient));
                let weight = self.weights.parameters[*weight].as_type(dout.tensor.dtype());
                let space = self.space(step);
                let (offsets, length) = (self.offsets(space)?, self.length(space));
                let dx = first.map(gradient_of);
                conv::backward(engine, dout, reads[0], weight, offsets, length, dx, dweight, dbias)
            }
            _ => match first {
                Some((to, assign)) => self.reverse_map(step, dout, reads[0], out, (to, assign)),
                None => Ok(()),
            },
        }
    }

    /// The backward of a step without parameters, to the gradient of its input.
    fn reverse_map(
        &self,
        step: &Step,
        dout: View<'_>,
        x: View<'_>,
        out: View<'_>,
        (dx, assign): (View<'_>, Assign),
    ) -> Result<()> {
        let engine = self.engine;
        let gradient = gradient_of((dx, assign));
        match &step.work {
            Work::Activation(activation) => activation::backward(engine, *activation, x, dout, dx),
            Work::Gated(activation) => gated::backward(engine, *activation, x, dout, dx),
            Work::Scale(factor) => scale::forward(engine, dout, *factor, dx, assign),
            Work::SoftCap(cap) => soft_cap::backward(engine, out, *cap, dout, dx),
            Work::Shift(by) => {
                let space = self.space(step);
                shift::backward(engine, *by, dout, self.offsets(space)?, self.length(space), gradient)
            }
            Work::Pool(pool) => {
                let of = self.space_of(step.reads[0].buffer);
                pooling::backward(engine, *pool, dout, self.ranges(of), gradient)
            }
            Work::Expand => expand::backward(engine, dout, self.ranges(Space::Row), gradient),
            // sums and copies are planned as additions of gradients
            _ => Ok(()),
        }
    }

    fn tables(&self, tables: &[(crate::model::graph::Index, usize, u32)], dout: View<'_>) -> Result<()> {
        let mut lookups = Vec::with_capacity(tables.len());
        for &(index, table, offset) in tables {
            if let Some(table) = &self.weights.parameters[table].grad {
                lookups.push(embedding::Lookup {
                    index: self.index(index)?,
                    table: table.into(),
                    offset: offset as usize,
                });
            }
        }
        embedding::backward(self.engine, dout.tensor, &lookups)
    }

    fn norm_backward(&self, step: &Step, dout: View<'_>, x: View<'_>, dx: Option<(View<'_>, Assign)>) -> Result<()> {
        let Work::Norm { norm, weight, bias, .. } = step.work else { return Ok(()) };
        let parameter = |index: usize| &self.weights.parameters[index];
        let gradient = |index: usize| parameter(index).grad.as_ref();
        let stats = self.kept(step);
        let value = weight.map(|weight| &parameter(weight).value);
        match norm {
            Norm::Layer => {
                let gradients = [weight.and_then(gradient), bias.and_then(gradient)];
                layer_norm::backward(self.engine, dout, x, value, stats, dx, gradients)
            }
            Norm::Rms(offset) => {
                let gain = value.map(|weight| Gain { weight, offset });
                rms_norm::backward(self.engine, dout, x, gain, stats, dx, weight.and_then(gradient))
            }
        }
    }

    fn attention_backward(
        &self,
        step: &Step,
        dout: View<'_>,
        reads: &[View<'_>],
        out: View<'_>,
        to: &Targets<'_>,
    ) -> Result<()> {
        let Work::Attention { dropout, .. } = step.work else { return Ok(()) };
        let mask = self.mask(dropout);
        let inputs = self.attention(step, reads, mask.as_ref())?;
        let [Some(queries), Some(keys), Some(values)] = [0, 1, 2].map(|input| to[input].map(|(view, _)| view)) else {
            return Err(crate::Error::run("attention: gradients of queries, keys and values are wanted together"));
        };
        let bias = to.get(3).copied().flatten().map(|(view, _)| view.tensor);
        let gradients = attention::Gradients { queries, keys, values, bias };
        let (shape, kept) = (self.attention_shape(step), self.kept(step));
        attention::backward(self.engine, dout.tensor, &inputs, shape, out.tensor, kept, &gradients)
    }

    fn recurrent_backward(
        &self,
        step: &Step,
        dout: View<'_>,
        x: View<'_>,
        out: View<'_>,
        to: Option<(View<'_>, Assign)>,
    ) -> Result<()> {
        let Work::Recurrent { weights: [w_ih, w_hh], biases: [b_ih, b_hh], .. } = step.work else { return Ok(()) };
        let gradient = |parameter: usize| {
            let Param { grad, .. } = &self.weights.parameters[parameter];
            grad.as_ref()
        };
        let gradients = recurrent::Gradients {
            w_ih: gradient(w_ih),
            w_hh: gradient(w_hh),
            b_ih: b_ih.and_then(gradient),
            b_hh: b_hh.and_then(gradient),
        };
        let (recurrence, weights) = self.recurrence(step);
        let (offsets, kept) = (self.offsets(self.space(step))?, self.kept(step));
        let dx = to.map(gradient_of);
        recurrent::backward(self.engine, recurrence, dout, x, weights, offsets, out, kept, dx, gradients)
    }
}

fn gradient_of((view, assign): (View<'_>, Assign)) -> Gradient<'_> {
    match assign {
        Assign::Set => Gradient::overwrite(view),
        Assign::Add => Gradient::add(view),
    }
}
