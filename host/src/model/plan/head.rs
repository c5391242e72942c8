//! The output layer, which the loss runs by itself, block of rows by block of rows.

use super::Place;
use crate::model::graph::{Graph, Op};
use crate::ops::linear::Layout;
use crate::{Error, Result};

/// logits = cap(scale · (scale_hidden · hidden Wᵀ + bias))
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct HeadPlan {
    /// The node that computes the hidden states.
    pub hidden: usize,
    /// Where they are.
    pub place: Place,
    /// The parameter W `[logits, C]`.
    pub weight: usize,
    pub bias: Option<usize>,
    /// Multiplies the logits.
    pub scale: f64,
    pub soft_cap: Option<f64>,
    /// The nodes that the loss runs.
    pub nodes: Vec<usize>,
}

impl HeadPlan {
    /// The end of `graph`: a linear layer, which a scale and a soft cap may follow.
    ///
    /// # Errors
    /// Logits of another form.
    pub fn new(graph: &Graph) -> Result<Self> {
        let wrong = || Error::plugin("the logits must be a linear layer's, which a scale and a soft_cap may follow");
        let readers = graph.readers();
        let mut node = graph.head("logits").ok_or_else(wrong)?;
        let (mut scale, mut soft_cap, mut nodes) = (1.0, None, Vec::new());
        loop {
            nodes.push(node);
            if readers[node].len() > 1 {
                return Err(Error::plugin("the logits and what leads to them may be read by nothing else"));
            }
            let inputs = &graph.nodes[node].inputs;
            match &graph.nodes[node].op {
                Op::SoftCap(cap) if soft_cap.is_none() && scale == 1.0 => soft_cap = Some(*cap),
                Op::Scale(factor) => scale *= factor,
                Op::Linear { weight, bias, layout: Layout::OutIn } => {
                    let place = Place { buffer: 0, first: 0, width: 0 };
                    return Ok(Self { hidden: inputs[0], place, weight: *weight, bias: *bias, scale, soft_cap, nodes });
                }
                _ => return Err(wrong()),
            }
            node = inputs[0];
        }
    }
}
