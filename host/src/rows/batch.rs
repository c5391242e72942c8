//! One batch of rows.

use super::columns::{Columns, Extent, InputSet, RowInput};
use super::groups;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where a run is in its data: all the state that a loader has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Sequences since the start of the run.
    pub sample: u64,
}

/// Windows of tokens, and the rows that a loss is over. Lists of tokens are row-major, shape `[sequences, context]`.
///
/// A row of the loss is a token that is predicted: all of them, those of `at`, or with a model that pools each window
/// one row for each window.
///
/// Three things can be called the sequence of a row, and each has its own place: the window that it is in (`sequences`,
/// `context`), the document that it attends to (`document_position` begins again at 0), and the group over which graphs
/// sum and in which `input.position` counts (`group`). Batches of prepared data have a group for each
/// document where documents are packed, and for each window where they are concatenated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Ids of the tokens that are read.
    pub inputs: Vec<u32>,
    /// Index of each input in its document, or part of a document; where documents are concatenated, in its window.
    /// Attention does not go beyond the last 0.
    pub document_position: Vec<u32>,
    /// Which part of a pair each token belongs to; empty where there are no parts.
    pub types: Vec<u32>,
    /// What each token counts for where tokens are counted; empty where that is 1.
    pub token_weights: Vec<f32>,
    /// What an encoder reads for a decoder.
    pub source: Option<SourceText>,
    /// The tokens that are rows of the loss, in order; none if all are, or one for each window.
    pub at: Option<Vec<u32>>,
    /// Number of the group that each row belongs to, from 0; rows of a group stand together.
    pub group: Vec<u32>,
    /// Number of the document that each row is predicted of; empty in training, where nobody asks.
    pub documents: Vec<u64>,
    /// Row inputs.
    pub columns: Columns,
    /// Number of windows.
    pub sequences: usize,
    /// Tokens per window.
    pub context: usize,
    /// Where the batch after this one begins.
    pub next: Position,
}

/// The texts that the windows are written from, in windows of their own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceText {
    /// `[sequences, length]`
    pub ids: Vec<u32>,
    /// `[sequences, length]`: counts from 0 in each text, and again in the padding after it.
    pub positions: Vec<u32>,
    /// `[sequences]`: tokens of each text; what follows is padding.
    pub valid: Vec<u32>,
    /// Tokens per window.
    pub length: usize,
}

impl Rows {
    /// Windows of `context` tokens, each a document and a group of its own, with no row input but the position.
    pub fn windows(inputs: Vec<u32>, context: usize) -> Self {
        let places = || (0..inputs.len()).map(|row| (row / context.max(1), row % context.max(1)));
        let position: Vec<u32> = places().map(|(_, position)| position as u32).collect();
        Self {
            document_position: position.clone(),
            group: places().map(|(window, _)| window as u32).collect(),
            columns: Columns { position, ..Columns::default() },
            sequences: inputs.len().div_ceil(context.max(1)),
            context,
            inputs,
            ..Self::default()
        }
    }

    /// Number of rows of the loss.
    pub fn len(&self) -> usize {
        self.group.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.group.is_empty()
    }

    /// The windows that make up `rows`, as a batch of their own, where every token is a row; wide inputs have `vocab`
    /// numbers a row.
    pub fn slice(&self, rows: Range<usize>, vocab: usize) -> Self {
        let first_group = self.group.get(rows.start).copied().unwrap_or_default();
        Self {
            inputs: self.inputs[rows.clone()].to_vec(),
            document_position: self.document_position[rows.clone()].to_vec(),
            group: self.group[rows.clone()].iter().map(|group| group - first_group).collect(),
            documents: self.documents.get(rows.clone()).unwrap_or_default().to_vec(),
            columns: self.columns.slice(rows.clone(), vocab),
            sequences: rows.len() / self.context.max(1),
            context: self.context,
            next: self.next,
            types: self.types.get(rows.clone()).unwrap_or_default().to_vec(),
            token_weights: self.token_weights.get(rows).unwrap_or_default().to_vec(),
            source: None,
            at: None,
        }
    }

    /// Checks that lists have their lengths and numbers their ranges, for a program that reads the inputs `asked` and a
    /// model of `vocab` tokens: kernels index tables with these numbers.
    ///
    /// # Errors
    /// The first that is wrong, and an input that these rows do not carry.
    pub fn check(&self, asked: InputSet, vocab: usize) -> Result<()> {
        let (rows, tokens) = (self.len(), self.inputs.len());
        let wrong = |name: &str, got: usize, expected: usize| {
            Err(Error::run(format!("{name} has {got} elements, expected {expected}")))
        };
        if self.document_position.len() != tokens {
            return wrong("document_position", self.document_position.len(), tokens);
        }
        if !self.token_weights.is_empty() && self.token_weights.len() != tokens {
            return wrong("token_weights", self.token_weights.len(), tokens);
        }
        match &self.at {
            Some(at) if at.len() != rows => return wrong("at", at.len(), rows),
            Some(at) if at.iter().any(|&token| token as usize >= tokens) => {
                return Err(Error::run(format!("a row of the loss is none of the {tokens} tokens")));
            }
            None if rows != tokens && rows != self.sequences => return wrong("group", rows, tokens),
            _ => {}
        }
        groups::check(&self.group)?;
        for input in asked.iter() {
            let (values, extent) = (self.columns.get(input), input.info().extent);
            let expected = extent.len(rows, vocab);
            if values.is_empty() && expected > 0 {
                return Err(Error::run(format!(
                    "input {:?} is in no row of the batch; use a plugin that does not ask for it",
                    input.name()
                )));
            }
            if values.len() != expected {
                return wrong(input.short_name(), values.len(), expected);
            }
            if extent == Extent::Index {
                check_ids(input, values.bits(), vocab)?;
            }
        }
        match asked.contains(RowInput::Position) {
            true => groups::check_positions(&self.group, &self.columns.position),
            false => Ok(()),
        }
    }
}

fn check_ids(input: RowInput, ids: &[u32], vocab: usize) -> Result<()> {
    match ids.iter().enumerate().find(|&(_, &id)| id as usize >= vocab) {
        None => Ok(()),
        Some((row, id)) => Err(Error::run(format!(
            "{} of row {row} is token {id}, expected an id below the vocabulary size {vocab}; was the data prepared with \
             another tokenizer?",
            input.short_name()
        ))),
    }
}
