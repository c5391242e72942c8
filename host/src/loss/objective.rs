//! What training minimises: a graph, or what only a dynamic program can compute.

use super::{Program, Totals, crf};
use crate::Result;
use crate::model::Head;
use crate::ops::{Engine, Tensor};
use crate::rows::{InputSet, PlacedRows, RowInput, Rows};

/// What is minimised, and what is measured with it.
#[derive(Debug)]
pub enum Objective {
    /// Graphs of plugins.
    Graph(Box<Program>),
    /// The negative log-likelihood of tags under a conditional random field.
    Crf(CrfLoss),
}

/// The loss of a conditional random field.
#[derive(Debug)]
pub struct CrfLoss {
    outputs: [String; 1],
}

impl Default for CrfLoss {
    fn default() -> Self {
        Self { outputs: ["loss".to_owned()] }
    }
}

impl From<Program> for Objective {
    fn from(program: Program) -> Self {
        Self::Graph(Box::new(program))
    }
}

impl Objective {
    /// Names of the outputs; the first is minimised.
    pub fn outputs(&self) -> &[String] {
        match self {
            Self::Graph(program) => program.outputs(),
            Self::Crf(crf) => &crf.outputs,
        }
    }

    /// Row inputs that batches carry.
    pub fn inputs(&self) -> InputSet {
        match self {
            Self::Graph(program) => program.inputs(),
            Self::Crf(_) => InputSet::of(&[RowInput::Target]),
        }
    }

    /// Checks that it can be computed with `rows`.
    ///
    /// # Errors
    /// What is wrong with the rows, an input that they do not carry.
    pub fn check(&self, rows: &Rows, logits: usize) -> Result<()> {
        match self {
            Self::Graph(program) => program.check(rows, logits),
            Self::Crf(_) => rows.check(self.inputs(), logits).map_err(|error| error.context("loss")),
        }
    }

    /// Checks that a GPU can compute it.
    ///
    /// # Errors
    /// A graph with an input that kernels do not read.
    pub fn check_on_gpu(&self) -> Result<()> {
        match self {
            Self::Graph(program) => program.check_on_gpu(),
            Self::Crf(_) => Ok(()),
        }
    }

    /// Says whether computing it waits for a GPU, so that its launches cannot be repeated.
    pub fn waits(&self) -> bool {
        matches!(self, Self::Crf(_))
    }

    /// Adds the outputs' sums and weights to `totals`. `hidden` `[rows, C]`.
    ///
    /// # Errors
    /// Rows that it cannot be computed with, a GPU that fails.
    pub fn forward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: Head<'_>,
        placed: &PlacedRows<'_>,
        step: u64,
        totals: &mut Totals,
    ) -> Result<()> {
        match self {
            Self::Graph(program) => program.forward(engine, hidden, head, placed, step, totals),
            Self::Crf(_) => {
                self.check(placed.rows(), head.weight.value.dim(0)?)?;
                crf::run(engine, hidden, head, placed, None, totals)
            }
        }
    }

    /// The same, and the gradients of the first output's sum: `dhidden` `[rows, C]` is overwritten, the head's are
    /// added to where it has them.
    ///
    /// # Errors
    /// As [`Objective::forward`].
    #[expect(clippy::too_many_arguments, reason = "inputs and results")]
    pub fn backward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: Head<'_>,
        placed: &PlacedRows<'_>,
        step: u64,
        dhidden: &Tensor,
        totals: &mut Totals,
    ) -> Result<()> {
        match self {
            Self::Graph(program) => program.backward(engine, hidden, head, placed, step, dhidden, totals),
            Self::Crf(_) => {
                self.check(placed.rows(), head.weight.value.dim(0)?)?;
                crf::run(engine, hidden, head, placed, Some(dhidden), totals)
            }
        }
    }
}
