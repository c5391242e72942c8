//! A batch where the model computes.

use super::batch::Rows;
use super::columns::{InputSet, RowInput};
use crate::Result;
use crate::ops::{Column, Engine, Inbox};

/// Columns that every batch sends to a GPU before its row inputs.
const FIXED: usize = 3;

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
        Ok(Self { ids, positions, offsets, types: None, length, source: None })
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
        let columns = Self::bits(rows, asked).into_iter().map(|bits| Column::new(engine, bits));
        Ok(Self { rows, asked, columns: columns.collect::<Result<_>>()? })
    }

    /// `rows`, which are the current batch of `inbox`, sent with the inputs `asked`.
    pub fn received(inbox: &Inbox, rows: &'a Rows, asked: InputSet) -> Self {
        let columns = Self::bits(rows, asked).into_iter().enumerate();
        let columns = columns.map(|(index, bits)| Column::held_by(bits, inbox.column(index))).collect();
        Self { rows, asked, columns }
    }

    /// Number of columns that are sent to a GPU with the inputs `asked`.
    pub fn n_columns(asked: InputSet) -> usize {
        FIXED + asked.iter().count()
    }

    /// The bits of the columns, as they are sent: what a network reads, the groups, the inputs `asked` in the order of
    /// the table.
    pub fn bits(rows: &'a Rows, asked: InputSet) -> Vec<&'a [u32]> {
        let fixed: [&[u32]; FIXED] = [&rows.inputs, &rows.document_position, &rows.group];
        fixed.into_iter().chain(asked.iter().map(|input| rows.columns.get(input).bits())).collect()
    }

    /// The rows on the host.
    pub fn rows(&self) -> &'a Rows {
        self.rows
    }

    /// What a network reads of them.
    pub fn tokens(&self) -> Tokens<'a> {
        let [ids, positions] = [0, 1].map(|column| self.columns[column].clone());
        let offsets = positions.clone();
        Tokens { ids, positions, offsets, types: None, length: self.rows.context, source: None }
    }

    /// Address of the numbers of the groups on the GPU; 0 on the CPU.
    pub(crate) fn group(&self) -> u64 {
        self.columns[2].pointer()
    }

    /// Address of a row input on the GPU, 0 on the CPU; none if it was not asked for.
    pub(crate) fn pointer(&self, input: RowInput) -> Option<u64> {
        let index = self.asked.iter().position(|other| other == input)?;
        Some(self.columns[FIXED + index].pointer())
    }
}
