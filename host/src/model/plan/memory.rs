//! Which tensor each buffer of the forward is in: one that is free again may take another buffer of its kind.

use super::build::Built;
use super::steps::Step;
use super::{Buffer, Purpose};
use std::collections::HashMap;

/// The tensors of a forward.
#[derive(Debug)]
pub(super) struct Memory {
    /// The tensor of each buffer.
    pub tensor_of: Vec<usize>,
    /// Kind of each tensor.
    pub tensors: Vec<Buffer>,
    /// Per block: whether a later step of the forward overwrites what its backward needs, so that it is computed again.
    pub lost: Vec<bool>,
    /// Per buffer: whether a backward or a recomputation reads it.
    needed: Vec<bool>,
    /// Per buffer: whether a step of another block reads it.
    crosses: Vec<bool>,
}

impl Memory {
    /// Whether a step of a block that is computed again has to run again.
    pub fn is_repeated(&self, step: &Step) -> bool {
        is_repeated(step, &self.needed, &self.crosses)
    }
}

/// Until when a buffer holds its value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Until {
    /// The last step that reads it.
    Step(usize),
    /// The end of its block, which frees its buffers when the next block begins.
    Block(usize),
    /// The backward.
    Always,
}

pub(super) fn assign(built: &Built, blocks: usize, purpose: Purpose) -> Memory {
    let crosses = crosses(built);
    let needed = needed(built, &crosses, purpose);
    let until = lifetimes(built, (&needed, &crosses), purpose);
    let mut memory = Memory {
        tensor_of: vec![usize::MAX; built.buffers.len()],
        tensors: Vec::new(),
        lost: vec![false; blocks],
        needed,
        crosses,
    };
    let mut free: HashMap<Buffer, Vec<usize>> = HashMap::new();
    let mut in_block: Vec<usize> = Vec::new();
    let mut block = None;
    let mut expiring: Vec<Vec<usize>> = vec![Vec::new(); built.steps.len()];
    for (index, step) in built.steps.iter().enumerate() {
        if step.block.is_some() && step.block != block {
            block = step.block;
            in_block.drain(..).for_each(|buffer| release(built, &memory, buffer, &mut free));
        }
        for buffer in step.buffers() {
            if memory.tensor_of[buffer] != usize::MAX {
                continue;
            }
            let kind = built.buffers[buffer];
            // what lasts is in a tensor of its own: steps that are computed again write to theirs again
            let lasts = purpose == Purpose::Recomputing && until[buffer] == Until::Always;
            let known = if lasts { None } else { free.get_mut(&kind).and_then(Vec::pop) };
            memory.tensor_of[buffer] = known.unwrap_or_else(|| {
                memory.tensors.push(kind);
                memory.tensors.len() - 1
            });
            match until[buffer] {
                Until::Step(last) => expiring[last].push(buffer),
                Until::Block(_) => in_block.push(buffer),
                Until::Always => {}
            }
        }
        expiring[index].drain(..).for_each(|buffer| release(built, &memory, buffer, &mut free));
    }
    if purpose == Purpose::Recomputing {
        mark_lost(built, &until, &mut memory);
    }
    memory
}

fn release(built: &Built, memory: &Memory, buffer: usize, free: &mut HashMap<Buffer, Vec<usize>>) {
    free.entry(built.buffers[buffer]).or_default().push(memory.tensor_of[buffer]);
}

/// Buffers that a backward reads, or a step that is computed again for it.
fn needed(built: &Built, crosses: &[bool], purpose: Purpose) -> Vec<bool> {
    let mut needed = vec![false; built.buffers.len()];
    if purpose == Purpose::Inference {
        return needed;
    }
    for step in built.steps.iter().rev() {
        let (inputs, out) = step.needs();
        let again = purpose == Purpose::Recomputing && step.block.is_some() && is_repeated(step, &needed, crosses);
        for (place, read) in step.reads.iter().zip(inputs) {
            needed[place.buffer] |= read || again;
        }
        needed[step.out.buffer] |= out;
        step.kept.iter().for_each(|&buffer| needed[buffer] = true);
    }
    needed
}

/// What crosses the border of its block is kept, so that nothing but what a step keeps besides is computed again.
fn is_repeated(step: &Step, needed: &[bool], crosses: &[bool]) -> bool {
    let out = step.out.buffer;
    step.kept.is_some() || !crosses[out] && (step.needs().1 || needed[out])
}

/// Buffers that a step of another block than their maker's reads, and the results of the whole.
fn crosses(built: &Built) -> Vec<bool> {
    let mut crosses = vec![false; built.buffers.len()];
    for step in &built.steps {
        step.reads.iter().for_each(|place| crosses[place.buffer] |= built.homes[place.buffer] != step.block);
    }
    built.lasting.iter().for_each(|place| crosses[place.buffer] = true);
    crosses
}

fn lifetimes(built: &Built, (needed, crosses): (&[bool], &[bool]), purpose: Purpose) -> Vec<Until> {
    let mut until: Vec<Until> = vec![Until::Step(0); built.buffers.len()];
    for (index, step) in built.steps.iter().enumerate() {
        let read = step.reads.iter().map(|place| place.buffer);
        step.buffers().chain(read).for_each(|buffer| until[buffer] = Until::Step(index));
    }
    for (buffer, until) in until.iter_mut().enumerate() {
        *until = match built.homes[buffer] {
            _ if !needed[buffer] => *until,
            Some(block) if purpose == Purpose::Recomputing && !crosses[buffer] => Until::Block(block),
            _ => Until::Always,
        };
    }
    built.lasting.iter().for_each(|head| until[head.buffer] = Until::Always);
    until
}

/// A block is lost when a step after it writes to a tensor in which it keeps something.
fn mark_lost(built: &Built, until: &[Until], memory: &mut Memory) {
    let mut keeper: HashMap<usize, usize> = HashMap::new();
    for step in &built.steps {
        for buffer in step.buffers() {
            let tensor = memory.tensor_of[buffer];
            let owner = match until[buffer] {
                Until::Block(block) => Some(block),
                _ => None,
            };
            if let Some(&before) = keeper.get(&tensor).filter(|before| Some(**before) != owner) {
                memory.lost[before] = true;
            }
            match owner {
                Some(block) => _ = keeper.insert(tensor, block),
                None => _ = keeper.remove(&tensor),
            }
        }
    }
}
