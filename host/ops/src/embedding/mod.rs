//! Sums of rows of tables: x = token vector, plus a position vector and a token type's vector in models that learn
//! those.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Column, Engine, OpGroup, Tensor, Weight};
use crate::{Error, Result};

/// Most tables whose rows are summed in one pass.
pub const TABLES_MAX: usize = 3;

/// A row of `table` for each row: `table[index[i] + offset]`.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    /// `[rows]`
    pub index: &'a Column<'a, u32>,
    /// `[entries, width]`: the table, or its gradient. Every index + offset must be below its number of entries: who
    /// makes the batch checks.
    pub table: Weight<'a>,
    /// Added to every index: positions begin at 2 in OPT, BART and RoBERTa.
    pub offset: usize,
}

impl<'a> Lookup<'a> {
    /// Rows of `table` at `index`.
    pub fn new(index: &'a Column<'a, u32>, table: impl Into<Weight<'a>>) -> Self {
        Self { index, table: table.into(), offset: 0 }
    }
}

/// `out` `[rows, width]` = the sum of the rows that `lookups` find, from the first to the last.
///
/// # Errors
/// No lookup or more than [`TABLES_MAX`], a tensor of another device, type or size, or a GPU that fails.
pub fn forward(engine: &Engine, lookups: &[Lookup<'_>], out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    if !(1..=TABLES_MAX).contains(&lookups.len()) {
        let n = lookups.len();
        return Err(Error::run(format!("embedding: {n} tables, expected 1 to {TABLES_MAX}")));
    }
    check(lookups, out)?;
    on_device!(engine, forward(lookups, out))
}

/// `gradient[index[i] + offset]` += `dx[i]` for each of `gradients`: lookups whose tables are gradients. One that is
/// not wanted is left out.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn backward(engine: &Engine, dx: &Tensor, gradients: &[Lookup<'_>]) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    let in_order = engine.is_deterministic();
    check(gradients, dx)?;
    gradients.iter().try_for_each(|gradient| on_device!(engine, add_rows(gradient, dx, in_order)))
}

/// Checks the sizes of tables and of `x` `[rows, width]`.
fn check(lookups: &[Lookup<'_>], x: &Tensor) -> Result<()> {
    let (rows, width) = x.dims2()?;
    for Lookup { index, table, .. } in lookups {
        if index.host().len() != rows || table.dims2()?.1 != width {
            return Err(Error::run(format!(
                "embedding: {} indices into a table {:?} for a tensor {:?}",
                index.host().len(),
                table.dims2()?,
                x.dims()
            )));
        }
    }
    Ok(())
}
