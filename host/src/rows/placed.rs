//! A batch where the model computes.

use super::batch::Rows;
use super::columns::{InputSet, RowInput};
use crate::Result;
use crate::ops::{Column, Engine, Inbox};

/// Columns that every batch sends to a GPU before its row inputs: those of tokens, and the groups.
const FIXED: usize = 3;
/// The columns after them of a batch that has more than tokens: types, three of a source, the tokens that are rows, the
/// weights of tokens.
const MORE: usize = 6;

/// The input of a network: windows of equal length, one after the other.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    /// `[sequences · length]`, each below the vocabulary size.
    pub ids: Column<'a, u32>,
    /// `[sequences · length]`, each below the context: of each token in its document, as tables and rotary positions
    /// read it.
    pub positions: Column<'a, u32>,
    /// `[sequences · length]`: counts from 0 in each document. No token attends to another document than its own.
    pub offsets: Column<'a, u32>,
    /// `[sequences · length]`: which part of a pair each token belongs to, where the model reads that.
    pub types: Option<Column<'a, u32>>,
    /// `[sequences · length]`: what each token counts for where tokens are counted; none is 1.
    pub weights: Option<Column<'a, f32>>,
    /// Positions per sequence.
    pub length: usize,
    /// What an encoder reads for a decoder.
    pub source: Option<Source<'a>>,
}

/// The other text of each sequence, which an encoder reads: windows of equal length, one after the other.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// `[sequences · length]`
    pub ids: Column<'a, u32>,
    /// `[sequences · length]`: counts from 0 in each window, and again in its padding, which is no part of the text.
    pub positions: Column<'a, u32>,
    /// `[sequences]`: how many tokens of each window are there; the others are padding.
    pub valid: Column<'a, u32>,
    /// Positions per sequence.
    pub length: usize,
}

impl<'a> Tokens<'a> {
    /// Copies of the tokens where `engine` computes.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn new(engine: &Engine, ids: &'a [u32], positions: &'a [u32], length: usize) -> Result<Self> {
        let positions = Column::new(engine, positions)?;
        let (ids, offsets) = (Column::new(engine, ids)?, positions.clone());
        Ok(Self { ids, positions, offsets, types: None, weights: None, length, source: None })
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.ids.host().len() / self.length
    }
}

/// A batch, and on a GPU copies of its columns there: those that a network reads, and the row inputs that a program
/// asks for.
#[derive(Debug, Clone)]
pub struct PlacedRows<'a> {
    rows: &'a Rows,
    asked: InputSet,
    /// As [`PlacedRows::bits`] orders them.
    columns: Vec<Column<'a, u32>>,
}

impl<'a> PlacedRows<'a> {
    /// `rows` where `engine` computes, with the inputs `asked`.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn new(engine: &Engine, rows: &'a Rows, asked: InputSet) -> Result<Self> {
        let column = |bits: &'a [u32]| match bits.is_empty() {
            true => Ok(Column::default()),
            false => Column::new(engine, bits),
        };
        let columns = Self::bits(rows, asked).into_iter().map(column);
        Ok(Self { rows, asked, columns: columns.collect::<Result<_>>()? })
    }

    /// `rows`, which are the current batch of `inbox`, sent with the inputs `asked`.
    pub fn received(inbox: &Inbox, rows: &'a Rows, asked: InputSet) -> Self {
        let columns = Self::bits(rows, asked).into_iter().enumerate();
        let columns = columns.map(|(index, bits)| Column::held_by(bits, inbox.column(index))).collect();
        Self { rows, asked, columns }
    }

    /// Number of columns that `rows` send to a GPU with the inputs `asked`.
    pub fn n_columns(rows: &Rows, asked: InputSet) -> usize {
        n_before(rows) + asked.iter().count()
    }

    /// Numbers in the longest column that `rows` send with the inputs `asked`.
    pub fn longest(rows: &'a Rows, asked: InputSet) -> usize {
        Self::bits(rows, asked).into_iter().map(<[u32]>::len).max().unwrap_or(0)
    }

    /// The bits of the columns, as they are sent: what a network reads, the groups, the inputs `asked` in the order of
    /// the table. What a batch does not have is empty.
    pub fn bits(rows: &'a Rows, asked: InputSet) -> Vec<&'a [u32]> {
        let mut fixed: Vec<&[u32]> = vec![&rows.inputs, &rows.document_position, &rows.group];
        if n_before(rows) > FIXED {
            let [ids, positions, valid]: [&[u32]; 3] =
                rows.source.as_ref().map_or([&[]; 3], |source| [&source.ids, &source.positions, &source.valid]);
            fixed.extend([&rows.types, ids, positions, valid, rows.at.as_deref().unwrap_or_default()]);
            fixed.push(bytemuck::cast_slice(&rows.token_weights));
        }
        fixed.into_iter().chain(asked.iter().map(|input| rows.columns.get(input).bits())).collect()
    }

    /// The rows on the host.
    pub fn rows(&self) -> &'a Rows {
        self.rows
    }

    /// What a network reads of them.
    pub fn tokens(&self) -> Tokens<'a> {
        let column = |index: usize| self.columns[index].clone();
        let source = self.rows.source.as_ref().map(|source| Source {
            ids: column(4),
            positions: column(5),
            valid: column(6),
            length: source.length,
        });
        let types = (!self.rows.types.is_empty()).then(|| column(3));
        let weights = (!self.rows.token_weights.is_empty()).then(|| column(8).floats());
        let (ids, positions, offsets) = (column(0), column(1), column(1));
        Tokens { ids, positions, offsets, types, weights, length: self.rows.context, source }
    }

    /// The tokens that are rows of the loss; none if all are, or one for each window.
    pub fn at(&self) -> Option<&Column<'a, u32>> {
        self.rows.at.as_ref().map(|_| &self.columns[7])
    }

    /// Address of the numbers of the groups on the GPU; 0 on the CPU.
    pub(crate) fn group(&self) -> u64 {
        self.columns[2].pointer()
    }

    /// Address of a row input on the GPU, 0 on the CPU; none if it was not asked for.
    pub(crate) fn pointer(&self, input: RowInput) -> Option<u64> {
        let index = self.asked.iter().position(|other| other == input)?;
        Some(self.columns[n_before(self.rows) + index].pointer())
    }
}

/// Number of columns before the row inputs.
fn n_before(rows: &Rows) -> usize {
    let has_more =
        !(rows.types.is_empty() && rows.token_weights.is_empty()) || rows.source.is_some() || rows.at.is_some();
    FIXED + if has_more { MORE } else { 0 }
}
