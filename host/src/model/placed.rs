//! A batch where the model computes.

use super::Tokens;
use crate::Result;
use crate::feed::Batch;
use crate::ops::{Column, Engine, Inbox};

/// Columns of a batch that are sent to a GPU.
pub const COLUMNS: usize = 6;

/// A batch, and on a GPU copies of its columns there.
#[derive(Debug, Clone)]
pub struct PlacedBatch<'a> {
    /// The batch on the host.
    pub batch: &'a Batch,
    /// `[rows]`: ids that are read.
    pub inputs: Column<'a, u32>,
    /// `[rows]`: positions in their documents.
    pub position: Column<'a, u32>,
    /// `[rows]`: ids to predict.
    pub targets: Column<'a, u32>,
    /// `[rows]`: 1 where the row counts, 0 where it is padding.
    pub weight: Column<'a, f32>,
    /// `[rows]`: bytes of the target tokens.
    pub target_bytes: Column<'a, f32>,
    /// `[rows]`: numbers of their groups.
    pub group: Column<'a, u32>,
}

impl<'a> PlacedBatch<'a> {
    /// `batch` where `engine` computes.
    pub fn new(engine: &Engine, batch: &'a Batch) -> Result<Self> {
        Ok(Self {
            batch,
            inputs: Column::new(engine, &batch.inputs)?,
            position: Column::new(engine, &batch.position)?,
            targets: Column::new(engine, &batch.targets)?,
            weight: Column::new(engine, &batch.weight)?,
            target_bytes: Column::new(engine, &batch.target_bytes)?,
            group: Column::new(engine, &batch.group)?,
        })
    }

    /// The bits of the columns, as they are sent.
    pub fn bits(batch: &Batch) -> [&[u32]; COLUMNS] {
        let (weight, target_bytes) = (bytemuck::cast_slice(&batch.weight), bytemuck::cast_slice(&batch.target_bytes));
        [&batch.inputs, &batch.position, &batch.targets, weight, target_bytes, &batch.group]
    }

    /// `batch`, which is the current one of `inbox`.
    pub fn received(inbox: &Inbox, batch: &'a Batch) -> Self {
        Self {
            batch,
            inputs: Column::held_by(&batch.inputs, inbox.column(0)),
            position: Column::held_by(&batch.position, inbox.column(1)),
            targets: Column::held_by(&batch.targets, inbox.column(2)),
            weight: Column::held_by(&batch.weight, inbox.column(3)),
            target_bytes: Column::held_by(&batch.target_bytes, inbox.column(4)),
            group: Column::held_by(&batch.group, inbox.column(5)),
        }
    }

    /// What a network reads of it.
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens { ids: self.inputs.clone(), positions: self.position.clone(), length: self.batch.context }
    }
}
