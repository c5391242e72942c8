//! Where values are while the forward is planned: in buffers of their own, in parts of others, and in copies.

use super::build::Builder;
use super::fuse::columns;
use super::steps::{Step, Work};
use super::{Buffer, Format, Place, Shape};
use crate::Result;
use crate::model::graph::{Node, Op};
use trainyard_plugin::network::{Space, Type};

impl Builder<'_> {
    /// Where the input of `node` is, for it to change: a copy if somebody else reads it, or if it is of another block:
    /// what is changed in place is computed again from its beginning or not at all.
    pub(super) fn owned(&mut self, node: usize) -> Result<Place> {
        let (input, place) = (self.graph.nodes[node].inputs[0], self.input(node, 0)?);
        let is_of_block = self.built.homes[place.buffer] == self.graph.nodes[node].block;
        if is_of_block && self.is_alone(input) {
            return Ok(place);
        }
        let copy = self.value(node, Format::Activations);
        self.push(node, Work::Copy, vec![place], copy, None);
        Ok(copy)
    }

    /// Whether nothing reads the value of `node` but one reader, and the backward of its op does not either.
    fn is_alone(&self, node: usize) -> bool {
        let Node { op, inputs, .. } = &self.graph.nodes[node];
        let is_read_back = |op: &Op| matches!(op, Op::Attention { .. } | Op::SoftCap(_) | Op::Recurrent { .. });
        if self.readers[node].len() != 1 {
            return false;
        }
        let Op::Slice(first) = *op else { return !is_read_back(op) };
        // other slices of the same value may be elsewhere in it
        let (whole, end) = (inputs[0], first + columns(self.graph, node));
        let elsewhere = |&reader: &usize| match self.graph.nodes.get(reader).map(|node| &node.op) {
            Some(Op::Slice(other)) => reader == node || *other >= end || other + columns(self.graph, reader) <= first,
            _ => false,
        };
        !is_read_back(&self.graph.nodes[whole].op)
            && !matches!(self.graph.nodes[whole].op, Op::Slice(_))
            && self.readers[whole].iter().all(elsewhere)
    }

    /// The value at `place` as a whole buffer, of a format, for `reader`: a copy where it is not.
    pub(super) fn whole(&mut self, reader: usize, place: Place, format: Format) -> Place {
        let buffer = self.built.buffers[place.buffer];
        let Shape::Rows(space, all) = buffer.shape else { return place };
        if place.width == all && !self.differs(buffer.format, format) {
            return place;
        }
        let shape = Shape::Rows(space, place.width);
        let copy = Place { buffer: self.buffer(reader, shape, format), first: 0, width: place.width };
        self.push(reader, Work::Copy, vec![place], copy, None);
        copy
    }

    /// The value at `place` in a format, for `reader`: a copy where it has another one.
    pub(super) fn formatted(&mut self, reader: usize, place: Place, format: Format) -> Place {
        match self.differs(self.built.buffers[place.buffer].format, format) {
            true => self.whole(reader, place, format),
            false => place,
        }
    }

    fn differs(&self, format: Format, other: Format) -> bool {
        self.split && format != other
    }

    pub(super) fn input(&self, node: usize, input: usize) -> Result<Place> {
        self.place(self.graph.nodes[node].inputs[input])
    }

    pub(super) fn place(&self, node: usize) -> Result<Place> {
        self.built.place_of(node)
    }

    pub(super) fn space(&self, node: usize) -> Space {
        match self.graph.ty(node) {
            Type::Matrix { space, .. } => space,
            _ => Space::Row,
        }
    }

    pub(super) fn rows(&self, node: usize, columns: usize) -> Shape {
        Shape::Rows(self.space(node), columns)
    }

    /// A buffer of its own for the value of `node`.
    pub(super) fn value(&mut self, node: usize, format: Format) -> Place {
        let width = columns(self.graph, node);
        let buffer = self.buffer(node, self.rows(node, width), format);
        let place = Place { buffer, first: 0, width };
        self.built.places[node] = Some(place);
        place
    }

    /// A buffer that the steps of `node` write to.
    pub(super) fn buffer(&mut self, node: usize, shape: Shape, format: Format) -> usize {
        self.built.homes.push(self.graph.nodes[node].block);
        self.built.buffers.push(Buffer { shape, format });
        self.built.buffers.len() - 1
    }

    pub(super) fn push(&mut self, node: usize, work: Work, reads: Vec<Place>, out: Place, kept: Option<usize>) {
        let block = self.graph.nodes[node].block;
        // a branch that dropout acts on before it is added
        let scratch = matches!(work, Work::Linear { dropout: Some(_), .. })
            .then(|| self.buffer(node, self.built.buffers[out.buffer].shape, Format::Activations));
        self.built.steps.push(Step { work, reads, out, kept, scratch, block, node });
    }
}
