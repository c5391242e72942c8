//! The conditional random field over the tags of a text, as what training minimises: its own exact loss, which no graph
//! of the op set can say. The logits are the emissions; the scores of neighbouring tags are parameters of the model.

use super::{Ratio, Totals};
use crate::model::{Head, HeadCrf};
use crate::ops::crf::tensors::{self, Best, Mask, ParameterGradients, Parameters};
use crate::ops::linear::{self, Layout, Transform};
use crate::ops::{Assign, Column, Engine, Tensor, View};
use crate::rows::{Groups, PlacedRows, Rows};
use crate::{Error, Result};
use candle_core::DType;

/// First row and number of rows of each text, flat: `[2 · texts]`.
fn texts(rows: &Rows) -> Vec<u32> {
    Groups::new(&rows.group).rows().flat_map(|rows| [rows.start as u32, rows.len() as u32]).collect()
}

/// The emissions `[rows, tags]` of hidden states `[rows, C]`.
///
/// # Errors
/// A head without a field, or whose logits are scaled.
fn emissions<'a>(engine: &Engine, hidden: &Tensor, head: Head<'a>) -> Result<(Tensor, HeadCrf<'a>)> {
    let crf = head.crf.ok_or_else(|| Error::run("loss: the model has no conditional random field"))?;
    if head.transform() != Transform::NONE {
        return Err(Error::plugin("a conditional random field needs logits that are neither scaled nor capped"));
    }
    let emissions = Tensor::zeros((hidden.dim(0)?, head.weight.value.dim(0)?), hidden.dtype(), &hidden.device())?;
    head.logits(engine, hidden, &emissions)?;
    Ok((emissions, crf))
}

fn parameters<'a>(crf: HeadCrf<'a>, allowed: Option<&'a Mask>) -> Parameters<'a> {
    let HeadCrf { start, end, transitions } = crf;
    Parameters { start: &start.value, end: &end.value, transitions: &transitions.value, allowed }
}

/// Adds the negative log-likelihood of each text's tags to `totals`, to be divided by the number of tags; and the
/// gradients of its sum, `dhidden` `[rows, C]` being overwritten, where that is given.
///
/// # Errors
/// Rows without tags, a model without a field, a GPU that fails.
pub(super) fn run(
    engine: &Engine,
    hidden: &Tensor,
    head: Head<'_>,
    placed: &PlacedRows<'_>,
    dhidden: Option<&Tensor>,
    totals: &mut Totals,
) -> Result<()> {
    let rows = placed.rows();
    let (emissions, crf) = emissions(engine, hidden, head)?;
    let (texts, tags) = (texts(rows), Column::new(engine, &rows.columns.target)?);
    let sequences = Column::new(engine, &texts)?;
    let n = texts.len() / 2;
    let likelihoods = Tensor::zeros((n, 2), DType::F64, &hidden.device())?;
    let of = parameters(crf, None);
    match dhidden {
        None => tensors::forward(engine, &emissions, &tags, &sequences, of, &likelihoods)?,
        Some(dhidden) => {
            let (scales, demissions) = (vec![1.0; n], emissions.zeros_like()?);
            let scales = Column::new(engine, &scales)?;
            let [start, end, transitions] = [crf.start, crf.end, crf.transitions].map(|param| param.grad.as_ref());
            let gradients = ParameterGradients { start, end, transitions };
            let (likelihoods, demissions) = (&likelihoods, &demissions);
            tensors::backward(engine, &emissions, &tags, &sequences, of, &scales, likelihoods, demissions, gradients)?;
            let weight = (head.weight.weight(hidden.dtype()), Layout::OutIn);
            let dbias = head.bias.and_then(|bias| bias.grad.as_ref());
            let to = Some((View::from(dhidden), Assign::Set));
            linear::backward(engine, demissions, hidden, weight, to, head.weight.grad.as_ref(), dbias)?;
        }
    }
    let likelihoods = likelihoods.to_vec()?;
    let sum = likelihoods.chunks_exact(2).map(|pair| pair[0] - pair[1]).sum();
    totals.add_anywhere(&[Ratio { sum, weight: rows.len() as f64 }])
}

/// The likeliest tags of the texts of `rows`, whose hidden states are `hidden` `[rows, C]`; only those that `allowed`
/// lets follow one another.
///
/// # Errors
/// A model without a field, a GPU that fails.
pub fn decode(engine: &Engine, hidden: &Tensor, head: Head<'_>, rows: &Rows, allowed: Option<&Mask>) -> Result<Best> {
    let (emissions, crf) = emissions(engine, hidden, head)?;
    let texts = texts(rows);
    tensors::viterbi(engine, &emissions, &Column::new(engine, &texts)?, parameters(crf, allowed))
}
