//! Tensors of a plan for the sizes of a batch: made once, used in every step.

use crate::model::memory::Allocator;
use crate::model::plan::{Buffer, Format, GradPlace, Place, Plan, Shape, Step, Work};
use crate::ops::relative_bias::Buckets;
use crate::ops::{Tensor, View};
use crate::{Error, Result};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use trainyard_plugin::network::Space;

/// What the tensors depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) struct Size {
    pub sequences: usize,
    /// Rows per sequence.
    pub length: usize,
    /// Source rows per sequence; 0 without a source.
    pub source: usize,
    /// Positions over which biases by distance reach, if more than these rows.
    pub reach: usize,
}

impl Size {
    /// Sizes of a tensor.
    fn dims(self, shape: Shape) -> Vec<usize> {
        let length = |space| match space {
            Space::Row => self.length,
            Space::Source => self.source,
            Space::Sequence => 1,
        };
        match shape {
            Shape::Rows(space, columns) => vec![self.sequences * length(space), columns],
            Shape::Scores(space, heads) => vec![self.sequences, heads, length(space)],
            Shape::Bias(heads) => vec![heads, 2 * self.longest() - 1],
        }
    }

    /// Most rows of a sequence, at least 1.
    fn longest(self) -> usize {
        self.reach.max(self.length).max(self.source).max(1)
    }
}

/// The tensors of a plan.
#[derive(Debug)]
pub(in crate::model) struct Buffers {
    size: Size,
    forward: Vec<Tensor>,
    /// Made when first asked for: evaluation never needs them.
    backward: OnceCell<Vec<Tensor>>,
    /// How distances become rows of a table, by node.
    buckets: BTreeMap<usize, Buckets>,
}

impl Buffers {
    /// Tensors of zeros for batches of `size`.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn new(plan: &Plan, size: Size, allocator: &Allocator) -> Result<Self> {
        let forward = make(&plan.tensors, size, allocator)?;
        let mut buckets = BTreeMap::new();
        for step in &plan.steps {
            let Work::RelativeBias { buckets: n, bidirectional, max_distance, .. } = step.work else { continue };
            let made = Buckets::new(size.longest(), n, bidirectional, max_distance, allocator.device())?;
            buckets.insert(step.node, made);
        }
        Ok(Self { size, forward, backward: OnceCell::new(), buckets })
    }

    /// Buffers for new rows, `length` of each of some sequences, which share with these what is the same for all rows.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn beside(&self, plan: &Plan, (sequences, length): (usize, usize), allocator: &Allocator) -> Result<Self> {
        let size = Size { sequences, length, ..self.size };
        let tensor = |(kind, shared): (&Buffer, &Tensor)| match kind.shape.is_once() {
            true => Ok(shared.clone()),
            false => tensor(kind, size, allocator),
        };
        let forward = plan.tensors.iter().zip(&self.forward).map(tensor).collect::<Result<_>>()?;
        Ok(Self { size, forward, backward: OnceCell::new(), buckets: BTreeMap::new() })
    }

    /// How a step makes rows of a table from distances.
    ///
    /// # Errors
    /// A step of another kind.
    pub fn buckets(&self, step: &Step) -> Result<&Buckets> {
        self.buckets.get(&step.node).ok_or_else(|| Error::run("a step without a bias was asked for its distances"))
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.size.sequences
    }

    pub fn fits(&self, size: Size) -> bool {
        self.size == size
    }

    /// Whether they are for `length` rows of each of `sequences` sequences.
    pub fn are_of(&self, (sequences, length): (usize, usize)) -> bool {
        self.size.sequences == sequences && self.size.length == length
    }

    /// The tensor of a buffer.
    pub fn tensor(&self, plan: &Plan, buffer: usize) -> &Tensor {
        &self.forward[plan.tensor_of[buffer]]
    }

    /// The columns of a value.
    pub fn view(&self, plan: &Plan, place: Place) -> View<'_> {
        View { tensor: self.tensor(plan, place.buffer), first: place.first, width: place.width }
    }

    /// Makes the tensors of gradients, unless there are some.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn make_gradients(&self, plan: &Plan, allocator: &Allocator) -> Result<()> {
        if self.backward.get().is_none() {
            let made = make(&plan.gradients, self.size, allocator)?;
            self.backward.get_or_init(|| made);
        }
        Ok(())
    }

    /// The columns of a gradient; that of the loss is `dhidden`.
    pub fn gradient<'a>(&'a self, place: GradPlace, dhidden: &'a Tensor) -> View<'a> {
        let made = self.backward.get().map_or(&[][..], Vec::as_slice);
        let tensor = place.tensor.and_then(|tensor| made.get(tensor)).unwrap_or(dhidden);
        match place.width {
            // a bias by distance has no columns of its own
            0 => View::from(tensor),
            width => View { tensor, first: place.first, width },
        }
    }
}

fn make(kinds: &[Buffer], size: Size, allocator: &Allocator) -> Result<Vec<Tensor>> {
    kinds.iter().map(|kind| tensor(kind, size, allocator)).collect()
}

fn tensor(kind: &Buffer, size: Size, allocator: &Allocator) -> Result<Tensor> {
    match kind.format {
        Format::Parameters => allocator.zeros(size.dims(kind.shape)),
        Format::Activations => allocator.activations(size.dims(kind.shape)),
    }
}
