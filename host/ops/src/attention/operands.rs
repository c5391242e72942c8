//! The inputs of an attention on the CPU, cut into heads and documents.

use super::head::{Bias, Columns, Head, HeadMask};
use super::{Extent, Inputs, Shape};
use crate::dropout::Mask;
use crate::{Engine, Float, Tensor, View};
use std::ops::Range;

/// The elements of a view, whose rows are those of sequences.
#[derive(Clone, Copy)]
pub(super) struct Part<'a, T> {
    /// From the first column of the first row on.
    data: &'a [T],
    stride: usize,
    /// Rows per sequence.
    rows: usize,
}

impl<'a, T> Part<'a, T> {
    /// `view` of the tensor that holds `data`.
    pub fn new(data: &'a [T], view: View<'_>, rows: usize) -> Self {
        Self { data: &data[view.first..], stride: view.stride(), rows }
    }

    /// The `index`-th `d` columns of one sequence, `[rows, d]`.
    pub fn columns(&self, sequence: usize, index: usize, d: usize) -> Columns<'a, T> {
        Columns::new(&self.data[sequence * self.rows * self.stride + index * d..], self.stride, d)
    }
}

/// What an attention reads.
pub(super) struct Operands<'a, T> {
    pub shape: Shape,
    /// Rows of keys per sequence.
    pub key_length: usize,
    pub sequences: usize,
    parts: [Part<'a, T>; 3],
    extent: Extent<'a>,
    /// `[heads, width]`, and this width.
    bias: Option<(&'a [T], usize)>,
    dropout: Option<&'a Mask>,
}

/// Rows of a sequence that see one another: queries, and their keys.
pub(super) struct Stretch {
    pub queries: Range<usize>,
    pub keys: Range<usize>,
}

/// The tensors that [`Operands::new`] wants the elements of, in this order.
pub(super) fn tensors<'a>(inputs: &Inputs<'a>) -> Vec<&'a Tensor> {
    let views = [inputs.queries, inputs.keys, inputs.values];
    views.iter().map(|view| view.tensor).chain(inputs.bias).collect()
}

impl<'a, T: Float> Operands<'a, T> {
    pub fn new(inputs: &Inputs<'a>, shape: Shape, elements: &[&'a [T]]) -> Self {
        let key_length = inputs.key_length(shape);
        let parts = [
            Part::new(elements[0], inputs.queries, shape.length),
            Part::new(elements[1], inputs.keys, key_length),
            Part::new(elements[2], inputs.values, key_length),
        ];
        let bias = elements.get(3).copied().zip(inputs.bias.map(Tensor::row_width));
        let (extent, dropout) = (inputs.extent, inputs.dropout);
        Self { shape, key_length, sequences: inputs.queries.rows() / shape.length, parts, extent, bias, dropout }
    }

    /// Queries of one head, keys and values of its group.
    pub fn qkv(&self, sequence: usize, head: usize) -> [Columns<'a, T>; 3] {
        let (d, key) = (self.shape.head_width, head / self.shape.group());
        let [queries, keys, values] = &self.parts;
        let source = self.source(sequence);
        [queries.columns(sequence, head, d), keys.columns(source, key, d), values.columns(source, key, d)]
    }

    /// The sequence of keys that a sequence of queries sees.
    fn source(&self, sequence: usize) -> usize {
        match self.extent {
            Extent::Source { of: Some(of), .. } => of[sequence] as usize,
            _ => sequence,
        }
    }

    /// The documents of a sequence, or its source.
    pub fn stretches(&self, sequence: usize) -> impl Iterator<Item = Stretch> + use<'a, T> {
        let length = self.shape.length;
        let (offsets, source) = match self.extent {
            Extent::Documents(offsets) => (&offsets.host()[sequence * length..][..length], None),
            Extent::Source { valid, .. } => {
                let seen = valid.host()[self.source(sequence)] as usize;
                (&[] as &[u32], Some(Stretch { queries: 0..length, keys: 0..seen }))
            }
        };
        documents(offsets).map(|rows| Stretch { queries: rows.clone(), keys: rows }).chain(source)
    }

    /// The attention of one head within `stretch` of its sequence.
    pub fn head(&self, engine: &'a Engine, (sequence, head): (usize, usize), stretch: &Stretch) -> Head<'a, T> {
        let stride = self.key_length.next_multiple_of(4);
        let first = (head * self.shape.length + stretch.queries.start) * stride;
        Head {
            engine,
            shape: Shape { length: stretch.queries.len(), ..self.shape },
            keys: stretch.keys.len(),
            before: 0,
            bias: self.bias.map(|(bias, width)| Bias::new(&bias[head * width..][..width])),
            dropout: self.dropout.map(|mask| HeadMask { mask, sequence, first, stride }),
        }
    }

    /// Columns of the relative bias, 0 without one.
    pub fn bias_width(&self) -> usize {
        self.bias.map_or(0, |(_, width)| width)
    }
}

/// The rows of each document of one sequence, given the rows' offsets in their documents.
fn documents(offsets: &[u32]) -> impl Iterator<Item = Range<usize>> + use<'_> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        let rest = offsets.get(start + 1..)?;
        next = start + 1 + rest.iter().position(|&offset| offset == 0).unwrap_or(rest.len());
        Some(start..next)
    })
}
