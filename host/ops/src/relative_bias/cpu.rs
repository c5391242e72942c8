//! The relative bias on the CPU.

use super::Buckets;
use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::{Engine, Tensor};

pub(super) fn forward(_engine: &Engine, buckets: &Buckets, table: &Tensor, bias: &Tensor) -> Result<()> {
    let heads = table.row_width();
    with_type!(table, T => with_slices::<T, 1, 1>([table], [bias], |[table], [bias]| {
        for (head, bias) in bias.chunks_exact_mut(buckets.width()).enumerate() {
            for (bias, &row) in bias.iter_mut().zip(&buckets.rows) {
                *bias = table[row as usize * heads + head];
            }
        }
        Ok(())
    }))
}

pub(super) fn backward(_engine: &Engine, buckets: &Buckets, dbias: &Tensor, dtable: &Tensor) -> Result<()> {
    let heads = dtable.row_width();
    with_type!(dtable, T => with_slices::<T, 1, 1>([dbias], [dtable], |[dbias], [dtable]| {
        for (head, dbias) in dbias.chunks_exact(buckets.width()).enumerate() {
            for (&dbias, &row) in dbias.iter().zip(&buckets.rows) {
                dtable[row as usize * heads + head] += dbias;
            }
        }
        Ok(())
    }))
}
