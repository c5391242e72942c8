//! Runs a plan: its buffers for the sizes of a batch, and the steps of a forward and a backward.

mod backward;
mod buffers;
mod forward;
mod weights;

pub(super) use buffers::{Buffers, Size};
pub(super) use weights::Weights;

use super::dropout::Dropout;
use super::graph::Index;
use super::plan::{Drop, Plan};
use crate::ops::dropout::Mask;
use crate::ops::{Column, Engine};
use crate::rows::Tokens;
use crate::{Error, Result};
use trainyard_plugin::network::Space;

/// One forward or backward.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub engine: &'a Engine,
    pub plan: &'a Plan,
    pub weights: &'a Weights,
    pub buffers: &'a Buffers,
    pub tokens: &'a Tokens<'a>,
    /// None unless training.
    pub dropout: Option<Dropout>,
    /// The rows of each sequence, for pools.
    pub ranges: &'a Ranges<'a>,
    /// `[sequences]`: the source that each reads, in a forward alone; none: each its own.
    pub sources: Option<&'a [u32]>,
}

/// First row and number of rows of each sequence, `[2 · sequences]`; none where nothing is pooled.
#[derive(Debug, Default)]
pub(super) struct Ranges<'a> {
    pub rows: Column<'a, u32>,
    pub source: Column<'a, u32>,
}

impl<'a> Pass<'a> {
    /// The mask of a place, while training.
    fn mask(&self, drop: Option<Drop>) -> Option<Mask> {
        let (Dropout { stream, first_sequence }, Drop { site, rate }) = (self.dropout?, drop?);
        Some(Mask { stream, first_sequence, sites: self.plan.sites, site, rate })
    }

    /// A column of the batch.
    fn index(&self, index: Index) -> Result<&'a Column<'a, u32>> {
        let source = self.tokens.source.as_ref();
        let found = match index {
            Index::Ids => Some(&self.tokens.ids),
            Index::Positions => Some(&self.tokens.positions),
            Index::TokenTypes => self.tokens.types.as_ref(),
            Index::SourceIds => source.map(|source| &source.ids),
            Index::SourcePositions => source.map(|source| &source.positions),
        };
        found.ok_or_else(|| Error::run(format!("the model reads {index:?}, which the batch does not have")))
    }

    /// Rows per sequence of a space.
    fn length(&self, space: Space) -> usize {
        match space {
            Space::Row => self.tokens.length,
            Space::Source => self.tokens.source.as_ref().map_or(0, |source| source.length),
            Space::Sequence => 1,
        }
    }

    /// Where documents of a space begin; the source is one document per sequence.
    fn offsets(&self, space: Space) -> Result<&'a Column<'a, u32>> {
        match space {
            Space::Row => Ok(&self.tokens.offsets),
            _ => self.index(Index::SourcePositions),
        }
    }

    /// The rows of each sequence of a space that count.
    fn ranges(&self, space: Space) -> &'a Column<'a, u32> {
        match space {
            Space::Source => &self.ranges.source,
            _ => &self.ranges.rows,
        }
    }

    /// How many rows of each source sequence are there.
    fn valid(&self) -> Result<&'a Column<'a, u32>> {
        let source = self.tokens.source.as_ref();
        source
            .map(|source| &source.valid)
            .ok_or_else(|| Error::run("the model reads a source, which the batch does not have"))
    }

    /// Positions of the rows of a space.
    fn positions(&self, space: Space) -> Result<&'a Column<'a, u32>> {
        self.index(if space == Space::Row { Index::Positions } else { Index::SourcePositions })
    }
}
