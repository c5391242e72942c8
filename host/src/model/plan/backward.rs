//! The backward, planned: which step's backward runs when, where each gradient is, and how gradients of a value that
//! several steps read come together.
//!
//! Every op says of each input whether it overwrites its gradient or adds to it. A sum passes its gradient on as it is:
//! both operands share one tensor until one of them changes it.

use super::build::Built;
use super::memory::Memory;
use super::steps::{Step, Work};
use super::{Buffer, Format, Place, Shape};
use crate::ops::Assign;
use std::collections::HashMap;

/// Columns of a tensor of gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::model) struct GradPlace {
    /// None is the gradient that the loss gives.
    pub tensor: Option<usize>,
    pub first: usize,
    pub width: usize,
}

/// One thing that a backward does.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) enum Back {
    /// The columns become 0.
    Zero(GradPlace),
    /// The first is copied to the second.
    Copy(GradPlace, GradPlace),
    /// The first is added to the second.
    Add(GradPlace, GradPlace),
    /// The gradient of a sum through the dropout of the product of a step.
    Branch { step: usize, from: GradPlace, to: GradPlace },
    /// A step of the forward is computed again.
    Again(usize),
    /// The backward of a step, from the gradient of its result to those of what it read, where they are wanted. All
    /// overwrite, or add where it says so.
    Run { step: usize, from: GradPlace, to: Vec<Option<(GradPlace, Assign)>> },
}

/// How a step's backward treats the gradient of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It overwrites it, or adds to it, as it is told.
    Either,
    /// It overwrites it.
    Overwrites,
    /// It overwrites it, which may be where the gradient of the result is.
    OverwritesResult,
    /// It adds to it.
    Adds,
    /// The gradient of the result is that of the input.
    Passes,
}

fn way(step: &Step, input: usize) -> Way {
    match &step.work {
        Work::Add | Work::Copy => Way::Passes,
        Work::Linear { .. } if input == 1 => Way::Passes,
        Work::Attention { .. } if input == 3 => Way::Adds,
        Work::Attention { .. } | Work::Gated(_) => Way::Overwrites,
        Work::Activation(_) | Work::SoftCap(_) | Work::Scale(_) => Way::OverwritesResult,
        _ => Way::Either,
    }
}

/// Where a backward puts the gradient of an input.
#[derive(Debug, Clone, Copy)]
struct Target {
    place: GradPlace,
    assign: Assign,
    /// What `place`, which is temporary then, is added to.
    sum: Option<GradPlace>,
}

/// The gradient of a buffer while the backward is planned.
#[derive(Debug, Clone)]
struct Gradient {
    /// None is the loss's.
    tensor: Option<usize>,
    /// Columns that hold something.
    set: Vec<(usize, usize)>,
}

struct Planner<'a> {
    built: &'a Built,
    split: bool,
    /// Whether a gradient of each buffer is wanted.
    wanted: Vec<bool>,
    gradients: Vec<Option<Gradient>>,
    /// Kinds of all tensors.
    tensors: Vec<Buffer>,
    /// How many buffers share each tensor as their gradient.
    sharers: Vec<usize>,
    free: HashMap<Buffer, Vec<usize>>,
    /// How many steps that wrote to each buffer are still to come.
    makers: Vec<usize>,
    plan: Vec<Back>,
}

/// What runs backward from the gradient of the hidden states at `hidden`, and the kinds of the tensors that it needs.
pub(super) fn plan(
    built: &Built,
    memory: &Memory,
    hidden: Place,
    split: bool,
    trained: &[bool],
) -> (Vec<Back>, Vec<Buffer>) {
    let mut gradients = vec![None; built.buffers.len()];
    gradients[hidden.buffer] = Some(Gradient { tensor: None, set: vec![(0, hidden.width)] });
    let mut makers = vec![0; built.buffers.len()];
    built.steps.iter().filter(|step| !step.in_place()).for_each(|step| makers[step.out.buffer] += 1);
    let mut planner = Planner {
        makers,
        built,
        split,
        wanted: wanted(built, trained),
        gradients,
        tensors: Vec::new(),
        sharers: Vec::new(),
        free: HashMap::new(),
        plan: Vec::new(),
    };
    let mut again = memory.lost.clone();
    for (index, step) in built.steps.iter().enumerate().rev() {
        if let Some(block) = step.block.filter(|&block| again[block]) {
            again[block] = false;
            let repeated = built.steps.iter().enumerate().filter(|(_, step)| step.block == Some(block));
            let repeated = repeated.filter(|(_, step)| memory.is_repeated(step));
            planner.plan.extend(repeated.map(|(index, _)| Back::Again(index)));
        }
        planner.reverse(index, step);
    }
    (planner.plan, planner.tensors)
}

/// Buffers with a parameter that is trained before them.
fn wanted(built: &Built, trained: &[bool]) -> Vec<bool> {
    let mut wanted = vec![false; built.buffers.len()];
    for step in &built.steps {
        let learns = step.parameters(&built.stacks).iter().any(|&parameter| trained[parameter]);
        let reaches = step.reads.iter().any(|place| wanted[place.buffer]);
        wanted[step.out.buffer] |= learns || reaches;
        // backwards that give all gradients or none
        if (matches!(step.work, Work::Norm { .. }) && learns)
            || (matches!(step.work, Work::Attention { .. }) && reaches)
        {
            step.reads.iter().for_each(|place| wanted[place.buffer] = true);
        }
    }
    wanted
}

impl Planner<'_> {
    fn reverse(&mut self, index: usize, step: &Step) {
        let out = step.out;
        if !self.wanted[out.buffer] || self.gradients[out.buffer].is_none() {
            return;
        }
        self.fill(out);
        if step.in_place() {
            self.own(out.buffer);
            let from = self.at(out);
            return self.plan.push(Back::Run { step: index, from, to: vec![] });
        }
        let from = self.at(out);
        // what is passed on comes before the step's own backward, which adds to it where it reads the same value
        let mut order: Vec<usize> = (0..step.reads.len()).collect();
        order.sort_by_key(|&input| way(step, input) != Way::Passes);
        let mut to: Vec<Option<Target>> = vec![None; order.len()];
        order.into_iter().for_each(|input| to[input] = self.input(step, input, from));
        if !matches!(step.work, Work::Add | Work::Copy) {
            let from = self.branch(step, index, from);
            let to = to.iter().map(|target| target.as_ref().map(|target| (target.place, target.assign))).collect();
            self.plan.push(Back::Run { step: index, from, to });
        }
        for Target { place, sum, .. } in to.into_iter().flatten() {
            if let Some(sum) = sum {
                self.plan.push(Back::Add(place, sum));
                self.give_back(place.tensor);
            }
        }
        // several copies may have filled one buffer
        self.makers[out.buffer] -= 1;
        if self.makers[out.buffer] == 0 {
            self.release(out.buffer);
        }
    }

    /// The backward of a product that has dropout, or whose result has another format, reads the gradient of the
    /// branch.
    fn branch(&mut self, step: &Step, index: usize, from: GradPlace) -> GradPlace {
        let Work::Linear { residual: true, dropout, .. } = &step.work else { return from };
        if dropout.is_none() && !self.split {
            return from;
        }
        let shape = self.built.buffers[step.out.buffer].shape;
        let tensor = self.take(Buffer { shape, format: Format::Activations });
        let branch = GradPlace { tensor: Some(tensor), ..from };
        self.plan.push(Back::Branch { step: index, from, to: branch });
        // free again after the step's backward, which takes nothing more
        self.give_back(Some(tensor));
        branch
    }

    /// Where the backward of `step` puts the gradient of an input, if it is wanted.
    fn input(&mut self, step: &Step, input: usize, from: GradPlace) -> Option<Target> {
        let place = step.reads[input];
        if !self.wanted[place.buffer] {
            return None;
        }
        let is_set = self.overlaps(place);
        let way = way(step, input);
        if way == Way::Passes {
            self.pass(step.out, place, from, is_set);
            return None;
        }
        if way == Way::OverwritesResult && self.take_over(step.out, place) {
            return Some(Target { place: self.at(place), assign: Assign::Set, sum: None });
        }
        if is_set && matches!(way, Way::Overwrites | Way::OverwritesResult) {
            self.own(place.buffer);
            self.fill(place);
            let (sum, temporary) = (self.at(place), self.temporary(place));
            return Some(Target { place: temporary, assign: Assign::Set, sum: Some(sum) });
        }
        self.begin(place.buffer);
        self.own(place.buffer);
        let adds = way == Way::Adds || is_set;
        if adds {
            self.fill(place)
        } else {
            self.set(place)
        }
        let assign = if adds { Assign::Add } else { Assign::Set };
        Some(Target { place: self.at(place), assign, sum: None })
    }

    /// A tensor for the gradient at `place`, which is added to another one later.
    fn temporary(&mut self, place: Place) -> GradPlace {
        let Buffer { shape, format } = self.built.buffers[place.buffer];
        let shape = match shape {
            Shape::Rows(space, _) => Shape::Rows(space, place.width),
            other => other,
        };
        GradPlace { tensor: Some(self.take(Buffer { shape, format })), first: 0, width: place.width }
    }

    /// Lets the gradient of an input be where that of the result is, if nobody else needs the latter.
    fn take_over(&mut self, out: Place, place: Place) -> bool {
        let alike = self.built.buffers[out.buffer] == self.built.buffers[place.buffer];
        let Some(gradient) = self.gradients[out.buffer].clone() else { return false };
        let Some(tensor) = gradient.tensor.filter(|&tensor| self.sharers[tensor] == 1) else { return false };
        if !alike || out.first != place.first || self.gradients[place.buffer].is_some() || self.makers[out.buffer] > 1 {
            return false;
        }
        self.sharers[tensor] += 1;
        self.gradients[place.buffer] = Some(gradient);
        true
    }

    /// The gradient of a sum is that of its operand.
    fn pass(&mut self, out: Place, place: Place, from: GradPlace, is_set: bool) {
        let whole = |place: Place| match self.built.buffers[place.buffer].shape {
            Shape::Rows(_, columns) => place.width == columns,
            _ => true,
        };
        // columns that are copied elsewhere have another gradient than those in their place
        let alike = self.built.buffers[out.buffer] == self.built.buffers[place.buffer] && whole(out) && whole(place);
        if is_set {
            self.own(place.buffer);
            self.fill(place);
            let to = self.at(place);
            return self.plan.push(Back::Add(from, to));
        }
        match (self.gradients[place.buffer].is_none(), self.gradients[out.buffer].clone()) {
            (true, Some(gradient)) if alike && gradient.tensor.is_some() => {
                gradient.tensor.iter().for_each(|&tensor| self.sharers[tensor] += 1);
                self.gradients[place.buffer] = Some(gradient);
            }
            _ => {
                self.begin(place.buffer);
                self.own(place.buffer);
                self.set(place);
                let to = self.at(place);
                self.plan.push(Back::Copy(from, to));
            }
        }
    }

    /// Gives a buffer a gradient, if it has none.
    fn begin(&mut self, buffer: usize) {
        if self.gradients[buffer].is_none() {
            let tensor = self.take(self.built.buffers[buffer]);
            self.sharers[tensor] = 1;
            self.gradients[buffer] = Some(Gradient { tensor: Some(tensor), set: Vec::new() });
        }
    }

    /// A gradient that is changed is no other buffer's too.
    fn own(&mut self, buffer: usize) {
        let Some(Gradient { tensor, set }) = self.gradients[buffer].clone() else { return };
        if tensor.is_some_and(|tensor| self.sharers[tensor] == 1) {
            return;
        }
        let copy = self.take(self.built.buffers[buffer]);
        tensor.iter().for_each(|&tensor| self.sharers[tensor] -= 1);
        self.sharers[copy] = 1;
        let place = |tensor, (first, width)| GradPlace { tensor, first, width };
        self.plan.extend(set.iter().map(|&columns| Back::Copy(place(tensor, columns), place(Some(copy), columns))));
        self.gradients[buffer] = Some(Gradient { tensor: Some(copy), set });
    }

    /// Columns of `place` that nothing has written become 0.
    fn fill(&mut self, place: Place) {
        let Some(Gradient { tensor, mut set }) = self.gradients[place.buffer].clone() else { return };
        set.sort_unstable();
        let (mut next, end, mut gaps) = (place.first, place.first + place.width, Vec::new());
        for &(start, width) in &set {
            if start > next && next < end {
                gaps.push((next, start.min(end) - next));
            }
            next = next.max(start + width);
        }
        // a bias by distance has no columns: it is set as a whole or not at all
        if next < end || (place.width == 0 && set.is_empty()) {
            gaps.push((next, end - next));
        }
        self.plan.extend(gaps.iter().map(|&(first, width)| Back::Zero(GradPlace { tensor, first, width })));
        set.extend(gaps);
        self.gradients[place.buffer] = Some(Gradient { tensor, set });
    }

    fn set(&mut self, place: Place) {
        if let Some(gradient) = &mut self.gradients[place.buffer] {
            gradient.set.push((place.first, place.width));
        }
    }

    fn overlaps(&self, place: Place) -> bool {
        self.gradients[place.buffer].as_ref().is_some_and(|gradient| {
            let meets = |&(first, width): &(usize, usize)| {
                place.width == 0 || (first < place.first + place.width && place.first < first + width)
            };
            gradient.set.iter().any(meets)
        })
    }

    fn at(&self, place: Place) -> GradPlace {
        let tensor = self.gradients[place.buffer].as_ref().and_then(|gradient| gradient.tensor);
        GradPlace { tensor, first: place.first, width: place.width }
    }

    fn take(&mut self, kind: Buffer) -> usize {
        if let Some(tensor) = self.free.get_mut(&kind).and_then(Vec::pop) {
            return tensor;
        }
        self.tensors.push(kind);
        self.sharers.push(0);
        self.tensors.len() - 1
    }

    fn give_back(&mut self, tensor: Option<usize>) {
        let Some(tensor) = tensor else { return };
        self.free.entry(self.tensors[tensor]).or_default().push(tensor);
    }

    fn release(&mut self, buffer: usize) {
        let Some(Gradient { tensor: Some(tensor), .. }) = self.gradients[buffer].take() else { return };
        self.sharers[tensor] -= 1;
        if self.sharers[tensor] == 0 {
            self.give_back(Some(tensor));
        }
    }
}
