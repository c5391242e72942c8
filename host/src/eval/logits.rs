//! Logits of given tokens, to compare a model with the same one in another program.

use crate::formats::hf::NewRows;
use crate::model::{Model, Purpose, Spec};
use crate::ops::{Column, Device, Engine, Precision, Tensor};
use crate::plugin::PluginConfig;
use crate::rows::{Source, Tokens};
use crate::run::{Imported, StartWeights};
use crate::{Error, Result};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::path::Path;
use trainyard_plugin::network::{Network, Space, Type, check};

/// What [`logits`] computes.
#[derive(Debug, Clone, Copy)]
pub struct LogitsRequest<'a> {
    /// The tokens; those that the encoder reads in a model that has one.
    pub ids: &'a [u32],
    /// The part of a pair that each token belongs to; none is 0 for all.
    pub token_types: &'a [u32],
    /// 1 for a token, 0 for padding at the beginning or the end; none is 1 for all.
    pub mask: &'a [u32],
    /// The tokens that the decoder has written; none is the one that it begins with.
    pub decoder_ids: &'a [u32],
    /// A row for each token, instead of the last one.
    pub all: bool,
    /// The hidden states that the logits are made of, instead of the logits.
    pub hidden: bool,
    /// Numbers to compute with.
    pub precision: Precision,
}

/// One row for each token that was asked for, or for the sequence. A row of padding holds NaN, in JSON null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Logits {
    /// Rows of logits.
    Logits(Vec<Vec<f64>>),
    /// Rows of hidden states.
    Hidden(Vec<Vec<f64>>),
}

/// Logits that people are shown of each row.
const SHOWN: usize = 5;

impl Display for Logits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rows = match self {
            Self::Logits(rows) => {
                writeln!(f, "largest logits of each row, as id: logit; --json prints all of them")?;
                rows
            }
            Self::Hidden(rows) => {
                writeln!(f, "largest columns of each row, as column: number; --json prints all of them")?;
                rows
            }
        };
        for row in rows {
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
            let shown: Vec<_> = order.iter().take(SHOWN).map(|&id| format!("{id}: {:.6}", row[id])).collect();
            writeln!(f, "{}", shown.join("  "))?;
        }
        Ok(())
    }
}

/// Computes the logits of one sequence by the model in the folder `from`, on the CPU. `named` is the plugin that reads
/// it, or else the built-in one for it.
///
/// # Errors
/// A folder that cannot be imported, tokens that the model does not have, logits that are not finite.
pub fn logits(from: &Path, named: Option<&PluginConfig>, request: &LogitsRequest<'_>) -> Result<Logits> {
    let kept = kept(request)?;
    let imported = Imported::open(from, named)?;
    let network = imported.network(imported.vocab, imported.context)?;
    let has_source = network.layers.iter().any(|layer| layer.op == "input.source_ids");
    let texts = Texts::new(&imported, request, kept.clone(), has_source)?;
    let mut weights = StartWeights::new(&imported, &network, imported.vocab)?;
    let engine = Engine::on(Device::Cpu, request.precision);
    let mut model =
        Model::new(&Spec { is_loaded: true, ..Spec::new(&network, imported.context, Purpose::Inference) }, engine, 0)?;
    weights.load(NewRows::default(), model.params())?;
    let rows = texts.run(&mut model, request.hidden)?;
    if let Some(row) = rows.iter().position(|row| row.iter().any(|logit| !logit.is_finite())) {
        return Err(Error::run(format!(
            "row {row} of the result is not finite; do the weights belong to config.json?"
        )));
    }
    let is_row_wise = is_row_wise(&network)?;
    let n = if has_source { rows.len() } else { request.ids.len() };
    let rows = match (is_row_wise, request.all) {
        (false, _) => rows,
        (true, false) => rows.into_iter().next_back().into_iter().collect(),
        (true, true) if has_source => rows,
        (true, true) => padded(rows, &kept, n),
    };
    Ok(if request.hidden { Logits::Hidden(rows) } else { Logits::Logits(rows) })
}

/// The rows of all `n` tokens, of which those outside `kept` were padding.
fn padded(rows: Vec<Vec<f64>>, kept: &Range<usize>, n: usize) -> Vec<Vec<f64>> {
    let nothing = vec![f64::NAN; rows.first().map_or(0, Vec::len)];
    let before = std::iter::repeat_n(nothing.clone(), kept.start);
    before.chain(rows).chain(std::iter::repeat_n(nothing, n - kept.end)).collect()
}

/// Whether there are logits for each token, and not for the sequence.
fn is_row_wise(network: &Network) -> Result<bool> {
    let types = check(network)?;
    let head = network.heads.iter().find(|head| head.name == "logits");
    let of = head.and_then(|head| types.get(head.value as usize));
    Ok(!matches!(of, Some(Type::Matrix { space: Space::Sequence, .. })))
}

/// The tokens that are no padding.
///
/// # Errors
/// Lists of another length than the ids, a mask with a hole or without tokens.
fn kept(request: &LogitsRequest<'_>) -> Result<Range<usize>> {
    let n = request.ids.len();
    for (name, list) in [("--token-types", request.token_types), ("--mask", request.mask)] {
        if !list.is_empty() && list.len() != n {
            let message = format!("{name}: expected one number for each of the {n} ids, got {}", list.len());
            return Err(Error::usage(message));
        }
    }
    if request.mask.is_empty() {
        return Ok(0..n);
    }
    if let Some(other) = request.mask.iter().find(|&&number| number > 1) {
        return Err(Error::usage(format!("--mask: expected 1 for a token or 0 for padding, got {other}")));
    }
    let first = request.mask.iter().position(|&number| number == 1);
    let Some(first) = first else { return Err(Error::usage("--mask: expected a token, all of it is padding")) };
    let n_kept = request.mask[first..].iter().take_while(|&&number| number == 1).count();
    match request.mask[first + n_kept..].contains(&1) {
        true => Err(Error::usage("--mask: expected padding at the beginning or the end, got some between tokens")),
        false => Ok(first..first + n_kept),
    }
}

/// What a model reads, without padding.
struct Texts {
    ids: Vec<u32>,
    positions: Vec<u32>,
    offsets: Vec<u32>,
    types: Vec<u32>,
    source: Option<(Vec<u32>, Vec<u32>)>,
}

impl Texts {
    /// Padding is left out: no other token would see it.
    fn new(imported: &Imported, request: &LogitsRequest<'_>, kept: Range<usize>, has_source: bool) -> Result<Self> {
        let read = request.ids[kept.clone()].to_vec();
        let positions: Vec<_> = (0..request.ids.len() as u32).collect();
        let positions = positions[kept.clone()].to_vec();
        if !has_source {
            if !request.decoder_ids.is_empty() {
                return Err(Error::usage("--decoder-ids: this model has no decoder besides, expected ids only"));
            }
            let types = request.token_types.get(kept).map_or_else(|| vec![0; read.len()], <[u32]>::to_vec);
            let offsets = (0..read.len() as u32).collect();
            return Ok(Self { ids: read, positions, offsets, types, source: None });
        }
        let ids = match request.decoder_ids {
            [] => vec![start_token(imported)?],
            ids => ids.to_vec(),
        };
        let counted: Vec<u32> = (0..ids.len() as u32).collect();
        let types = vec![0; ids.len()];
        Ok(Self { positions: counted.clone(), offsets: counted, types, ids, source: Some((read, positions)) })
    }

    /// The rows of logits.
    fn run(&self, model: &mut Model, only_hidden: bool) -> Result<Vec<Vec<f64>>> {
        let engine = Engine::on(Device::Cpu, model.engine().precision());
        let column = |numbers| Column::new(&engine, numbers);
        let valid = [self.source.as_ref().map_or(0, |(ids, _)| ids.len() as u32)];
        let source = match &self.source {
            Some((ids, positions)) => Some(Source {
                ids: column(ids)?,
                positions: column(positions)?,
                valid: column(&valid)?,
                length: ids.len(),
            }),
            None => None,
        };
        let tokens = Tokens {
            ids: column(&self.ids)?,
            positions: column(&self.positions)?,
            offsets: column(&self.offsets)?,
            types: Some(column(&self.types)?),
            weights: None,
            length: self.ids.len(),
            source,
        };
        let hidden = model.forward(&tokens, None)?;
        if only_hidden {
            return Ok(hidden.to_vec()?.chunks(hidden.row_width()).map(<[f64]>::to_vec).collect());
        }
        let (rows, width) = (hidden.dim(0)?, model.vocab());
        let out = Tensor::zeros((rows, width), model.engine().precision().dtype(), model.engine().device())?;
        model.head().logits(model.engine(), &hidden, &out)?;
        Ok(out.to_vec()?.chunks(width).map(<[f64]>::to_vec).collect())
    }
}

/// The token that a decoder begins with.
///
/// # Errors
/// `config.json` does not say it.
fn start_token(imported: &Imported) -> Result<u32> {
    let config = &imported.folder.config;
    let ids = ["decoder_start_token_id", "bos_token_id"].into_iter().filter_map(|key| config.get(key)?.as_u64());
    let id = ids.filter_map(|id| u32::try_from(id).ok()).next();
    id.ok_or_else(|| Error::usage("--decoder-ids: config.json has no decoder_start_token_id, expected ids"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mask: &[u32], token_types: &[u32]) -> Result<Range<usize>> {
        let precision = Precision::F64;
        kept(&LogitsRequest {
            ids: &[5, 6, 7, 8],
            token_types,
            mask,
            decoder_ids: &[],
            all: true,
            hidden: false,
            precision,
        })
    }

    #[test]
    fn padding_is_at_an_end() {
        assert_eq!(of(&[], &[]), Ok(0..4));
        assert_eq!(of(&[1, 1, 0, 0], &[0, 0, 1, 1]), Ok(0..2));
        assert_eq!(of(&[0, 1, 1, 0], &[]), Ok(1..3));
        let wrong = |mask: &[u32], types: &[u32]| of(mask, types).expect_err("wrong").to_string();
        assert_eq!(wrong(&[1, 1], &[]), "--mask: expected one number for each of the 4 ids, got 2");
        assert_eq!(wrong(&[], &[0]), "--token-types: expected one number for each of the 4 ids, got 1");
        assert_eq!(
            wrong(&[1, 0, 1, 1], &[]),
            "--mask: expected padding at the beginning or the end, got some between tokens"
        );
        assert_eq!(wrong(&[0; 4], &[]), "--mask: expected a token, all of it is padding");
        assert_eq!(wrong(&[1, 2, 0, 0], &[]), "--mask: expected 1 for a token or 0 for padding, got 2");
    }

    #[test]
    fn padding_has_rows_without_numbers() {
        let rows = padded(vec![vec![1.0, 2.0]], &(1..2), 3);
        assert!(rows[0].iter().chain(&rows[2]).all(|logit| logit.is_nan()) && rows[1] == [1.0, 2.0]);
        let json = serde_json::to_string(&Logits::Logits(rows)).expect("JSON");
        assert_eq!(json, r#"{"logits":[[null,null],[1.0,2.0],[null,null]]}"#);
    }
}
