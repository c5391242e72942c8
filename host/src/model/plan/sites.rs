//! Numbers of the places that have dropout masks.

use crate::model::graph::{Graph, Op};
use std::collections::HashMap;

/// The places of a graph. A mask is a function of its place's number, which therefore belongs to what a run's numbers
/// depend on: the places of block b are numbered from b · stride + before on, where `before` is the most places that
/// stand between two blocks, and those before block b from b · stride on.
#[derive(Debug)]
pub(super) struct Sites {
    of: HashMap<usize, u64>,
    /// How many numbers there are.
    pub total: u64,
}

impl Sites {
    pub fn new(graph: &Graph) -> Self {
        let (mut outside, mut inside) = (vec![0_u64; graph.blocks + 1], vec![0_u64; graph.blocks.max(1)]);
        let (mut next, mut found) = (0, Vec::new());
        for (index, node) in graph.nodes.iter().enumerate() {
            if let Some(block) = node.block {
                next = block + 1;
            }
            let drops = match node.op {
                Op::Dropout(rate) => rate > 0.0,
                Op::Attention { dropout, .. } => dropout > 0.0,
                _ => false,
            };
            if !drops {
                continue;
            }
            let (group, counts) = node.block.map_or((next, &mut outside), |block| (block, &mut inside));
            found.push((index, node.block.is_some(), group as u64, counts[group]));
            counts[group] += 1;
        }
        let before = outside.iter().copied().max().unwrap_or(0);
        let stride = before + inside.iter().copied().max().unwrap_or(0);
        let groups = graph.blocks as u64 + u64::from(outside[graph.blocks] > 0);
        let number = |(index, within, group, i): (usize, bool, u64, u64)| {
            (index, group * stride + if within { before } else { 0 } + i)
        };
        Self { of: found.into_iter().map(number).collect(), total: (groups * stride).max(1) }
    }

    /// The number of a node.
    pub fn of(&self, node: usize) -> u64 {
        self.of.get(&node).copied().unwrap_or(0)
    }
}
