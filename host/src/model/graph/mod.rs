//! A network that was checked, in the host's own form: every op with typed attributes.

mod lower;
mod op;

pub use op::{Index, Node, Norm, Op, Rotary};

use crate::Result;
use trainyard_plugin::network::{Network, Parameter, Type, check};

/// A checked network.
#[derive(Debug, Clone)]
pub struct Graph {
    /// In an order in which they can be computed.
    pub nodes: Vec<Node>,
    /// All parameters, in the order in which nodes number them.
    pub parameters: Vec<Parameter>,
    /// Name and node of each head.
    pub heads: Vec<(String, usize)>,
    /// Number of blocks, whose nodes are neighbours but for some of no block.
    pub blocks: usize,
}

impl Graph {
    /// Checks `network` and takes it over.
    ///
    /// # Errors
    /// What is wrong with the network, with the scope where it is.
    pub fn new(network: &Network) -> Result<Self> {
        let types = check(network)?;
        let nodes = network.layers.iter().zip(types);
        let mut nodes: Vec<_> = nodes.map(|(layer, ty)| lower::node(network, layer, ty)).collect();
        let blocks = number_blocks(&mut nodes);
        Ok(Self {
            nodes,
            parameters: network.parameters.clone(),
            heads: network.heads.iter().map(|head| (head.name.clone(), head.value as usize)).collect(),
            blocks,
        })
    }

    /// The node of head `name`.
    pub fn head(&self, name: &str) -> Option<usize> {
        self.heads.iter().find(|(known, _)| known == name).map(|(_, node)| *node)
    }

    /// Type of a node's value.
    pub fn ty(&self, node: usize) -> Type {
        self.nodes[node].ty
    }

    /// Whether anything reads a column of the batch.
    pub fn reads(&self, index: Index) -> bool {
        self.nodes.iter().any(|node| matches!(node.op, Op::Index(read) if read == index))
    }

    /// The column of the batch that input 0 of `node` is, if it is one.
    pub fn index_of(&self, node: &Node) -> Option<Index> {
        match self.nodes.get(*node.inputs.first()?)?.op {
            Op::Index(index) => Some(index),
            _ => None,
        }
    }

    /// Which nodes read each node; a head counts as the node after the last.
    pub fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| readers[input].push(index));
        }
        self.heads.iter().for_each(|(_, node)| readers[*node].push(self.nodes.len()));
        readers
    }
}

/// Gives each block a number of its own and says how many there are: one that continues after another has begun is two,
/// for what is computed again must lie side by side.
fn number_blocks(nodes: &mut [Node]) -> usize {
    let (mut n, mut last) = (0, None);
    for block in nodes.iter_mut().filter_map(|node| node.block.as_mut()) {
        if last != Some(*block) {
            last = Some(*block);
            n += 1;
        }
        *block = n - 1;
    }
    n
}
