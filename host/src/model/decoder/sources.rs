//! The texts that an encoder reads for a batch of sequences.

use crate::model::Model;
use crate::model::graph::Index;
use crate::ops::Column;
use crate::rows::Source;
use crate::{Error, Result};

/// Texts of one length: shorter ones are padded.
#[derive(Debug)]
pub(super) struct Sources {
    /// `[sources · length]`
    ids: Vec<u32>,
    /// `[sources · length]`: count from 0 in each text, and again in its padding.
    positions: Vec<u32>,
    /// `[sources]`: tokens of each.
    valid: Vec<u32>,
    /// 0 of a model without an encoder.
    pub length: usize,
}

impl Sources {
    /// The texts `sources`, all empty for a model without an encoder.
    ///
    /// # Errors
    /// A source that the model does not read or cannot do without.
    pub fn new(model: &Model, sources: &[&[u32]]) -> Result<Self> {
        let reads = model.graph.reads(Index::SourceIds);
        if reads && sources.iter().any(|source| source.is_empty()) {
            return Err(Error::run("this model writes from a source text, and was given none"));
        }
        if !reads && sources.iter().any(|source| !source.is_empty()) {
            return Err(Error::run("this model reads no source text, and was given one"));
        }
        let length = sources.iter().map(|source| source.len()).max().unwrap_or(0);
        let (mut ids, mut positions) = (Vec::new(), Vec::new());
        for source in sources {
            let padding = length - source.len();
            ids.extend(source.iter().copied().chain(std::iter::repeat_n(0, padding)));
            positions.extend((0..source.len() as u32).chain(0..padding as u32));
        }
        Ok(Self { ids, positions, valid: sources.iter().map(|source| source.len() as u32).collect(), length })
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// As a model reads them; none for a model without an encoder.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn placed(&self, model: &Model) -> Result<Option<Source<'_>>> {
        let column = |numbers| Column::new(model.engine(), numbers);
        if self.length == 0 {
            return Ok(None);
        }
        let (ids, positions, valid) = (column(&self.ids)?, column(&self.positions)?, column(&self.valid)?);
        Ok(Some(Source { ids, positions, valid, length: self.length }))
    }
}
